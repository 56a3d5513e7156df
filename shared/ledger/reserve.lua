-- Reserve a seat under the first of several licenses that has room, or find the
-- one that this holder has under any of them.
-- KEYS  epoch
-- ARGV  random at tolerance record_epoch session who ttl token_min limit request | license holder token_ttl token_cap open pool cap …
--       a candidate is as many of these in a row, with the same license, as pools would count the session, its own first;
--       token_cap: how many tokens of the license may be good once somebody else has a seat;
--       request: of the refusals of one request one is counted; '' is counted each time
--       open: 1 if a seat is granted there, 0 if only a session that the holder has there is answered
-- Answer  OK or HELD session expiry token recorded grant acquired candidate tokens | used …  (one per pool of the candidate)
--         STALE | session end data …
--         FULL earliest | candidate pool used cap …  (for each open candidate its first pool that is full, or pool -1: its tokens)
--         CLOCK
--         (token: when it ends; tokens: how many of the license may be good; candidate, pool: the place among those given, from 0)
-- Complexity O(candidates × pools × log n + limit). Idempotent: a repeat with the same session
-- id finds the session it made and answers OK again, with the count of attempts it
-- began with: what others were told meanwhile is not this request's to take back.
-- Nothing is evicted here: what must go is named, so that its end can be
-- recorded before its seat is granted again.
local no = closed(ARGV[4])
if no then return no end
if clocks_differ then return answer(CLOCK) end
local session, who, ttl, token_min, limit, request = unpack(ARGV, 5, 10)
ttl, token_min, limit = tonumber(ttl), tonumber(token_min), tonumber(limit)
local candidates, holders = {}, {}
for i = 11, #ARGV, 7 do
  local license, holder, token_ttl, token_cap, open, pool, cap = unpack(ARGV, i, i + 6)
  local c = candidates[#candidates]
  if not c or c.license ~= license then
    c = {license = license, holder = holder, token_ttl = tonumber(token_ttl), token_cap = tonumber(token_cap), open = open == '1',
      pools = {}, place = #candidates, spent = spent_key(pool)}
    candidates[#candidates + 1], holders[#holders + 1] = c, holder
  end
  c.pools[#c.pools + 1] = {name = pool, set = pool_key(pool), cap = tonumber(cap)}
end

-- How many tokens of the candidate's license may be good: one of each session that is
-- still counted, also of those that are ending, and those of sessions that are gone.
local function tokens(c)
  return redis.call('ZCARD', c.pools[1].set) + redis.call('ZCOUNT', c.spent, '(' .. digits(now), '+inf')
end

local function granted(code, id, s, token, grant, c)
  local a = answer(code, id, now + ttl, token, s.recorded and 1 or 0, grant, s.acquired, c.place, tokens(c))
  for _, pool in ipairs(c.pools) do a[#a + 1] = living(pool.name) end
  return a
end

-- The holder's sessions, by the place of their candidate from 1; false where it has none.
local own = #holders > 0 and redis.call('HMGET', kept('holders'), unpack(holders)) or {}
for i, c in ipairs(candidates) do
  local held = own[i]
  if held and not over(end_of(held)) then
    local s = unpack_session(redis.call('HGET', kept('data'), held))
    local token = next_token(s, c.token_ttl, token_min)
    s.beat = now
    -- Whoever else is still completing this grant must not give the seat back:
    -- a changed count of attempts tells it that another answer may name it.
    if held ~= session and not s.recorded then s.grant = s.grant + 1 end
    write(held, s)
    score(held, s, now + ttl)
    if held == session then return granted(OK, held, s, token, 1, c) end
    return granted(HELD, held, s, token, s.grant, c)
  end
end

-- The first pool of a candidate that living sessions fill, and how many they are;
-- nil if there is room.
local function full(c)
  for i, pool in ipairs(c.pools) do
    local used = living(pool.name)
    pool.used = used
    if used >= pool.cap then return i, used end
  end
end

local function earliest_of(pool)
  local first = redis.call('ZRANGEBYSCORE', pool.set, living_from(), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[2] then return now + ttl end -- a pool of no seats: nobody knows when it gets one
  return math.max(tonumber(first[2]), all_live_until)
end

-- Until when a token is good that the holder was given before, under a session that is
-- gone; nil if there is none.
local function own_spent(c)
  local ends = tonumber(redis.call('ZSCORE', c.spent, c.holder) or 0)
  return ends > now and ends or nil
end

-- How many sessions of the candidate's first pool are over and not gone.
local function leaving(c)
  local set = c.pools[1].set
  return redis.call('ZCARD', set) - redis.call('ZCOUNT', set, living_from(), '+inf')
end

-- Whether a token more is too many: the holder's own, which takes the place of the one
-- it has, never is. Those who are over are ended before anybody is refused for them.
local function overspent(c) return not own_spent(c) and tokens(c) >= c.token_cap end

local taken, earliest, counted
local refusals = {}
local function refuse(c, pool, used, cap, first)
  earliest = math.min(earliest or first, first)
  -- It is one refusal, however many candidates: the first that is not a license's own, as it is told.
  if not counted or counted.pool == 0 and pool ~= 0 then counted = {c = c, pool = pool} end
  for _, value in ipairs({c.place, pool, used, cap}) do refusals[#refusals + 1] = value end
end
for _, c in ipairs(candidates) do
  if c.open then
    local i, used = full(c)
    if i then
      refuse(c, i - 1, used, c.pools[i].cap, earliest_of(c.pools[i]))
    elseif overspent(c) and leaving(c) == 0 then
      local first = redis.call('ZRANGEBYSCORE', c.spent, '(' .. digits(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      refuse(c, -1, tokens(c), c.token_cap, tonumber(first[2] or now + ttl))
    else
      taken = c
      break
    end
  end
end
if not taken then
  if counted then metered().refusals().refused(counted.c, counted.pool, request) end
  return answer(FULL, earliest or now + ttl, unpack(refusals))
end

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
for i, pool in ipairs(taken.pools) do
  pool.members = redis.call('ZCARD', pool.set)
  local excess = pool.members - pool.cap + 1
  -- Whose end makes room for a token is not known before it is recorded.
  if i == 1 and overspent(taken) then excess = math.max(excess, leaving(taken)) end
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

-- What seemed to be leaving was no session: asked again, this is refused.
if overspent(taken) then return stale end

local names = {}
for _, pool in ipairs(taken.pools) do
  if pool.name ~= '' then names[#names + 1] = pool.name end
end
local s = {beat = now, token = now, grant = 1, recorded = false, reason = '', acquired = now,
  license = taken.license, pools = table.concat(names, ' '), who = who}
local token = next_token(s, taken.token_ttl, token_min)
-- The token that the holder had counts with its session, and after it: whichever ends last.
local before = own_spent(taken)
if before then redis.call('HSET', kept('resumed'), taken.holder, digits(before)) end
redis.call('ZREM', taken.spent, taken.holder)
redis.call('ZREMRANGEBYSCORE', taken.spent, '-inf', digits(now))
metered().prepare(candidates)
local meter = metered().read_for(taken)
write(session, s)
score(session, s, now + ttl)
metered().granted(meter, candidates)
redis.call('HSET', kept('holders'), holders[taken.place + 1], session)
if #names > 0 then redis.call('SADD', kept('pools'), unpack(names)) end
-- Counted anew: what the caller compares with its limits owes nothing to the refusal above.
return granted(OK, session, s, token, 1, taken)
