-- Put tokens that outlive their sessions into a generation that is being rebuilt, after
-- all its sessions.
-- KEYS  epoch
-- ARGV  random at tolerance opened nonce lease_ttl | holder pool ends …
-- Answer  OK | LOST
-- Complexity O(tokens × log n). Idempotent: of one holder's the last that ends counts.
-- Who has a session again brings its token along, as if it had just acquired.
local opened, n, lease_ttl = unpack(ARGV, 4, 6)
if not wanted(n) then return answer(LOST) end
use(name_of(opened))
renew_lease(n, lease_ttl)
for i = 7, #ARGV, 3 do
  local holder, pool, ends = unpack(ARGV, i, i + 2)
  if redis.call('HEXISTS', kept('holders'), holder) == 1 then
    local before = tonumber(redis.call('HGET', kept('resumed'), holder) or 0)
    redis.call('HSET', kept('resumed'), holder, digits(math.max(before, tonumber(ends))))
  else
    redis.call('ZADD', spent_key(pool), 'GT', ends, holder)
    redis.call('SADD', kept('pools'), pool)
  end
end
return answer(OK)
