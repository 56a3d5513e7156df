-- A session's data is one string, written and read here and in session.go alone.
-- Its fields are separated by commas, its times are hexadecimal milliseconds:
--
--   version   of this format; another version's data is an error, never misread
--   beat      last heartbeat
--   token     when the holder's license token ends
--   grant     count of the requests that may answer with this grant
--   recorded  1 once it is known to be in the record, else 0
--   reason    why it is ending, in letters alone; empty while nobody has begun its end
--   acquired  when the seat was taken
--   license   the license's id
--   pools     names of the pools that count it, separated by blanks; a leading
--             "=" stands for the license's id, which is most often the first; the
--             organization's own pool, which counts all, is not named
--   who       the holder; its first tab-separated piece is the (escaped) user
local VERSION = 3

local function unpack_session(raw)
  local version, beat, token, grant, recorded, reason, acquired, license, pools, who =
    string.match(raw, '^(%d+),(%x+),(%x+),(%d+),(%d),(%l*),(%x+),([^,]*),([^,]*),(.*)$')
  if version ~= tostring(VERSION) then error('a session of another version than ' .. VERSION) end
  if string.sub(pools, 1, 1) == '=' then pools = license .. string.sub(pools, 2) end
  return {beat = tonumber(beat, 16), token = tonumber(token, 16), grant = tonumber(grant), recorded = recorded == '1',
    reason = reason, acquired = tonumber(acquired, 16), license = license, pools = pools, who = who}
end

local function pack_session(s)
  local pools, first = s.pools, string.match(s.pools, '^%S*')
  if first == s.license then pools = '=' .. string.sub(pools, #first + 1) end
  return table.concat({VERSION, string.format('%x,%x,%.0f', s.beat, s.token, s.grant), s.recorded and '1' or '0', s.reason,
    string.format('%x', s.acquired), s.license, pools, s.who}, ',')
end

-- Whether the session is this (escaped) user's.
local function belongs(s, user) return string.sub(s.who, 1, #user + 1) == user .. '\t' end
