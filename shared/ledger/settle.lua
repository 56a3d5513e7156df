-- After a visit: when to look at the organization again.
-- KEYS  due idle    ARGV  organization earliest as_of ttl
-- Returns {OK, 1 when the organization left the index, else 0}. Complexity O(log n). Idempotent.
-- earliest is a lower bound of every expiry (heartbeats only extend, later
-- grants expire later). 0: it had no session as of as_of; it is looked at once
-- more a TTL later and leaves the index only if it was idle all that time, by
-- then every instance that skips noting it (for less than a TTL) has noted anew.
local due, idle = KEYS[1], KEYS[2]
local organization, earliest, as_of, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if earliest > 0 then
  redis.call('ZREM', idle, organization)
  redis.call('ZADD', due, ARGV[2], organization)
  return {0, 0}
end
local since = redis.call('ZSCORE', idle, organization)
if since and tonumber(since) + ttl <= as_of then
  redis.call('ZREM', idle, organization)
  redis.call('ZREM', due, organization)
  return {0, 1}
end
if not since then redis.call('ZADD', idle, ARGV[3], organization) end
redis.call('ZADD', due, string.format('%.0f', as_of + ttl), organization)
return {0, 0}
