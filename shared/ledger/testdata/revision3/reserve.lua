-- Reserve a seat under the first of several licenses that has room, or find the
-- one that this holder has under any of them.
-- KEYS  epoch
-- ARGV  random at tolerance record_epoch session who ttl token_ttl limit | license holder license_end open pool cap …
--       a candidate is as many of these in a row, with the same license, as pools would count the session;
--       open: 1 if a seat is granted there, 0 if only a session that the holder has there is answered
-- Answer  OK or HELD session expiry token renewed recorded grant acquired candidate | used …  (one per pool of the candidate)
--         STALE | session end data …
--         FULL earliest | candidate pool used cap …  (for each open candidate its first pool that is full)
--         CLOCK
--         (candidate, pool: the place among those given, from 0)
-- Complexity O(candidates × pools × log n + limit). Idempotent: a repeat with the same session
-- id finds the session it made and answers OK again, with the count of attempts it
-- began with: what others were told meanwhile is not this request's to take back.
-- Nothing is evicted here: what must go is named, so that its end can be
-- recorded before its seat is granted again.
local no = closed(ARGV[4])
if no then return no end
if clocks_differ then return answer(CLOCK) end
local session, who, ttl, token_ttl, limit = unpack(ARGV, 5, 9)
ttl, token_ttl, limit = tonumber(ttl), tonumber(token_ttl), tonumber(limit)
local candidates, holders = {}, {}
for i = 10, #ARGV, 6 do
  local license, holder, license_end, open, pool, cap = unpack(ARGV, i, i + 5)
  local c = candidates[#candidates]
  if not c or c.license ~= license then
    c = {license = license, license_end = tonumber(license_end), open = open == '1', pools = {}, place = #candidates}
    candidates[#candidates + 1], holders[#holders + 1] = c, holder
  end
  c.pools[#c.pools + 1] = {name = pool, set = pool_key(pool), cap = tonumber(cap)}
end

local function granted(code, id, s, renewed, grant, c)
  local a = answer(code, id, now + ttl, s.token, renewed and 1 or 0, s.recorded and 1 or 0, grant, s.acquired, c.place)
  for _, pool in ipairs(c.pools) do a[#a + 1] = living(pool.name) end
  return a
end

-- The holder's sessions, by the place of their candidate from 1; false where it has none.
local own = #holders > 0 and redis.call('HMGET', kept('holders'), unpack(holders)) or {}
for i, c in ipairs(candidates) do
  local held = own[i]
  if held and not over(end_of(held)) then
    local s = unpack_session(redis.call('HGET', kept('data'), held))
    local fresh, renewed = renewal(s.token, token_ttl, c.license_end)
    if renewed then s.token = fresh end
    s.beat = now
    -- Whoever else is still completing this grant must not give the seat back:
    -- a changed count of attempts tells it that another answer may name it.
    if held ~= session and not s.recorded then s.grant = s.grant + 1 end
    write(held, s)
    score(held, s, now + ttl)
    if held == session then return granted(OK, held, s, renewed, 1, c) end
    return granted(HELD, held, s, renewed, s.grant, c)
  end
end

-- The first pool of a candidate that living sessions fill, and how many they are;
-- nil if there is room.
local function full(c)
  for i, pool in ipairs(c.pools) do
    local used = living(pool.name)
    if used >= pool.cap then return i, used end
  end
end

local function earliest_of(pool)
  local first = redis.call('ZRANGEBYSCORE', pool.set, living_from(), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[2] then return now + ttl end -- a pool of no seats: nobody knows when it gets one
  return math.max(tonumber(first[2]), all_live_until)
end

local taken, earliest
local refusals = {}
for _, c in ipairs(candidates) do
  if c.open then
    local i, used = full(c)
    if not i then
      taken = c
      break
    end
    local first = earliest_of(c.pools[i])
    earliest = math.min(earliest or first, first)
    for _, value in ipairs({c.place, i - 1, used, c.pools[i].cap}) do refusals[#refusals + 1] = value end
  end
end
if not taken then return answer(FULL, earliest or now + ttl, unpack(refusals)) end

local stale, chosen, gone = answer(STALE), {}, 0
local function must_go(id)
  if chosen[id] then return end
  chosen[id] = true
  local before = #stale
  tell_end(stale, id)
  if #stale > before then gone = gone + 1 end -- else it was no session, and is not in the way any more
end
-- An expired session of this holder's own goes first, under whichever license: left
-- in place, it would come back beside its successor after a loss.
for i = 1, #holders do
  if own[i] then must_go(own[i]) end
end
for _, pool in ipairs(taken.pools) do
  local excess = redis.call('ZCARD', pool.set) - pool.cap + 1
  for id in pairs(chosen) do
    if redis.call('ZSCORE', pool.set, id) then excess = excess - 1 end
  end
  local enough = gone + math.min(excess, limit)
  local function name(from, to, offset)
    if enough <= gone then return end
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', pool.set, from, to, 'LIMIT', offset, enough)) do
      if gone >= enough then break end
      must_go(id)
    end
  end
  name('0', expired_to(), 0)
  -- The ends of all others are somebody's work already, who may have died: this
  -- caller helps. A crowd of callers is spread over them.
  local spare = gone == 0 and redis.call('ZCOUNT', pool.set, '-inf', ending_to) - enough or 0
  name('-inf', ending_to, spare > 0 and string.byte(session, -1) * 251 % (spare + 1) or 0)
end
if gone > 0 then return stale end

local names = {}
for _, pool in ipairs(taken.pools) do
  if pool.name ~= '' then names[#names + 1] = pool.name end
end
local fresh = renewal(0, token_ttl, taken.license_end)
local s = {beat = now, token = fresh, grant = 1, recorded = false, reason = '', acquired = now,
  license = taken.license, pools = table.concat(names, ' '), who = who}
write(session, s)
score(session, s, now + ttl)
redis.call('HSET', kept('holders'), holders[taken.place + 1], session)
if #names > 0 then redis.call('SADD', kept('pools'), unpack(names)) end
-- Counted anew: what the caller compares with its limits owes nothing to the refusal above.
return granted(OK, session, s, true, 1, taken)
