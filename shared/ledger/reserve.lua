-- Reserve a seat, or find the one this holder has.
-- KEYS  epoch
-- ARGV  random at tolerance record_epoch session holder who license license_end ttl token_ttl limit | pool cap …
-- Answer  OK or HELD session expiry token renewed recorded grant acquired | used …  (one per pool)
--         STALE | session end data …
--         FULL pool used cap earliest  (pool: its place among those given, from 0)
--         CLOCK
-- Complexity O(pools × log n + limit). Idempotent: a repeat with the same session
-- id finds the session it made and answers OK again, with the count of attempts it
-- began with: what others were told meanwhile is not this request's to take back.
-- Nothing is evicted here: what must go is named, so that its end can be
-- recorded before its seat is granted again.
local no = closed(ARGV[4])
if no then return no end
if clocks_differ then return answer(CLOCK) end
local session, holder, who, license, license_end, ttl, token_ttl, limit = unpack(ARGV, 5, 12)
license_end, ttl, token_ttl, limit = tonumber(license_end), tonumber(ttl), tonumber(token_ttl), tonumber(limit)
local pools, names = {}, {}
for i = 13, #ARGV, 2 do
  pools[#pools + 1] = {name = ARGV[i], set = pool_key(ARGV[i]), cap = tonumber(ARGV[i + 1])}
  if ARGV[i] ~= '' then names[#names + 1] = ARGV[i] end
end

local function granted(code, id, s, renewed, grant)
  local a = answer(code, id, now + ttl, s.token, renewed and 1 or 0, s.recorded and 1 or 0, grant, s.acquired)
  for _, pool in ipairs(pools) do a[#a + 1] = living(pool.name) end
  return a
end

local held = redis.call('HGET', kept('holders'), holder)
if held and not over(end_of(held)) then
  local s = unpack_session(redis.call('HGET', kept('data'), held))
  local fresh, renewed = renewal(s.token, token_ttl, license_end)
  if renewed then s.token = fresh end
  s.beat = now
  -- Whoever else is still completing this grant must not give the seat back:
  -- a changed count of attempts tells it that another answer may name it.
  if held ~= session and not s.recorded then s.grant = s.grant + 1 end
  write(held, s)
  score(held, s, now + ttl)
  if held == session then return granted(OK, held, s, renewed, 1) end
  return granted(HELD, held, s, renewed, s.grant)
end

for i, pool in ipairs(pools) do
  local used = living(pool.name)
  if used >= pool.cap then
    local first = redis.call('ZRANGEBYSCORE', pool.set, living_from(), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    return answer(FULL, i - 1, used, pool.cap, math.max(tonumber(first[2] or now + ttl), all_live_until))
  end
end

local stale, chosen, gone = answer(STALE), {}, 0
local function must_go(id)
  if chosen[id] then return end
  chosen[id] = true
  local before = #stale
  tell_end(stale, id)
  if #stale > before then gone = gone + 1 end -- else it was no session, and is not in the way any more
end
-- An expired session of this holder's own goes first: left in place, it would
-- come back beside its successor after a loss.
if held then must_go(held) end
for _, pool in ipairs(pools) do
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

local fresh = renewal(0, token_ttl, license_end)
local s = {beat = now, token = fresh, grant = 1, recorded = false, reason = '', acquired = now,
  license = license, pools = table.concat(names, ' '), who = who}
write(session, s)
score(session, s, now + ttl)
redis.call('HSET', kept('holders'), holder, session)
if #names > 0 then redis.call('SADD', kept('pools'), unpack(names)) end
-- Counted anew: what the caller compares with its limits owes nothing to the refusal above.
return granted(OK, session, s, true, 1)
