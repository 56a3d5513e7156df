-- Set when a session's token is held to end: back to the old one's end after a
-- renewal that could not be signed, so that the next heartbeat tries again.
-- KEYS  epoch
-- ARGV  random at tolerance session token
-- Answer  OK 0|1
-- Complexity O(1). Idempotent.
local no = closed()
if no then return no end
local session, token = unpack(ARGV, 4)
local raw = redis.call('HGET', kept('data'), session)
if not raw then return answer(OK, 0) end
local s = unpack_session(raw)
s.token = tonumber(token)
write(session, s)
return answer(OK, 1)
