-- Remove what is left of a dead generation.
-- KEYS  epoch
-- ARGV  random at tolerance generation
-- Answer  OK
-- Complexity O(pools): UNLINK frees the memory off the main thread. Idempotent.
-- The generation in use is not cleared, whoever asks.
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
redis.call('UNLINK', unpack(keys))
redis.call('SREM', key('dead'), dead)
return answer(OK)
