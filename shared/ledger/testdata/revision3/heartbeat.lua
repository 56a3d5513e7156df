-- Extend a living session of this user.
-- KEYS  epoch
-- ARGV  random at tolerance record_epoch session user ttl token_ttl force | license license_end …  (licenses that may end before a token would)
-- Answer  OK expiry token renewed used data previous_token
--         EXPIRED session end data | UNKNOWN | FOREIGN
-- Complexity O(pools × log n). Safe to repeat: but for the times nothing changes,
-- save that only the first run says that the token is due (a client whose answer
-- was lost asks with force).
-- The dead stay dead: an expired session is never extended, else a late
-- heartbeat would make 51 of 50. While the clocks differ nobody expires, and no
-- token is made: its life would count from a time that may be wrong.
local no = closed(ARGV[4])
if no then return no end
local session, user, ttl, token_ttl, force = unpack(ARGV, 5, 9)
ttl, token_ttl, force = tonumber(ttl), tonumber(token_ttl), force == '1'

local raw = redis.call('HGET', kept('data'), session)
if not raw then return answer(UNKNOWN) end
local s = unpack_session(raw)
if not belongs(s, user) then return answer(FOREIGN) end
if over(end_of(session)) then
  local a = answer(EXPIRED)
  tell_end(a, session)
  return a
end

local license_end = 0
for i = 10, #ARGV, 2 do
  if ARGV[i] == s.license then license_end = tonumber(ARGV[i + 1]) end
end
local previous = s.token
local fresh, renewed = renewal(previous, token_ttl, license_end)
renewed = (renewed or force) and not clocks_differ
if renewed then s.token = fresh end
s.beat = now
s.recorded = true -- its id was told to the client, which happens only after its record is durable
raw = write(session, s)
score(session, s, end_after(ttl))
return answer(OK, now + ttl, s.token, renewed and 1 or 0, living(string.match(s.pools, '^%S*')), raw, previous)
