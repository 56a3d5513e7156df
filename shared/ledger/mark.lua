-- Mark a living session as ending: it expires at once, with a reason. From then
-- on no heartbeat extends it and no acquire answers with it; whoever meets it
-- completes the end, also when the process that marked it is gone.
-- KEYS  epoch
-- ARGV  random session user own_reason other_reason grant
-- user is compared with the session's; another user's session is FOREIGN when
-- other_reason is ''. grant > 0 marks only while that is the count of attempts.
-- Answer  EXPIRED session expiry data | PENDING pending | UNKNOWN | FOREIGN | TOUCHED
-- Complexity O(pools × log n). Idempotent: the first mark stays.
local no = closed()
if no then return no end
local _, session, user, own_reason, other_reason, grant = unpack(ARGV)

local raw = redis.call('HGET', kept('data'), session)
if not raw then
  local pending = redis.call('HGET', key('pending'), session)
  if pending then return answer(PENDING, pending) end
  return answer(UNKNOWN)
end
local s = unpack_session(raw)
local reason = own_reason
if not belongs(s, user) then
  if other_reason == '' then return answer(FOREIGN) end
  reason = other_reason
end
if grant ~= '0' and s.grant ~= tonumber(grant) then return answer(TOUCHED) end
local expiry = expiry_of(session)
if expiry > now then
  s.reason, expiry = reason, now
  raw = write(session, s)
  expire_at(session, s, now)
end
return answer(EXPIRED, session, digits(expiry), raw)
