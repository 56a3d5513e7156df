-- Make the next script ask for a rebuild: the record's epoch has moved past
-- this ledger's (a rebuild died between its two steps), and without this every
-- grant would be fenced for ever.
-- KEYS  epoch
-- ARGV  random at tolerance epoch
-- Answer  OK 0|1
-- Complexity O(1). Idempotent.
if closed() or epoch ~= ARGV[4] then return answer(OK, 0) end
forget()
return answer(OK, 1)
