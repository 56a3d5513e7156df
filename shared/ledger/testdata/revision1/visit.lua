-- What the reaper has to do for one organization.
-- KEYS  E N all data owed dead    ARGV  generation random | limit
-- Returns {OK, now, earliest (0: no session), {session, expiry, data, …}, {session, owed, …}, {dead generation, …}}
-- Complexity O(log n + limit). Reads only.
local no = closed()
if no then return no end
local all, data, owed, dead, limit = KEYS[3], KEYS[4], KEYS[5], KEYS[6], tonumber(ARGV[3])
local now = clock()
local first = redis.call('ZRANGE', all, 0, 0, 'WITHSCORES')
local expired = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', all, '-inf', digits(now), 'LIMIT', 0, limit)) do
  expired[#expired + 1] = id
  expired[#expired + 1] = redis.call('ZSCORE', all, id)
  expired[#expired + 1] = redis.call('HGET', data, id) or ''
end
local debts = {}
if redis.call('EXISTS', owed) == 1 then
  debts = redis.call('HSCAN', owed, 0, 'COUNT', limit)[2]
  for i = #debts, 2 * limit + 1, -1 do debts[i] = nil end -- a small hash is answered whole
end
return {OK, now, tonumber(first[2] or 0), expired, debts, redis.call('SMEMBERS', dead)}
