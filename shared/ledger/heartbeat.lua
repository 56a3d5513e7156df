-- Extend a living session of this user.
-- KEYS  epoch
-- ARGV  random at tolerance record_epoch session user ttl token_min token_ttl | license token_ttl …  (of licenses with one of their own)
-- Answer  OK expiry token used data  (token 0: none is to be made)
--         EXPIRED session end data | UNKNOWN | FOREIGN
-- Complexity O(pools × log n). Safe to repeat: but for the times nothing changes.
-- The dead stay dead: an expired session is never extended, else a late
-- heartbeat would make 51 of 50. While the clocks differ nobody expires.
local no = closed(ARGV[4])
if no then return no end
local session, user, ttl, token_min, token_ttl = unpack(ARGV, 5, 9)
ttl = tonumber(ttl)

local raw = redis.call('HGET', kept('data'), session)
if not raw then return answer(UNKNOWN) end
local s = unpack_session(raw)
if not belongs(s, user) then return answer(FOREIGN) end
if over(end_of(session)) then
  local a = answer(EXPIRED)
  tell_end(a, session)
  return a
end

for i = 10, #ARGV, 2 do
  if ARGV[i] == s.license then token_ttl = ARGV[i + 1] end
end
local token = next_token(s, tonumber(token_ttl), tonumber(token_min))
s.beat = now
s.recorded = true -- its id was told to the client, which happens only after its record is durable
raw = write(session, s)
score(session, s, end_after(ttl))
return answer(OK, now + ttl, token, living(string.match(s.pools, '^%S*')), raw)
