-- Remove sessions whose end is recorded.
-- KEYS  epoch
-- ARGV  random at tolerance rule | session holder grant …
-- rule  ended:   only those whose end has begun (a rebuild may have brought one back since)
--       session: whatever their state, by session id
--       grant:   only while grant is the count of attempts and nothing was recorded
-- Answer  OK removed
-- Complexity O(sessions × pools × log n). Idempotent.
-- A token that may outlive its session counts from here on as spent, in the same step.
-- A grant that failed has answered with none: it leaves what its holder had before, and
-- is counted as failed.
local no = closed()
if no then return no end
local rule, removed = ARGV[4], 0

local function may_go(session, s, grant)
  if rule == 'session' then return true end
  local _, ending = end_of(session)
  if rule == 'ended' then return ending end
  return s.grant == grant and not s.recorded and not ending
end

-- before: when the token ends that the holder brought along.
local function spend(s, holder, before)
  local ends = before
  if rule ~= 'grant' and s.reason ~= 'failed' then ends = math.max(ends, s.token) end
  if ends > now or clocks_differ then redis.call('ZADD', spent_key(string.match(s.pools, '^%S*')), 'GT', digits(ends), holder) end
end

local function count_failed(s)
  local pool = string.match(s.pools, '^%S*')
  if pool ~= '' then metered().failed(pool, s.acquired) end
end

for i = 5, #ARGV, 3 do
  local session, holder, grant = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local raw = redis.call('HGET', kept('data'), session)
  local s = raw and unpack_session(raw)
  if s and may_go(session, s, grant) then
    if rule ~= 'ended' then count_level_of(s) end
    redis.call('ZREM', kept('all'), session)
    for pool in string.gmatch(s.pools, '%S+') do redis.call('ZREM', pool_key(pool), session) end
    redis.call('HDEL', kept('data'), session)
    local before = 0
    if redis.call('HGET', kept('holders'), holder) == session then
      before = tonumber(redis.call('HGET', kept('resumed'), holder) or 0)
      redis.call('HDEL', kept('holders'), holder)
      redis.call('HDEL', kept('resumed'), holder)
    end
    spend(s, holder, before)
    if rule == 'grant' or s.reason == 'failed' then count_failed(s) end
    removed = removed + 1
  end
end
return answer(OK, removed)
