-- Organizations the reaper should visit now.
-- KEYS  due marker    ARGV  limit
-- Returns {OK, server identity, organization…} | {REBUILD, server identity} when this shard of the
-- index was not filled on this very server. Complexity O(log n + limit). Reads only.
local info = redis.call('INFO', 'server', 'replication')
local id = string.match(info, 'run_id:(%w+)') .. '.' .. string.match(info, 'master_replid:(%w+)')
if redis.call('GET', KEYS[2]) ~= id then return {1, id} end
local t = redis.call('TIME')
local now = string.format('%.0f', tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000))
local answer = {0, id}
for _, organization in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
  answer[#answer + 1] = organization
end
return answer
