-- Put between the prelude and each script on one organization's ledger.
-- KEYS[1] is the organization's epoch: a hash that names the server which was
-- loaded, and the generation that holds its sessions. All other keys are derived
-- from it, so they carry its hash tag and lie in its cluster slot.
-- ARGV[1] is fresh randomness (Redis seeds math.random alike in every script, so
-- it cannot make a nonce).

local base = string.sub(KEYS[1], 1, -6) -- without "epoch"

-- Keys of the organization that outlive a generation.
local function key(name) return base .. name end

-- Keys of a generation carry its name: a rebuild fills new ones unseen and
-- switches to them at once, however many sessions there are. open sets it.
local generation = ''
local function kept(name) return base .. generation .. ':' .. name end

-- The set of sessions by expiry that a pool counts; the pool without a name
-- counts all of the organization's.
local function pool_key(pool)
  if pool == '' then return kept('all') end
  return kept('pool:' .. pool)
end

-- A generation's name is v<version of its data>.<epoch>.<piece of its nonce>.
local function name_of(number, nonce) return 'v' .. VERSION .. '.' .. number .. '.' .. string.sub(string.match(nonce, '[^:]*$'), 1, 8) end

-- What KEYS[1] says: the server, and the generation. Revisions before version 2
-- kept one string there, on which the hash command fails: theirs is no ledger of ours.
local function loaded()
  local e = redis.pcall('HMGET', KEYS[1], 'server', 'generation')
  if e.err then return false, string.match(redis.call('GET', KEYS[1]), '[^:]*$') end
  return e[1], e[2]
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

-- Opens the organization's ledger, or answers why it cannot: it must be rebuilt
-- unless it was loaded on this very server, in this version. What a newer
-- revision wrote is left to that revision, which rebuilt it for itself.
local function closed()
  local server, g = loaded()
  local version = tonumber(string.match(g or '', '^v(%d+)%.') or 0)
  if version > VERSION then return answer(NEWER, version) end
  local id = identity()
  if server ~= id or version < VERSION then return answer(REBUILD, nonce(id)) end
  generation, epoch = g, tonumber(string.match(g, '^v%d+%.(%d+)'))
  return nil
end
