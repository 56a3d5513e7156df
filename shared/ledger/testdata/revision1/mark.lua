-- Mark a living session as ending: it expires at once, with a reason. From then
-- on no heartbeat extends it and no acquire answers with it; whoever meets it
-- completes the end, also when the process that marked it is gone.
-- KEYS  E N all data owed marked    ARGV  generation random | session user own_reason other_reason grant
-- user is compared with the session's; another user's session is FOREIGN when
-- other_reason is ''. grant > 0 marks only while that is the count of attempts.
-- Returns {EXPIRED, session, ended, data} | {GONE, owed} | {UNKNOWN, now} | {FOREIGN} | {TOUCHED}
-- Complexity O(log n). Idempotent: the first mark stays.
-- The license's own set, which is not known here, keeps the old expiry until
-- reserve.lua needs it and finds the session among the marked.
local no = closed()
if no then return no end
local all, data, owed = KEYS[3], KEYS[4], KEYS[5]
local session, user, own_reason, other_reason, grant = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local now = clock()

local raw = redis.call('HGET', data, session)
if not raw then
  local debt = redis.call('HGET', owed, session)
  if debt then return {GONE, debt} end
  return {UNKNOWN, now}
end
local s = unpack_session(raw)
local reason = own_reason
if string.sub(s.who, 1, #user + 1) ~= user .. '\t' then
  if other_reason == '' then return {FOREIGN} end
  reason = other_reason
end
if grant ~= '0' and s.grant ~= grant then return {TOUCHED} end
local expiry = tonumber(redis.call('ZSCORE', all, session) or 0)
if expiry > now then
  s.reason = reason
  raw, expiry = pack_session(s), now
  redis.call('HSET', data, session, raw)
  redis.call('ZADD', all, digits(now), session)
  redis.call('ZADD', KEYS[6], digits(now), session)
end
return {EXPIRED, session, digits(expiry), raw}
