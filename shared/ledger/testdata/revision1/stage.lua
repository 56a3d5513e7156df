-- Put a chunk of recorded sessions into a generation that is being rebuilt.
-- KEYS  E N all data licenses owed dead lease | license holders (a pair per session)
-- ARGV  generation random | nonce ttl lease_ttl | session holder license data token_life (five per session)
-- Returns {OK, staged} | {LOST}. Complexity O(k log n). Idempotent.
-- The keys carry the new generation's name and are not looked at by anyone
-- until load.lua names it. Sessions whose end is owed stay out: their release
-- was acknowledged. Until it is loaded the generation counts as dead: should this
-- rebuild never end, the reaper clears what it left. Whoever stages is alive: the lease is renewed.
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {LOST} end
local id = identity()
if string.sub(ARGV[3], 1, #id + 1) ~= id .. ':' then return {LOST} end
local all, data, licenses, owed, ttl = KEYS[3], KEYS[4], KEYS[5], KEYS[6], tonumber(ARGV[4])
local now, staged = clock(), 0
redis.call('SADD', KEYS[7], ARGV[1])
local by, of = string.match(redis.call('GET', KEYS[8]) or '', '^%d+;([^;]*);(.*)$')
if of == ARGV[3] then redis.call('SET', KEYS[8], digits(now + tonumber(ARGV[5])) .. ';' .. by .. ';' .. of) end
local expiry = digits(now + ttl)
for i = 9, #KEYS, 2 do
  local at = 6 + (i - 9) / 2 * 5
  local session, holder = ARGV[at], ARGV[at + 1]
  if redis.call('HEXISTS', owed, session) == 0 then
    redis.call('ZADD', all, expiry, session)
    redis.call('ZADD', KEYS[i], expiry, session)
    redis.call('HSET', KEYS[i + 1], holder, session)
    redis.call('SADD', licenses, ARGV[at + 2])
    local s = unpack_session(ARGV[at + 3])
    s.token = digits(now + tonumber(ARGV[at + 4]))
    redis.call('HSET', data, session, pack_session(s))
    staged = staged + 1
  end
end
return {OK, staged}
