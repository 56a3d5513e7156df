-- Take, or give back, the lease on a rebuild: one process does it, the others wait.
-- KEYS  epoch
-- ARGV  random nonce owner ttl  (ttl 0: give it back)
-- Answer  OK 1 (the owner has it, or gave it back) or 0 (another has it) | LOST (there is nothing to rebuild under this nonce)
-- Complexity O(1). Idempotent: who has the lease gets it again, renewed. Only work is saved by it: the deciding step is
-- load.lua's, and two rebuilds at once are as right as one.
local _, n, owner, ttl = unpack(ARGV)
if not wanted(n) then return answer(LOST) end
local ends, by, of = string.match(redis.call('GET', key('lease')) or '', '^(%d+);([^;]*);(.*)$')
if of == n and by ~= owner and tonumber(ends) > now then return answer(OK, 0) end
if ttl == '0' then
  redis.call('DEL', key('lease'))
else
  redis.call('SET', key('lease'), digits(now + tonumber(ttl)) .. ';' .. owner .. ';' .. n)
end
return answer(OK, 1)
