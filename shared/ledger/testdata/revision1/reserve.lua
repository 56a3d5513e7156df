-- Reserve a seat, or find the one this holder has.
-- KEYS  E N all data licenses marked | license holders    ARGV  generation random |
--       session holder who license max_license max_organization ttl token_ttl license_end limit
-- Returns {OK | HELD, session, now, expiry, token_expiry, renewed, used, recorded, grant, acquired, used_by_organization}
--       | {STALE, now, session, expiry, data, …} | {FULL, cap (0 license, 1 organization), used, max, now, earliest}
-- Complexity O(log n + limit). Idempotent: a repeat with the same session id
-- finds the session it made and answers OK again, with the count of attempts it
-- began with: what others were told meanwhile is not this request's to take back.
-- Nothing is evicted here: what must go is named, so that its end can be
-- recorded before its seat is granted again.
local no = closed()
if no then return no end
local all, data, licenses, marked, license, holders = KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local session, holder, who, license_id = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local max_license, max_organization = tonumber(ARGV[7]), tonumber(ARGV[8])
local ttl, token_ttl, license_end, limit = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local now = clock()
local alive = '(' .. digits(now)

local held = redis.call('HGET', holders, holder)
if held and tonumber(redis.call('ZSCORE', all, held) or 0) > now then
  local s = unpack_session(redis.call('HGET', data, held))
  local fresh, renewed = renewal(now, tonumber(s.token), token_ttl, license_end)
  if renewed then s.token = digits(fresh) end
  s.beat = digits(now)
  -- Whoever else is still completing this grant must not give the seat back:
  -- a changed count of attempts tells it that another answer may name it.
  if held ~= session and s.recorded == '0' then s.grant = digits(tonumber(s.grant) + 1) end
  redis.call('HSET', data, held, pack_session(s))
  redis.call('ZADD', all, digits(now + ttl), held)
  redis.call('ZADD', license, digits(now + ttl), held)
  return {held == session and OK or HELD, held, now, now + ttl, tonumber(s.token), renewed and 1 or 0,
    redis.call('ZCOUNT', license, alive, '+inf'), tonumber(s.recorded), held == session and 1 or tonumber(s.grant), tonumber(s.acquired),
    redis.call('ZCOUNT', all, alive, '+inf')}
end

local function full(cap, set, max)
  local used = redis.call('ZCOUNT', set, alive, '+inf')
  if used < max then return nil end
  local first = redis.call('ZRANGEBYSCORE', set, alive, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return {FULL, cap, used, max, now, tonumber(first[2] or now + ttl)}
end
-- mark.lua knows only the organization's set: whoever could be refused for a
-- marked session, or has to name it, first brings its mark into the license's.
-- Few are marked: those whose end is under way, or whose process died over it.
if redis.call('ZCARD', license) >= max_license then
  for _, id in ipairs(redis.call('ZRANGE', marked, 0, limit - 1)) do
    if redis.call('ZSCORE', license, id) then
      redis.call('ZADD', license, redis.call('ZSCORE', all, id) or '0', id)
      redis.call('ZREM', marked, id)
    end
  end
end
local refusal = full(0, license, max_license) or full(1, all, max_organization)
if refusal then return refusal end

local stale, chosen = {STALE, now}, {}
local function must_go(id)
  if chosen[id] then return 0 end
  chosen[id] = true
  stale[#stale + 1] = id
  stale[#stale + 1] = redis.call('ZSCORE', all, id) or '0'
  stale[#stale + 1] = redis.call('HGET', data, id) or ''
  return 1
end
local function make_room(set, max, gone)
  local need = redis.call('ZCARD', set) - gone - max + 1
  if need > limit then need = limit end
  if need <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', digits(now), 'LIMIT', 0, need + #stale)) do
    if need <= 0 then return end
    need = need - must_go(id)
  end
end
-- An expired session of this holder's own goes first: left in place, it would
-- come back beside its successor after a loss.
local own = held and must_go(held) or 0
make_room(license, max_license, own)
make_room(all, max_organization, (#stale - 2) / 3)
if #stale > 2 then return stale end

local fresh = renewal(now, 0, token_ttl, license_end)
redis.call('ZADD', all, digits(now + ttl), session)
redis.call('ZADD', license, digits(now + ttl), session)
redis.call('HSET', holders, holder, session)
redis.call('SADD', licenses, license_id)
redis.call('HSET', data, session, pack_session({beat = digits(now), token = digits(fresh), grant = '1', recorded = '0',
  reason = '', acquired = digits(now), license = license_id, who = who}))
-- Counted anew: what the caller compares with its limits owes nothing to the refusal above.
return {OK, session, now, now + ttl, fresh, 1, redis.call('ZCOUNT', license, alive, '+inf'), 0, 1, now,
  redis.call('ZCOUNT', all, alive, '+inf')}
