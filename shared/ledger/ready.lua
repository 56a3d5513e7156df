-- Write a key, as an operation would: a read-only replica, a server that is loading
-- or has lost its disk, a part of a cluster without a master refuse it.
-- KEYS  ready
-- ARGV  life
-- Answer  OK
-- Complexity O(1). Idempotent.
redis.call('SET', KEYS[1], digits(now), 'PX', ARGV[1])
return answer(OK)
