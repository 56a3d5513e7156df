-- Put after organization.lua where sessions are changed: what every member of
-- the ledger has in common.
--
-- A session's score, in all that counts it, is when it will end by itself. Once
-- its end has begun the score is minus the time of its end: no clock makes it
-- living again, and nobody takes that back.

-- When a session ends, and whether its end has begun; 0 when the ledger does not hold it.
local function end_of(session)
  local score = tonumber(redis.call('ZSCORE', kept('all'), session) or 0)
  if score < 0 then return -score, true end
  return math.max(score, all_live_until), false
end

-- Whether a session's time is over. While the clocks differ no time is.
local function over(ends, ending) return ending or (ends <= now and not clocks_differ) end

-- The scores of the living, of those whose time is over, and of those whose end has begun.
local function living_from() return now < all_live_until and '0' or '(' .. digits(now) end
local function expired_to() return now < all_live_until and '(0' or digits(now) end
local ending_to = '(0'

-- How many living sessions a pool has.
local function living(pool) return redis.call('ZCOUNT', pool_key(pool), living_from(), '+inf') end

local function score(session, s, to)
  to = digits(to)
  redis.call('ZADD', kept('all'), to, session)
  for pool in string.gmatch(s.pools, '%S+') do redis.call('ZADD', pool_key(pool), to, session) end
end

local function write(session, s)
  local raw = pack_session(s)
  redis.call('HSET', kept('data'), session, raw)
  return raw
end

-- How the seats of pools are used; see meters.lua.
local metered

-- Counts the level of the session's own pool up to now: it is about to fall.
local function count_level_of(s)
  local pool = string.match(s.pools, '^%S*')
  if pool ~= '' then metered().read(pool) end
end

-- Begins the end of a session, at a time and for a reason ('': it expired).
local function begin_end(session, s, at, reason)
  score(session, s, -at)
  s.reason = reason
  return write(session, s)
end

-- Takes out a member without data, which is nobody's session: a script that
-- failed half way has left it.
local function drop(session)
  redis.call('ZREM', kept('all'), session)
  for _, pool in ipairs(redis.call('SMEMBERS', kept('pools'))) do redis.call('ZREM', pool_key(pool), session) end
end

-- Adds a session whose time is over to an answer, and begins its end if nobody
-- has: what was told to have ended has ended, also if the clock steps back.
local function tell_end(a, session)
  local raw = redis.call('HGET', kept('data'), session)
  if not raw then return drop(session) end
  local ends, ending = end_of(session)
  if not ending then count_level_of(unpack_session(raw)) end
  if not ending then score(session, unpack_session(raw), -ends) end
  a[#a + 1], a[#a + 2], a[#a + 3] = session, digits(ends), raw
end

-- The tokens of a pool's sessions that have ended and may be good all the same: who
-- held it, and when its last token ends.
local function spent_key(pool) return kept('spent:' .. pool) end

-- How long a token made now lives; license.TokenLife is the same.
local function token_life(held, ttl, least) return math.max(math.min(least, ttl), math.min(held, ttl)) end

-- When a token that is made for this session now ends; 0: none is, as its life would
-- count from a time that may be wrong, or because the caller makes none (ttl 0).
local function next_token(s, ttl, least)
  if clocks_differ or ttl == 0 then return 0 end
  local ends = now + token_life(now - s.acquired, ttl, least)
  s.token = math.max(s.token, ends)
  return ends
end
