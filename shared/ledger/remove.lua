-- Remove sessions whose end is recorded, or pending until the record is back.
-- KEYS  epoch
-- ARGV  random rule | session holder grant …
-- rule  expired: only those still expired (a rebuild may have revived one since)
--       session: whatever their state, by session id
--       grant:   only while grant is the count of attempts and nothing was recorded
--       pending: as session, and keep the end for the reaper to record
-- Answer  OK removed
-- Complexity O(sessions × pools × log n). Idempotent.
local no = closed()
if no then return no end
local rule, removed = ARGV[2], 0

local function may_go(s, expiry, grant)
  if rule == 'expired' then return expiry <= now end
  if rule == 'grant' then return s.grant == grant and not s.recorded and s.reason == '' end
  return true
end

for i = 3, #ARGV, 3 do
  local session, holder, grant = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local raw = redis.call('HGET', kept('data'), session)
  local s, expiry = raw and unpack_session(raw), expiry_of(session)
  if s and may_go(s, expiry, grant) then
    redis.call('ZREM', kept('all'), session)
    for pool in string.gmatch(s.pools, '%S+') do redis.call('ZREM', pool_key(pool), session) end
    redis.call('HDEL', kept('data'), session)
    if redis.call('HGET', kept('holders'), holder) == session then redis.call('HDEL', kept('holders'), holder) end
    if rule == 'pending' then redis.call('HSET', key('pending'), session, digits(expiry) .. ';' .. raw) end
    removed = removed + 1
  end
end
return answer(OK, removed)
