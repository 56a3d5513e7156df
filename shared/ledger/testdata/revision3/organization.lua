-- Put between the prelude and each script on one organization's ledger.
-- KEYS[1] is the organization's epoch: a hash that names the server which was
-- loaded, the generation that holds its sessions, and until when all of these
-- live. All other keys are derived from it, so they carry its hash tag and lie in
-- its cluster slot.
-- ARGV[1] is fresh randomness (Redis seeds math.random alike in every script, so
-- it cannot make a nonce), ARGV[2] the caller's time, ARGV[3] by how much that may
-- differ from this server's (0: it is not looked at).

local base = string.sub(KEYS[1], 1, -6) -- without "epoch"

-- Keys of the organization that outlive a generation.
local function key(name) return base .. name end

-- Keys of a generation carry its name: a rebuild fills new ones unseen and
-- switches to them at once, however many sessions there are.
local generation, names = '', {}
local function use(g) generation, names = g, {} end
local function kept(name)
  local k = names[name]
  if not k then
    k = base .. generation .. ':' .. name
    names[name] = k
  end
  return k
end

-- The set of sessions by their end that a pool counts; the pool without a name
-- counts all of the organization's.
local function pool_key(pool)
  if pool == '' then return kept('all') end
  return kept('pool:' .. pool)
end

-- A generation's name is v<version of its data>.<epoch>, an epoch is <number>.<piece of its nonce>.
local function name_of(e) return 'v' .. VERSION .. '.' .. e end

-- What KEYS[1] says: the server, the generation, until when all its sessions live.
-- Revisions before version 2 kept one string there, on which the hash command
-- fails: theirs is no ledger of ours.
local function loaded()
  local e = redis.pcall('HMGET', KEYS[1], 'server', 'generation', 'all_live_until')
  if e.err then return false, string.match(redis.call('GET', KEYS[1]), '[^:]*$') end
  return e[1], e[2], tonumber(e[3] or 0)
end

-- The nonce of this incarnation, made once.
local function nonce(id)
  local n = redis.call('GET', key('nonce'))
  if not n or string.sub(n, 1, #id + 1) ~= id .. ':' then
    n = id .. ':' .. ARGV[1]
    redis.call('SET', key('nonce'), n)
  end
  return n
end

-- Whether the rebuild that this nonce names is still to be done, on this server.
local function wanted(n)
  local id = identity()
  return redis.call('GET', key('nonce')) == n and string.sub(n, 1, #id + 1) == id .. ':'
end

-- Makes the next script ask for a rebuild. The generation's name stays readable:
-- the rebuild looks there for sessions whose end has begun, and clears it.
local function forget() redis.call('HSET', KEYS[1], 'server', '-') end

-- Until when every session of this generation lives, whatever its score says.
local all_live_until = 0

-- Opens the organization's ledger, or answers why it cannot: it must be rebuilt
-- unless it was loaded on this very server, in this version. What a newer
-- revision wrote is left to that revision, which rebuilt it for itself.
-- A ledger of an older epoch than the caller knows the record to be of is
-- forgotten: another primary may have sold its seats by now.
local function closed(record_epoch)
  local server, g, live_until = loaded()
  local version = tonumber(string.match(g or '', '^v(%d+)%.') or 0)
  if version > VERSION then return answer(NEWER, version) end
  local id = identity()
  if server == id and version == VERSION and record_epoch and tonumber(string.match(g, '^v%d+%.(%d+)')) < tonumber(record_epoch) then
    forget()
    server = '-'
  end
  if server ~= id or version < VERSION then return answer(REBUILD, nonce(id)) end
  use(g)
  epoch, all_live_until = string.match(g, '^v%d+%.(.*)$'), live_until
  return nil
end

-- Whether the caller's clock and this server's disagree: one of them is wrong, so
-- nobody is granted a seat, and nobody is called expired.
local called_at, tolerance = tonumber(ARGV[2]), tonumber(ARGV[3])
local clocks_differ = tolerance > 0 and math.abs(now - called_at) > tolerance

-- When a session that is extended now will end by itself. While the clocks differ
-- the later one counts, else the session would be over once the wrong one is set
-- right. A caller's clock counts for ten TTLs at most: it may be the wrong one, and
-- the seat of a program that is gone is taken for so much longer.
local function end_after(ttl)
  if not clocks_differ then return now + ttl end
  return math.max(now, math.min(called_at, now + 10 * ttl)) + ttl
end
