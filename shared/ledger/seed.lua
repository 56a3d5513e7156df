-- Mark one shard of the due index as filled on this server.
-- KEYS  marker    ARGV  server identity
-- Returns {OK, 0|1}. Complexity O(1). Idempotent. Another identity than this
-- server's marks nothing: what was filled may be lost.
local info = redis.call('INFO', 'server', 'replication')
local id = string.match(info, 'run_id:(%w+)') .. '.' .. string.match(info, 'master_replid:(%w+)')
if ARGV[1] ~= id then return {0, 0} end
redis.call('SET', KEYS[1], id)
return {0, 1}
