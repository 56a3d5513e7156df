-- Remove what is left of a dead generation, a part at a time.
-- KEYS  epoch
-- ARGV  random at tolerance generation
-- Answer  OK more (1: ask again, for there is more to remove)
-- Complexity O(pools), of at most MOST removed keys: UNLINK frees the memory off the main
-- thread. Idempotent.
-- The generation in use is not cleared, whoever asks. Whose counts are to be recorded
-- has done so before.
local MOST = 1000
local dead = ARGV[4]
local server, current = loaded()
if server and server ~= '-' and dead == current then return answer(OK, 0) end
use(dead)
local removed = 0
local function remove(k)
  redis.call('UNLINK', k)
  removed = removed + 1
end

-- Removes what a pool counted, the oldest first; its meter remembers how far.
local function clear_counts(pool)
  local m = metered().load(pool)
  local first, last = metered().hours(m)
  for hour = first, last do
    if removed >= MOST then
      m.first = hour
      return metered().save(m)
    end
    remove(metered().counts_key(pool, hour))
  end
  for period = 0, 1 do remove(metered().refused_key(pool, period)) end
  redis.call('HDEL', kept('meters'), pool)
end

-- Removes two keys for each of the names that a set has.
local function clear_named(set, first, second)
  local names = removed < MOST and redis.call('SPOP', set, math.ceil((MOST - removed) / 2)) or {}
  for _, name in ipairs(names) do
    remove(first(name))
    remove(second(name))
  end
end

for _, pool in ipairs(redis.call('HKEYS', kept('meters'))) do
  if removed < MOST then clear_counts(pool) end
end
clear_named(kept('pools'), pool_key, spent_key)
if not string.match(dead, '^v') then -- of a revision before version 2
  clear_named(kept('licenses'), function(l) return kept('license:' .. l) end, function(l) return kept('holders:' .. l) end)
end
if removed >= MOST then return answer(OK, 1) end
for _, name in ipairs({'all', 'data', 'holders', 'pools', 'resumed', 'meters', 'licenses', 'marked'}) do remove(kept(name)) end
redis.call('SREM', key('dead'), dead)
return answer(OK, 0)
