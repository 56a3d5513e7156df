-- Tell how the seats of an organization were used, and close the hours that are over.
-- KEYS  epoch
-- ARGV  random at tolerance dead after limit
--       dead: a dead generation, whose counts are told as they are; '' is the present one
--       after: what the answer before ended with; limit: at most so many hours are told
-- Answer  OK generation last {pool hour closed {field, number, …}} …
--           last: "pool hour", to go on after; '' if there is no more. There may be more after none.
--           closed: 1 if the hour takes no more counts
-- Complexity O(pools × log n + hours). Idempotent. What is told stays until tallied.lua.
local no = closed()
if no then return no end
local dead, after, limit = unpack(ARGV, 4)
if dead ~= '' then use(dead) end
local past_pool, past_hour = string.match(after, '^(%S+) (%d+)$')
local last, told, looked = after, {}, 0

local function enough() return #told >= tonumber(limit) or looked >= metered().HOURS end

-- Tells an hour, if anything was counted in it. If not, and the hour is closed, it is never
-- looked at again.
local function tell(m, hour)
  local counts = redis.call('HGETALL', metered().counts_key(m.pool, hour))
  if #counts > 0 then
    told[#told + 1] = {m.pool, hour, hour <= m.closed and 1 or 0, counts}
  elseif hour == m.first and hour <= m.closed then
    m.first = hour + 1
  end
end

-- Tells the hours of a pool; false if there may be more of them.
local function tell_pool(pool)
  if enough() then return false end
  local m = dead == '' and metered().read(pool) or metered().load(pool)
  if dead == '' then metered().close(m) end
  local first, latest = metered().hours(m)
  local from = first
  if pool == past_pool then from = math.max(first, past_hour + 1) end
  looked = looked + 1
  local hour = from
  while hour <= latest and not enough() do
    looked = looked + 1
    tell(m, hour)
    hour = hour + 1
  end
  last = pool .. ' ' .. digits(hour - 1)
  if dead == '' and m.first > first then metered().save(m) end
  return hour > latest
end

local pools = redis.call('HKEYS', kept('meters'))
table.sort(pools)
local all = true
for _, pool in ipairs(pools) do
  if all and (not past_pool or pool >= past_pool) then all = tell_pool(pool) end
end
local a = answer(OK, generation, all and '' or last)
for _, hour in ipairs(told) do a[#a + 1] = hour end -- unpack has a limit
return a
