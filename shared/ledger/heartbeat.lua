-- Extend a living session of this user.
-- KEYS  epoch
-- ARGV  random session user ttl token_ttl force | license license_end …  (licenses that may end before a token would)
-- Answer  OK expiry token renewed used data previous_token
--         EXPIRED session expiry data | PENDING pending | UNKNOWN | FOREIGN
-- Complexity O(pools × log n). Safe to repeat: but for the times nothing changes,
-- save that only the first run says that the token is due (a client whose answer
-- was lost asks with force).
-- The dead stay dead: an expired session is never extended, else a late
-- heartbeat would make 51 of 50.
local no = closed()
if no then return no end
local _, session, user, ttl, token_ttl, force = unpack(ARGV, 1, 6)
ttl, token_ttl, force = tonumber(ttl), tonumber(token_ttl), force == '1'

local raw = redis.call('HGET', kept('data'), session)
if not raw then
  local pending = redis.call('HGET', key('pending'), session)
  if pending then return answer(PENDING, pending) end
  return answer(UNKNOWN)
end
local s = unpack_session(raw)
if not belongs(s, user) then return answer(FOREIGN) end
local expiry = expiry_of(session)
if expiry <= now then return answer(EXPIRED, session, digits(expiry), raw) end

local license_end = 0
for i = 7, #ARGV, 2 do
  if ARGV[i] == s.license then license_end = tonumber(ARGV[i + 1]) end
end
local previous = s.token
local fresh, renewed = renewal(previous, token_ttl, license_end)
if force then renewed = true end
if renewed then s.token = fresh end
s.beat = now
s.recorded = true -- its id was told to the client, which happens only after its record is durable
raw = write(session, s)
expire_at(session, s, now + ttl)
return answer(OK, now + ttl, s.token, renewed and 1 or 0,
  living(string.match(s.pools, '^%S*')), raw, previous)
