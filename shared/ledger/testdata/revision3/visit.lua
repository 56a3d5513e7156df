-- What the reaper has to do for one organization.
-- KEYS  epoch
-- ARGV  random at tolerance limit
-- Answer  OK earliest (0: no session) {session, end, data, …} {session, end, data, …} {dead generation, …}
--           the first list: expired, and named to nobody before
--           the second, if the first is empty: somebody was to complete their end
--         CLOCK
-- Complexity O(limit × log n).
local no = closed()
if no then return no end
if clocks_differ then return answer(CLOCK) end
local limit = tonumber(ARGV[4])
local function list(from, to)
  local told = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kept('all'), from, to, 'LIMIT', 0, limit)) do tell_end(told, id) end
  return told
end
local expired, ending = list('0', expired_to()), {}
if #expired == 0 then ending = list('-inf', ending_to) end
local earliest = now
if #expired + #ending == 0 then
  local first = redis.call('ZRANGE', kept('all'), 0, 0, 'WITHSCORES')
  earliest = first[2] and math.max(tonumber(first[2]), all_live_until) or 0
end
return answer(OK, earliest, expired, ending, redis.call('SMEMBERS', key('dead')))
