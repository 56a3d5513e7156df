-- Put a chunk of recorded sessions into a generation that is being rebuilt.
-- KEYS  epoch
-- ARGV  random at tolerance opened nonce lease_ttl part last token_min | session holder data token_ttl …
--       part and last: how far this part of the record is staged with this chunk ('': no farther than before)
-- Answer  OK staged | LOST
-- Complexity O(sessions × pools × log n). Idempotent.
-- The keys carry the new generation's name and are not looked at by anyone
-- until load.lua names it, which also says how long all its sessions live. Until it
-- is loaded the generation counts as dead: should this rebuild never end, the reaper
-- clears what it left. Whoever stages is alive: the lease is renewed.
-- A session whose end had begun in the generation before goes on ending: its
-- release may have been acknowledged.
-- Which token a session was answered with last is in no record: the one that it could
-- have been answered with now ends after all of them. Before version 4 each lived for
-- as long as any may.
-- The meters of its pools begin when the generation is loaded.
local opened, n, lease_ttl, part, last, token_min = unpack(ARGV, 4, 9)
if not wanted(n) then return answer(LOST) end
local _, before = loaded()
local ending = {}
if before and string.match(before, '^v' .. VERSION .. '%.') then
  use(before)
  if redis.call('ZCOUNT', kept('all'), '-inf', ending_to) > 0 then
    for i = 10, #ARGV, 4 do
      local ends, begun = end_of(ARGV[i])
      if begun then ending[ARGV[i]] = {at = ends, reason = unpack_session(redis.call('HGET', kept('data'), ARGV[i])).reason} end
    end
  end
end
local earned = not before or tonumber(string.match(before, '^v(%d+)%.') or 0) >= 4
use(name_of(opened))
redis.call('SADD', key('dead'), generation)
renew_lease(n, lease_ttl)
local pools -- of the session before: most of a chunk have the same
for i = 10, #ARGV, 4 do
  local session, s = ARGV[i], unpack_session(ARGV[i + 2])
  local token_ttl = tonumber(ARGV[i + 3])
  local from = clocks_differ and math.max(now, math.min(called_at, now + token_ttl)) or now
  s.token = from + token_life(earned and from - s.acquired or math.huge, token_ttl, tonumber(token_min))
  write(session, s)
  score(session, s, now)
  if ending[session] then begin_end(session, s, ending[session].at, ending[session].reason) end
  redis.call('HSET', kept('holders'), ARGV[i + 1], session)
  if s.pools ~= pools then
    pools = s.pools
    for pool in string.gmatch(pools, '%S+') do redis.call('SADD', kept('pools'), pool) end
    if pools ~= '' then redis.call('HSETNX', kept('meters'), string.match(pools, '^%S*'), '') end
  end
end
if last ~= '' then redis.call('HSET', key('progress'), part, n .. ';' .. last) end
return answer(OK, (#ARGV - 9) / 4)
