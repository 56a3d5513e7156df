-- What the reaper has to do for one organization.
-- KEYS  epoch
-- ARGV  random limit
-- Answer  OK earliest (0: no session) {session, expiry, data, …} {session, pending, …} {dead generation, …}
-- Complexity O(log n + limit). Reads only.
local no = closed()
if no then return no end
local limit = tonumber(ARGV[2])
local first = redis.call('ZRANGE', kept('all'), 0, 0, 'WITHSCORES')
local expired = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', kept('all'), '-inf', digits(now), 'LIMIT', 0, limit)) do
  expired[#expired + 1] = id
  expired[#expired + 1] = digits(expiry_of(id))
  expired[#expired + 1] = redis.call('HGET', kept('data'), id) or ''
end
local pending = {}
if redis.call('EXISTS', key('pending')) == 1 then
  pending = redis.call('HSCAN', key('pending'), 0, 'COUNT', limit)[2]
  for i = #pending, 2 * limit + 1, -1 do pending[i] = nil end -- a small hash is answered whole
end
return answer(OK, tonumber(first[2] or 0), expired, pending, redis.call('SMEMBERS', key('dead')))
