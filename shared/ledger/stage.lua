-- Put a chunk of recorded sessions into a generation that is being rebuilt.
-- KEYS  epoch
-- ARGV  random number nonce ttl lease_ttl | session holder data token_life …
-- Answer  OK staged | LOST
-- Complexity O(sessions × pools × log n). Idempotent.
-- The keys carry the new generation's name and are not looked at by anyone
-- until load.lua names it. Sessions whose end is pending stay out: their release
-- was acknowledged. Until it is loaded the generation counts as dead: should this
-- rebuild never end, the reaper clears what it left. Whoever stages is alive: the lease is renewed.
local _, number, n, ttl, lease_ttl = unpack(ARGV, 1, 5)
if not wanted(n) then return answer(LOST) end
generation = name_of(number, n)
redis.call('SADD', key('dead'), generation)
local by, of = string.match(redis.call('GET', key('lease')) or '', '^%d+;([^;]*);(.*)$')
if of == n then redis.call('SET', key('lease'), digits(now + tonumber(lease_ttl)) .. ';' .. by .. ';' .. of) end
local staged = 0
for i = 6, #ARGV, 4 do
  local session, holder = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', key('pending'), session) == 0 then
    local s = unpack_session(ARGV[i + 2])
    s.token = now + tonumber(ARGV[i + 3])
    write(session, s)
    expire_at(session, s, now + tonumber(ttl))
    redis.call('HSET', kept('holders'), holder, session)
    for pool in string.gmatch(s.pools, '%S+') do redis.call('SADD', kept('pools'), pool) end
    staged = staged + 1
  end
end
return answer(OK, staged)
