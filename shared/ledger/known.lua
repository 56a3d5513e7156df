-- Which of these sessions the ledger holds, or keeps a pending end of.
-- KEYS  epoch
-- ARGV  random | session …
-- Answer  OK held | 0|1 …
-- Complexity O(k). Reads only.
local no = closed()
if no then return no end
local a = answer(OK, redis.call('ZCARD', kept('all')))
for i = 2, #ARGV do
  local known = redis.call('ZSCORE', kept('all'), ARGV[i]) or redis.call('HEXISTS', key('pending'), ARGV[i]) == 1
  a[#a + 1] = known and 1 or 0
end
return a
