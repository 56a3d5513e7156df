-- Which of these sessions the ledger holds.
-- KEYS  epoch
-- ARGV  random at tolerance | session …
-- Answer  OK held | 0|1 …
-- Complexity O(k). Reads only.
local no = closed()
if no then return no end
local a = answer(OK, redis.call('ZCARD', kept('all')))
for i = 4, #ARGV do a[#a + 1] = redis.call('ZSCORE', kept('all'), ARGV[i]) and 1 or 0 end
return a
