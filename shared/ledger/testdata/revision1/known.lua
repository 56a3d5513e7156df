-- Which of these sessions the ledger holds, or owes an end.
-- KEYS  E N all owed    ARGV  generation random | session…
-- Returns {OK, now, sessions held, 0|1 …}. Complexity O(k). Reads only.
local no = closed()
if no then return no end
local answer = {OK, clock(), redis.call('ZCARD', KEYS[3])}
for i = 3, #ARGV do
  local known = redis.call('ZSCORE', KEYS[3], ARGV[i]) or redis.call('HEXISTS', KEYS[4], ARGV[i]) == 1
  answer[#answer + 1] = known and 1 or 0
end
return answer
