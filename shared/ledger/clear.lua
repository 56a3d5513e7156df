-- Remove what is left of a dead generation.
-- KEYS  epoch
-- ARGV  random at tolerance generation
-- Answer  OK
-- Complexity O(pools): UNLINK frees the memory off the main thread. Idempotent.
-- The generation in use is not cleared, whoever asks. Whose counts are to be recorded
-- has done so before.
local dead = ARGV[4]
local server, current = loaded()
if server and server ~= '-' and dead == current then return answer(OK) end
use(dead)
local keys = {kept('all'), kept('data'), kept('holders'), kept('pools'), kept('resumed')}
for _, pool in ipairs(redis.call('SMEMBERS', kept('pools'))) do
  keys[#keys + 1], keys[#keys + 2] = pool_key(pool), spent_key(pool)
end
if not string.match(dead, '^v') then -- of a revision before version 2
  keys[#keys + 1], keys[#keys + 2] = kept('licenses'), kept('marked')
  for _, l in ipairs(redis.call('SMEMBERS', kept('licenses'))) do
    keys[#keys + 1], keys[#keys + 2] = kept('license:' .. l), kept('holders:' .. l)
  end
end
for _, pool in ipairs(redis.call('HKEYS', kept('meters'))) do
  local first, last = metered().hours(metered().load(pool))
  for hour = first, last do redis.call('UNLINK', metered().counts_key(pool, hour)) end
  redis.call('UNLINK', metered().refused_key(pool, 0), metered().refused_key(pool, 1))
end
redis.call('UNLINK', kept('meters'), unpack(keys))
redis.call('SREM', key('dead'), dead)
return answer(OK)
