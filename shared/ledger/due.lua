-- Organizations the reaper should visit now.
-- KEYS  due filled
-- ARGV  limit
-- Answer  OK identity | organization …, or REBUILD identity when this shard of the index was not filled on this very server
-- Complexity O(log n + limit). Reads only.
local id = identity()
if redis.call('GET', KEYS[2]) ~= id then return answer(REBUILD, id) end
local a = answer(OK, id)
for _, organization in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', digits(now), 'LIMIT', 0, tonumber(ARGV[1]))) do
  a[#a + 1] = organization
end
return a
