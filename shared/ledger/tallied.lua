-- Forget closed hours whose counts are recorded.
-- KEYS  epoch
-- ARGV  random at tolerance of | pool hour …
--       of: the generation they were told of; what another one counted is not recorded
-- Answer  OK forgotten
-- Complexity O(hours). Idempotent: an hour that was closed takes no more counts, so
-- what is recorded of it is all there will be. Others stay, whatever came before them.
local no = closed()
if no then return no end
if generation ~= ARGV[4] then return answer(OK, 0) end
local forgotten = 0
local closed_until = {} -- by pool
for i = 5, #ARGV, 2 do
  local pool, hour = ARGV[i], tonumber(ARGV[i + 1])
  if not closed_until[pool] then
    local m = metered().load(pool)
    closed_until[pool] = m.fresh and -1 or m.closed -- a fresh one has counted nothing
  end
  if hour <= closed_until[pool] then forgotten = forgotten + redis.call('UNLINK', metered().counts_key(pool, hour)) end
end
return answer(OK, forgotten)
