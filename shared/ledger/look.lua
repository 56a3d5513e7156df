-- What the ledger has of these sessions, as it is.
-- KEYS  epoch
-- ARGV  random at tolerance | session …
-- Answer  OK | state end data …  (state 0: not held, 1: living, 2: its time is over, 3: its end has begun)
-- Complexity O(k). Reads only: nobody's end begins because somebody looked.
local no = closed()
if no then return no end
local a = answer(OK)
for i = 4, #ARGV do
  local raw = redis.call('HGET', kept('data'), ARGV[i])
  local ends, ending = end_of(ARGV[i])
  local state = 0
  if raw then state = ending and 3 or over(ends, ending) and 2 or 1 end
  a[#a + 1], a[#a + 2], a[#a + 3] = state, digits(ends), raw or ''
end
return a
