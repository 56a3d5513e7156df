-- Remove sessions whose end is recorded.
-- KEYS  epoch
-- ARGV  random at tolerance rule | session holder grant …
-- rule  ended:   only those whose end has begun (a rebuild may have brought one back since)
--       session: whatever their state, by session id
--       grant:   only while grant is the count of attempts and nothing was recorded
-- Answer  OK removed
-- Complexity O(sessions × pools × log n). Idempotent.
local no = closed()
if no then return no end
local rule, removed = ARGV[4], 0

local function may_go(session, s, grant)
  if rule == 'session' then return true end
  local _, ending = end_of(session)
  if rule == 'ended' then return ending end
  return s.grant == grant and not s.recorded and not ending
end

for i = 5, #ARGV, 3 do
  local session, holder, grant = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local raw = redis.call('HGET', kept('data'), session)
  local s = raw and unpack_session(raw)
  if s and may_go(session, s, grant) then
    redis.call('ZREM', kept('all'), session)
    for pool in string.gmatch(s.pools, '%S+') do redis.call('ZREM', pool_key(pool), session) end
    redis.call('HDEL', kept('data'), session)
    if redis.call('HGET', kept('holders'), holder) == session then redis.call('HDEL', kept('holders'), holder) end
    removed = removed + 1
  end
end
return answer(OK, removed)
