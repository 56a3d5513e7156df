-- Tell how the seats of an organization were used, and close the hours that are over.
-- KEYS  epoch
-- ARGV  random at tolerance dead after limit
--       dead: a dead generation, whose counts are told as they are; '' is the present one
--       after, limit: at most so many pools, of names greater than after
-- Answer  OK generation last {pool hour closed {field, number, …}} …
--           last: the pool to go on after; '' if there is no more
--           closed: 1 if the hour takes no more counts
-- Complexity O(pools × (log n + hours)). Idempotent. What is told stays until tallied.lua.
local no = closed()
if no then return no end
local dead, after, limit = unpack(ARGV, 4)
if dead ~= '' then use(dead) end
local pools, told, last, n = redis.call('HKEYS', kept('meters')), {}, '', 0
table.sort(pools)
for _, pool in ipairs(pools) do
  if pool > after then
    if n == tonumber(limit) then break end
    n, last = n + 1, pool
    local m = dead == '' and metered().read(pool) or metered().load(pool)
    if dead == '' then metered().close(m) end
    local first, latest = metered().hours(m)
    for hour = first, math.min(latest, first + metered().HOURS) do
      local counts = redis.call('HGETALL', metered().counts_key(pool, hour))
      if #counts > 0 then told[#told + 1] = {pool, hour, hour <= m.closed and 1 or 0, counts} end
    end
  end
end
if n < tonumber(limit) or last == pools[#pools] then last = '' end
return answer(OK, generation, last, unpack(told))
