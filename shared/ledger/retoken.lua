-- Set when a session's token is held to end: back to the old one's end after a
-- renewal that could not be signed, so that the next heartbeat tries again.
-- KEYS  E N data    ARGV  generation random | session token_expiry
-- Returns {OK, 0|1}. Complexity O(1). Idempotent.
local no = closed()
if no then return no end
local raw = redis.call('HGET', KEYS[3], ARGV[3])
if not raw then return {OK, 0} end
local s = unpack_session(raw)
s.token = ARGV[4]
redis.call('HSET', KEYS[3], ARGV[3], pack_session(s))
return {OK, 1}
