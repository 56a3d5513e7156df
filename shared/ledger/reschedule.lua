-- After a visit: when to look at the organization again.
-- KEYS  due idle
-- ARGV  organization earliest as_of ttl
-- Answer  OK 1 (the organization left the index) or 0
-- Complexity O(log n). Idempotent.
-- earliest is a lower bound of every expiry (heartbeats only extend, later
-- grants expire later). 0: it had no session as of as_of; it is looked at once
-- more a TTL later and leaves the index only if it was idle all that time, by
-- then every instance that skips scheduling it (for less than a TTL) has done so anew.
local organization, earliest, as_of, ttl = unpack(ARGV)
if earliest ~= '0' then
  redis.call('ZREM', KEYS[2], organization)
  redis.call('ZADD', KEYS[1], earliest, organization)
  return answer(OK, 0)
end
local since = redis.call('ZSCORE', KEYS[2], organization)
if since and tonumber(since) + tonumber(ttl) <= tonumber(as_of) then
  redis.call('ZREM', KEYS[2], organization)
  redis.call('ZREM', KEYS[1], organization)
  return answer(OK, 1)
end
if not since then redis.call('ZADD', KEYS[2], as_of, organization) end
redis.call('ZADD', KEYS[1], digits(tonumber(as_of) + tonumber(ttl)), organization)
return answer(OK, 0)
