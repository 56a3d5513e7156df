-- Prelude, put in front of every script. KEYS[1] is the organization's epoch
-- (E), KEYS[2] its rebuild nonce (N); ARGV[1] the generation the caller built
-- its keys for, ARGV[2] fresh randomness (Redis seeds math.random alike in
-- every script, so it cannot make a nonce).

-- Result codes; redis.go has the same table.
local OK, REBUILD, MOVED, HELD, STALE, FULL, UNKNOWN, FOREIGN, GONE, EXPIRED, LICENSE, TOUCHED, LOST =
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

-- The server's own clock in milliseconds: instances' clocks differ, and with
-- them two callers would disagree on who is expired.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A number as digits; Lua would print a large one in exponent form.
local function digits(n) return string.format('%.0f', n) end

-- Which server, with which history, this is. run_id is new in every process;
-- master_replid is new in every promotion, so a fail over and back to the same
-- process, which loses writes, is seen as well.
local function identity()
  local info = redis.call('INFO', 'server', 'replication')
  return string.match(info, 'run_id:(%w+)') .. '.' .. string.match(info, 'master_replid:(%w+)')
end

-- The generation (its name begins with the epoch's number) that E names, or nil
-- unless this very server was loaded with it.
local function generation(id)
  local e = redis.call('GET', KEYS[1])
  if e and string.sub(e, 1, #id + 1) == id .. ':' then return string.sub(e, #id + 2) end
  return nil
end

-- The nonce of this incarnation, made once.
local function nonce(id)
  local n = redis.call('GET', KEYS[2])
  if not n or string.sub(n, 1, #id + 1) ~= id .. ':' then
    n = id .. ':' .. ARGV[2]
    redis.call('SET', KEYS[2], n)
  end
  return n
end

-- Refuses the call unless this server's ledger is loaded and is the generation
-- the keys were built for. Returns nil when all is well, else the answer.
local function closed()
  local id = identity()
  local n = generation(id)
  if not n then return {REBUILD, nonce(id)} end
  if n ~= ARGV[1] then return {MOVED, n} end
  return nil
end

-- A session's data is one string: last heartbeat, token expiry, grant attempts,
-- recorded (0|1), end reason, acquired, license, and the holder's part, whose
-- first tab-separated piece is the (escaped) user.
local function unpack_session(raw)
  local beat, token, grant, recorded, reason, acquired, lic, who =
    string.match(raw, '^(%d+),(%d+),(%d+),(%d),(%l*),(%d+),([^,]*),(.*)$')
  return {beat = beat, token = token, grant = grant, recorded = recorded, reason = reason,
    acquired = acquired, license = lic, who = who}
end

local function pack_session(s)
  return table.concat({s.beat, s.token, s.grant, s.recorded, s.reason, s.acquired, s.license, s.who}, ',')
end

-- When a token made now should end, and whether the present one (ending at
-- token) is due for renewal: less than half of a token's life remains, and a
-- new one would live longer (it never outlives the license: limit, 0 = none).
local function renewal(now, token, ttl, limit)
  local fresh = now + ttl
  if limit > 0 and limit < fresh then fresh = limit end
  return fresh, token - now < ttl / 2 and fresh > token
end
