-- Take, or give back, the lease on a rebuild: one process does it, the others wait.
-- KEYS  E N lease    ARGV  - random | nonce owner ttl (0: give it back)
-- Returns {OK, 1 the owner has it, or gave it back | 0 another has it} | {LOST} when there is nothing to rebuild under this nonce.
-- Complexity O(1). Idempotent: who has the lease gets it again, renewed. Only work is saved by it: the deciding step is
-- load.lua's, and two rebuilds at once are as right as one.
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {LOST} end
local id = identity()
if string.sub(ARGV[3], 1, #id + 1) ~= id .. ':' then return {LOST} end
local now, owner, ttl = clock(), ARGV[4], tonumber(ARGV[5])
local ends, by, of = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+);([^;]*);(.*)$')
if of == ARGV[3] and by ~= owner and tonumber(ends) > now then return {OK, 0} end
if ttl == 0 then
  redis.call('DEL', KEYS[3])
else
  redis.call('SET', KEYS[3], digits(now + ttl) .. ';' .. owner .. ';' .. ARGV[3])
end
return {OK, 1}
