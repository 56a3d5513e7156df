-- Switch the organization to the staged generation: the deciding step of a rebuild.
-- KEYS  epoch
-- ARGV  random number nonce
-- Answer  OK | LOST
-- Complexity O(1). Not repeated: the second finds no nonce and is LOST.
-- Only if the nonce is still the one this rebuild began with and this is still
-- the server that made it: otherwise somebody else has rebuilt, or the release
-- of a seat in a newer Redis would be undone.
local _, number, n = unpack(ARGV)
if not wanted(n) then return answer(LOST) end
local _, before = loaded()
generation = name_of(number, n)
if before and before ~= generation then redis.call('SADD', key('dead'), before) end
redis.call('SREM', key('dead'), generation)
redis.call('DEL', KEYS[1], key('nonce'), key('lease'))
redis.call('HSET', KEYS[1], 'server', identity(), 'generation', generation)
return answer(OK)
