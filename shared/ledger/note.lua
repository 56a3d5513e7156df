-- Note organizations as having sessions that can expire from `after` ms on.
-- KEYS  due idle    ARGV  after organization…
-- Returns {OK, noted}. Complexity O(k log n). Idempotent: only ever lowers the bound.
local t = redis.call('TIME')
local at = string.format('%.0f', tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(ARGV[1]))
for i = 2, #ARGV do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('ZADD', KEYS[1], 'LT', at, ARGV[i])
end
return {0, #ARGV - 1}
