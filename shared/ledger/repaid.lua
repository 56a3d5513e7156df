-- Forget owed ends that the record has now.
-- KEYS  E N owed    ARGV  generation random | session…
-- Returns {OK, forgotten}. Complexity O(k). Idempotent.
local no = closed()
if no then return no end
local n = 0
for i = 3, #ARGV do n = n + redis.call('HDEL', KEYS[3], ARGV[i]) end
return {OK, n}
