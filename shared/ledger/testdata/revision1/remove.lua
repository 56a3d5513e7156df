-- Remove sessions whose end is recorded, or owed to the record.
-- KEYS  E N all data owed marked | license holders (a pair per session)
-- ARGV  generation random | rule | session holder grant (three per session)
-- rule  expired: only those still expired (a rebuild may have revived one since)
--       session: whatever their state, by session id
--       grant:   only while grant is the count of attempts and nothing was recorded
--       owe:     as session, and remember the end for the reaper to record
-- Returns {OK, removed}. Complexity O(k log n). Idempotent.
local no = closed()
if no then return no end
local all, data, owed, marked, rule = KEYS[3], KEYS[4], KEYS[5], KEYS[6], ARGV[3]
local now, removed = clock(), 0

local function may_go(raw, expiry, grant)
  if rule == 'expired' then return expiry <= now end
  if rule == 'grant' then
    local s = unpack_session(raw)
    return s.grant == grant and s.recorded == '0' and s.reason == ''
  end
  return true
end

for i = 7, #KEYS, 2 do
  local at = 4 + (i - 7) / 2 * 3
  local session, holder, grant = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local raw = redis.call('HGET', data, session)
  local expiry = tonumber(redis.call('ZSCORE', all, session) or 0)
  if raw and may_go(raw, expiry, grant) then
    redis.call('ZREM', all, session)
    redis.call('ZREM', marked, session)
    redis.call('ZREM', KEYS[i], session)
    redis.call('HDEL', data, session)
    if redis.call('HGET', KEYS[i + 1], holder) == session then redis.call('HDEL', KEYS[i + 1], holder) end
    if rule == 'owe' then redis.call('HSET', owed, session, digits(expiry) .. ';' .. raw) end
    removed = removed + 1
  end
end
return {OK, removed}
