-- Switch the organization to the staged generation: the deciding step of a rebuild.
-- KEYS  E N dead lease    ARGV  generation random | nonce
-- Returns {OK, 1} | {LOST}. Complexity O(1). Not repeated: the second finds no nonce and is LOST.
-- Only if the nonce is still the one this rebuild began with and this is still
-- the server that made it: otherwise somebody else has rebuilt, or the release
-- of a seat in a newer Redis would be undone.
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {LOST} end
local id = identity()
if string.sub(ARGV[3], 1, #id + 1) ~= id .. ':' then return {LOST} end
local before = string.match(redis.call('GET', KEYS[1]) or '', ':([^:]+)$')
if before and before ~= ARGV[1] then redis.call('SADD', KEYS[3], before) end
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SET', KEYS[1], id .. ':' .. ARGV[1])
redis.call('DEL', KEYS[2], KEYS[4])
return {OK, 1}
