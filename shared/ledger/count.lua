-- How many sessions of these pools live, as it is.
-- KEYS  epoch
-- ARGV  random at tolerance | pool …
-- Answer  OK | living …
-- Complexity O(k log n). Reads only. Counts those that look.lua calls living: while the clocks differ nobody's time is over.
local no = closed()
if no then return no end
local from = clocks_differ and '0' or living_from()
local a = answer(OK)
for i = 4, #ARGV do a[#a + 1] = redis.call('ZCOUNT', pool_key(ARGV[i]), from, '+inf') end
return a
