-- Put after organization.lua where sessions are changed: what every member of
-- the ledger has in common.

-- When a session ends by itself, ms; 0 when the ledger does not hold it.
local function expiry_of(session) return tonumber(redis.call('ZSCORE', kept('all'), session) or 0) end

-- Sets when a session ends by itself, in all that counts it.
local function expire_at(session, s, at)
  redis.call('ZADD', kept('all'), digits(at), session)
  for pool in string.gmatch(s.pools, '%S+') do redis.call('ZADD', pool_key(pool), digits(at), session) end
end

local function write(session, s)
  local raw = pack_session(s)
  redis.call('HSET', kept('data'), session, raw)
  return raw
end

-- How many living sessions a pool has.
local function living(pool) return redis.call('ZCOUNT', pool_key(pool), '(' .. digits(now), '+inf') end

-- When a token made now should end, and whether the present one (ending at
-- token) is due for renewal: less than half of a token's life remains, and a
-- new one would live longer (it never outlives the license: limit, 0 = none).
local function renewal(token, ttl, limit)
  local fresh = now + ttl
  if limit > 0 and limit < fresh then fresh = limit end
  return fresh, token - now < ttl / 2 and fresh > token
end
