-- Make the next script ask for a rebuild: the record's epoch has moved past
-- this ledger's (a rebuild died between its two steps), and without this every
-- grant would be fenced for ever. The generation's name stays readable, so
-- that its keys can be cleared once the next one is loaded.
-- KEYS  E N    ARGV  - random | epoch
-- Returns {OK, 0|1}. Complexity O(1). Idempotent.
local g = generation(identity())
if not g or string.match(g, '^%d+') ~= ARGV[3] then return {OK, 0} end
redis.call('SET', KEYS[1], '-:' .. g)
return {OK, 1}
