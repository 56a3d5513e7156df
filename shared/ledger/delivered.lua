-- Forget pending ends that the record has now.
-- KEYS  epoch
-- ARGV  random | session …
-- Answer  OK forgotten
-- Complexity O(k). Idempotent.
local no = closed()
if no then return no end
local n = 0
for i = 2, #ARGV do n = n + redis.call('HDEL', key('pending'), ARGV[i]) end
return answer(OK, n)
