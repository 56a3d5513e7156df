-- Put organizations into the index, as having sessions that can expire from `after` ms on.
-- KEYS  due idle
-- ARGV  after | organization …
-- Answer  OK
-- Complexity O(k log n). Idempotent: only ever lowers the bound.
for i = 2, #ARGV do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('ZADD', KEYS[1], 'LT', digits(now + tonumber(ARGV[1])), ARGV[i])
end
return answer(OK)
