-- Mark one shard of the due index as filled on this server.
-- KEYS  filled
-- ARGV  identity
-- Answer  OK 0|1
-- Complexity O(1). Idempotent. Another identity than this server's marks
-- nothing: what was filled may be lost.
local id = identity()
if ARGV[1] ~= id then return answer(OK, 0) end
redis.call('SET', KEYS[1], id)
return answer(OK, 1)
