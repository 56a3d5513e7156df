-- Extend a living session of this user.
-- KEYS  E N all data owed | license…    ARGV  generation random | session user ttl token_ttl force
--       license_id license_end (a pair per license key)
-- Returns {OK, session, now, expiry, token_expiry, renewed, used, data, previous_token_expiry}
--       | {EXPIRED, session, expiry, data} | {GONE, owed} | {UNKNOWN, now} | {FOREIGN} | {LICENSE, license_id}
-- Complexity O(log n + licenses given). Safe to repeat: but for the times nothing
-- changes, save that only the first run says that the token is due (a client
-- whose answer was lost asks with force).
-- The dead stay dead: an expired session is never extended, else a late
-- heartbeat would make 51 of 50.
local no = closed()
if no then return no end
local all, data, owed = KEYS[3], KEYS[4], KEYS[5]
local session, user, ttl, token_ttl, force = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local now = clock()

local raw = redis.call('HGET', data, session)
if not raw then
  local debt = redis.call('HGET', owed, session)
  if debt then return {GONE, debt} end
  return {UNKNOWN, now}
end
local s = unpack_session(raw)
if string.sub(s.who, 1, #user + 1) ~= user .. '\t' then return {FOREIGN} end
local expiry = tonumber(redis.call('ZSCORE', all, session) or 0)
if expiry <= now then return {EXPIRED, session, digits(expiry), raw} end

-- The client names a session only; which license it is of is found here. The
-- caller passes the keys of those it may be and asks again if it is none of them.
local license, license_end
for i = 6, #KEYS do
  local at = 8 + (i - 6) * 2
  if ARGV[at] == s.license then license, license_end = KEYS[i], tonumber(ARGV[at + 1]) end
end
if not license then return {LICENSE, s.license} end

local previous = tonumber(s.token)
local fresh, renewed = renewal(now, previous, token_ttl, license_end)
if renewed or force then s.token = digits(fresh) end
s.beat = digits(now)
s.recorded = '1' -- its id was told to the client, which happens only after its record is durable
raw = pack_session(s)
redis.call('HSET', data, session, raw)
redis.call('ZADD', all, digits(now + ttl), session)
redis.call('ZADD', license, digits(now + ttl), session)
return {OK, session, now, now + ttl, tonumber(s.token), (renewed or force) and 1 or 0,
  redis.call('ZCOUNT', license, '(' .. digits(now), '+inf'), raw, previous}
