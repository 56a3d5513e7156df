-- Switch the organization to the staged generation: the deciding step of a rebuild.
-- KEYS  epoch
-- ARGV  random at tolerance opened nonce ttl
-- Answer  OK | LOST
-- Complexity O(1). Not repeated: the second finds no nonce and is LOST.
-- Only if the nonce is still the one this rebuild began with and this is still
-- the server that made it: otherwise somebody else has rebuilt, or the release
-- of a seat in a newer Redis would be undone.
-- All its sessions live for a TTL from now, however long ago they were staged.
local opened, n, ttl = unpack(ARGV, 4)
if not wanted(n) then return answer(LOST) end
local _, before = loaded()
use(name_of(opened))
if before and before ~= generation then redis.call('SADD', key('dead'), before) end
redis.call('SREM', key('dead'), generation)
redis.call('DEL', KEYS[1], key('nonce'), key('lease'), key('progress'))
redis.call('HSET', KEYS[1], 'server', identity(), 'generation', generation, 'all_live_until', digits(end_after(tonumber(ttl))))
redis.call('HSET', KEYS[1], 'loaded_at', digits(now)) -- from then on its meters count
return answer(OK)
