-- Begin the end of a session, with a reason. From then on no heartbeat extends it
-- and no acquire answers with it; whoever meets it completes the end, also when
-- the process that marked it is gone.
-- KEYS  epoch
-- ARGV  random at tolerance session user own_reason other_reason grant
-- user is compared with the session's; another user's session is FOREIGN when
-- other_reason is ''. grant > 0 marks only while that is the count of attempts.
-- Answer  EXPIRED session end data | UNKNOWN | FOREIGN | TOUCHED
-- Complexity O(pools × log n). Idempotent: the first mark stays, and a session
-- that has expired has done so for that reason.
local no = closed()
if no then return no end
local session, user, own_reason, other_reason, grant = unpack(ARGV, 4)

local raw = redis.call('HGET', kept('data'), session)
if not raw then return answer(UNKNOWN) end
local s = unpack_session(raw)
local reason = own_reason
if not belongs(s, user) then
  if other_reason == '' then return answer(FOREIGN) end
  reason = other_reason
end
if grant ~= '0' and s.grant ~= tonumber(grant) then return answer(TOUCHED) end
count_level_of(s)
if not over(end_of(session)) then
  return answer(EXPIRED, session, digits(now), begin_end(session, s, now, reason))
end
local a = answer(EXPIRED)
tell_end(a, session)
return a
