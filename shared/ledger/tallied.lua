-- Forget closed hours whose counts are recorded.
-- KEYS  epoch
-- ARGV  random at tolerance of | pool hour …
--       of: the generation they were told of; what another one counted is not recorded
-- Answer  OK forgotten
-- Complexity O(hours). Idempotent: an hour that was closed takes no more counts, so
-- what is recorded of it is all there will be.
local no = closed()
if no then return no end
if generation ~= ARGV[4] then return answer(OK, 0) end
local forgotten = 0
for i = 5, #ARGV, 2 do
  local m = metered().load(ARGV[i])
  if not m.fresh then -- else it has counted nothing
    while m.first <= math.min(tonumber(ARGV[i + 1]), m.closed) do
      forgotten = forgotten + redis.call('UNLINK', metered().counts_key(m.pool, m.first))
      m.first = m.first + 1
    end
    metered().save(m)
  end
end
return answer(OK, forgotten)
