-- Take, or give back, the lease on a rebuild: one process does it, the others wait.
-- KEYS  epoch
-- ARGV  random at tolerance nonce owner ttl  (ttl 0: give it back)
-- Answer  OK 1 part last … (the owner has it, or gave it back; how far each part of the record is staged)
--         OK 0 (another has it) | LOST (there is nothing to rebuild under this nonce)
-- Complexity O(1). Idempotent: who has the lease gets it again, renewed. Only work is saved by it: the deciding step is
-- load.lua's, and two rebuilds at once are as right as one.
local n, owner, ttl = unpack(ARGV, 4)
if not wanted(n) then return answer(LOST) end
local ends, by, of = string.match(redis.call('GET', key('lease')) or '', '^(%d+);([^;]*);(.*)$')
if of == n and by ~= owner and tonumber(ends) > now then return answer(OK, 0) end
if ttl == '0' then
  redis.call('DEL', key('lease'))
else
  redis.call('SET', key('lease'), digits(now + tonumber(ttl)) .. ';' .. owner .. ';' .. n)
end
local a, progress = answer(OK, 1), redis.call('HGETALL', key('progress'))
for i = 1, #progress, 2 do
  -- A part's place is that of one rebuild: what another one has staged is in another generation.
  if string.sub(progress[i + 1], 1, #n + 1) == n .. ';' then
    a[#a + 1], a[#a + 2] = progress[i], string.sub(progress[i + 1], #n + 2)
  end
end
return a
