-- Prelude, put in front of every script.
--
-- Every script answers {code, epoch, now, …}: what follows is its own. The epoch
-- is written <number>.<piece of the nonce>, and is '' where no organization's
-- ledger was opened.

-- The codes; reply.go has the same table.
local OK, REBUILD, NEWER, HELD, STALE, FULL, UNKNOWN, FOREIGN, EXPIRED, TOUCHED, LOST, CLOCK =
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

-- The server's own clock in milliseconds: instances' clocks differ, and with
-- them two callers would disagree on who is expired.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local epoch, now = '', clock()
local function answer(code, ...) return {code, epoch, now, ...} end

-- A number as digits; Lua would print a large one in exponent form.
local function digits(n) return string.format('%.0f', n) end

-- Which server, with which history, this is. run_id is new in every process;
-- master_replid is new in every promotion, so a fail over and back to the same
-- process, which loses writes, is seen as well.
local function identity()
  local info = redis.call('INFO', 'server', 'replication')
  return string.match(info, 'run_id:(%w+)') .. '.' .. string.match(info, 'master_replid:(%w+)')
end
