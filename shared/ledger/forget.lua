-- Make the next script ask for a rebuild: the record's epoch has moved past
-- this ledger's (a rebuild died between its two steps), and without this every
-- grant would be fenced for ever. The generation's name stays readable, so
-- that its keys can be cleared once the next one is loaded.
-- KEYS  epoch
-- ARGV  random number
-- Answer  OK 0|1
-- Complexity O(1). Idempotent.
if closed() or digits(epoch) ~= ARGV[2] then return answer(OK, 0) end
redis.call('HSET', KEYS[1], 'server', '-')
return answer(OK, 1)
