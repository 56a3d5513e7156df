-- Put after members.lua: how the seats of a pool are used. The pool is the first of a
-- session's, its license's own; its level is how many living sessions it has.
--
-- The counts of a pool and an hour (UTC, by this server's clock) are one hash. Within a
-- generation each of its numbers only grows, so whoever records them twice, or older
-- ones after newer ones, keeps the greatest of each and is right:
--   t<level>  milliseconds at the level       g<level>  grants, by the level they brought it to
--   d<level>  refusals by the pool itself, by its level
--   o<pool>   refusals by another pool        o=        refusals by tokens
--   w         refusals whose holder got a seat within PATIENCE
--   f         grants that failed              p         the highest level, where levels are rounded
-- A meter is what the next count of a pool needs:
--   since   until when the level is counted   cap    the pool's size, as last told
--   closed  the last hour that takes no more: once it is recorded it can be forgotten
--   first   the first hour that may have counts
--   denied  when it refused, to the minute
local metering
metered = function()
  if metering then return metering end -- made at first use: heartbeats need none of it
  local HOUR, MINUTE, PATIENCE = 3600000, 60000, 600000
  -- No level is counted for longer than this at once: a level is looked at with every visit.
  local LONGEST = 48 * HOUR
  -- How many levels are told exactly, ends are counted one by one, refused holders and
  -- refusals of each are remembered.
  local EXACT, ENDS, HOLDERS, REFUSALS = 32, 1000, 1000, 100
  -- How many hours, of all pools together, one run looks through or forgets.
  local HOURS = 1000

  local function hour_of(at) return math.floor(at / HOUR) end
  local function counts_key(pool, hour) return kept('usage:' .. digits(hour) .. ':' .. pool) end

  -- Refused holders are kept in two hashes per pool, one for each period of PATIENCE in
  -- turn: the older one is dropped whole.
  local function refused_key(pool, period) return kept('refused:' .. digits(period % 2) .. ':' .. pool) end

  -- A level as it is told: exact up to EXACT, and above that rounded up, in as many steps
  -- to the pool's size. So a pool of up to twice EXACT has all of its levels.
  local function told_level(m, level)
    if level <= EXACT then return digits(level) end
    local width = math.ceil((math.max(level, m.cap) - EXACT) / EXACT)
    return digits(EXACT + math.ceil((level - EXACT) / width) * width)
  end

  -- The meter as it is kept. That of a pool which was rebuilt, or is new, begins with the
  -- generation, but no longer ago than a level is counted for: there is nothing before.
  local raw = {} -- those that were read together
  local function load_meter(pool)
    if raw[pool] == nil then raw[pool] = redis.call('HGET', kept('meters'), pool) end
    local since, cap, closed, first, denied = string.match(raw[pool] or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
    if since then
      return {pool = pool, since = tonumber(since), cap = tonumber(cap), closed = tonumber(closed), first = tonumber(first), denied = tonumber(denied)}
    end
    local began = math.min(tonumber(redis.call('HGET', KEYS[1], 'loaded_at') or now), now)
    if not clocks_differ then began = math.max(began, now - LONGEST) end
    return {pool = pool, since = began, cap = 0, closed = hour_of(began) - 1, first = hour_of(began), denied = 0, fresh = true}
  end

  local function save_meter(m)
    m.fresh = false
    raw[m.pool] = string.format('%.0f %.0f %.0f %.0f %.0f', m.since, m.cap, m.closed, m.first, m.denied)
    redis.call('HSET', kept('meters'), m.pool, raw[m.pool])
  end

  -- The meter's own time, which does not go back where the clock does.
  local function time_of(m) return math.max(now, m.since) end

  -- Where a count of this time belongs. An hour that was closed takes no more.
  local function counts_at(m, at) return counts_key(m.pool, math.max(hour_of(at), m.closed + 1)) end

  local function count(m, at, field, by) return redis.call('HINCRBY', counts_at(m, at), field, digits(by)) end

  -- The peak is that of the levels, but where these are rounded.
  local function reached(m, at, level)
    if level <= EXACT then return end
    local counts = counts_at(m, at)
    if level > tonumber(redis.call('HGET', counts, 'p') or 0) then redis.call('HSET', counts, 'p', digits(level)) end
  end

  -- Counts the time from since on at a level, hour by hour. Within an hour only grants
  -- raise it, and count its peak: else it is looked at once for each level.
  local function count_time(m, to, level)
    if level == 0 then m.since = math.max(m.since, to) end
    while m.since < to do
      local ends = math.min(to, (hour_of(m.since) + 1) * HOUR)
      local took = ends - m.since
      if count(m, m.since, 't' .. told_level(m, level), took) == took then reached(m, m.since, level) end
      m.since = ends
    end
  end

  -- Counts the level up to now: those whose time ran out since then had their seats until
  -- it did. Heartbeats need no count, they keep the level. Nobody's did if all members
  -- that the pool has are living.
  local function count_level(m, members)
    local left = m.level
    if now >= all_live_until and members ~= left then
      local from = m.since < all_live_until and '0' or '(' .. digits(m.since)
      local gone = redis.call('ZRANGEBYSCORE', pool_key(m.pool), from, digits(now), 'WITHSCORES', 'LIMIT', 0, ENDS)
      local more = #gone == 2 * ENDS
      left = left + (more and redis.call('ZCOUNT', pool_key(m.pool), from, digits(now)) or #gone / 2)
      for i = 2, #gone, 2 do
        count_time(m, math.max(tonumber(gone[i]), all_live_until), left)
        left = left - 1
      end
      if more then return end -- the next one goes on from there
    end
    count_time(m, now, left)
  end

  -- The pools' meters that this run has brought up to now.
  local meters = {}

  -- level, members: how many sessions the pool has that live, and of any kind, where that is known.
  local function read(pool, level, members)
    local m = meters[pool]
    if m then return m end
    m = load_meter(pool)
    m.level = level or living(pool)
    meters[pool] = m
    -- While the clocks differ it is not known how long anything lasted.
    if not clocks_differ and now > m.since then
      m.since = math.max(m.since, now - LONGEST)
      count_level(m, members)
      save_meter(m)
    elseif m.fresh then
      save_meter(m)
    end
    return m
  end

  -- The same of a candidate, which says how large its pool is.
  local function read_for(c)
    local m = read(c.pools[1].name, c.pools[1].used, c.pools[1].members)
    if m.cap ~= c.pools[1].cap then
      m.cap = c.pools[1].cap
      save_meter(m)
    end
    return m
  end

  local refusing
  local function refusals()
    if refusing then return refusing end -- made at first use as well: most grants need none of it
    -- Whether this request was refused within the last minute, as far as is remembered:
    -- tried again by itself, or sent again as an answer was lost, it is one refusal.
    local function repeated(m, holder, request, before)
      if request == '' then return false end
      local period = math.floor(time_of(m) / PATIENCE)
      if not before and time_of(m) - period * PATIENCE < MINUTE then
        before = redis.call('HGET', refused_key(m.pool, period - 1), holder)
      end
      local last, at = string.match(before or '', '^(%S*).- ?(%x*)$')
      return last == request and at ~= '' and time_of(m) - tonumber(at, 16) < MINUTE
    end

    -- Remembers that a holder was refused now; before: its earlier refusals.
    local function remember(m, key, holder, request, before)
      local times = string.match(before or '', '^%S*(.*)$')
      if not before and redis.call('HLEN', key) >= HOLDERS then return end
      if #times < REFUSALS * 12 then times = times .. string.format(' %x', time_of(m)) end
      redis.call('HSET', key, holder, request .. times)
    end

    -- Counts a refusal of a candidate: by its own pool (0), another one of its pools, or tokens (-1).
    local function refused(c, place, request)
      local m = read_for(c)
      local period = math.floor(time_of(m) / PATIENCE)
      local key = refused_key(m.pool, period)
      if math.floor(m.denied / PATIENCE) ~= period then redis.call('UNLINK', key) end
      local before = redis.call('HGET', key, c.holder)
      if repeated(m, c.holder, request, before) then return end
      local by = 'o='
      if place == 0 then by = 'd' .. told_level(m, m.level) elseif place > 0 then by = 'o' .. c.pools[place + 1].name end
      count(m, time_of(m), by, 1)
      remember(m, key, c.holder, request, before)
      if time_of(m) - m.denied >= MINUTE or math.floor(m.denied / PATIENCE) ~= period then
        m.denied = time_of(m)
        save_meter(m)
      end
    end

    -- Counts as waited for the refusals that this holder's grant comes soon enough after.
    local function waited(m, holder)
      local period = math.floor(time_of(m) / PATIENCE)
      for _, p in ipairs({period - 1, period}) do
        local key = refused_key(m.pool, p)
        local before = redis.call('HGET', key, holder)
        for at in string.gmatch(before and string.match(before, '^%S*(.*)$') or '', '%x+') do
          at = tonumber(at, 16)
          if time_of(m) - at <= PATIENCE then count(m, at, 'w', 1) end
        end
        if before then redis.call('HDEL', key, holder) end
      end
    end

    refusing = {refused = refused, waited = waited}
    return refusing
  end

  -- Reads the meters of candidates at once, which costs no more than that of one.
  local function prepare(candidates)
    local pools = {}
    for i, c in ipairs(candidates) do pools[i] = c.pools[1].name end
    for i, meter in ipairs(redis.call('HMGET', kept('meters'), unpack(pools))) do raw[pools[i]] = meter end
  end

  -- Counts a grant, after it was written; m was read before it. The holder may have been
  -- refused under any of the candidates.
  local function granted(m, candidates)
    local level = m.level + 1
    count(m, time_of(m), 'g' .. told_level(m, level), 1)
    reached(m, time_of(m), level)
    for _, c in ipairs(candidates) do
      local own = meters[c.pools[1].name] or load_meter(c.pools[1].name)
      if time_of(own) - own.denied <= PATIENCE + MINUTE then refusals().waited(own, c.holder) end
    end
  end

  -- The hours that a meter may have counts of.
  local function hours_of(m) return m.first, hour_of(math.max(m.since, m.denied)) end

  -- Closes the hours that nothing can be counted in any more: a refusal is counted as
  -- waited for in its own hour.
  local function close(m)
    if clocks_differ then return end
    m.closed = math.max(m.closed, hour_of(math.min(now - PATIENCE, m.since)) - 1)
    save_meter(m)
  end

  -- Counts a grant that came to nothing, in the hour of the grant.
  local function failed(pool, acquired)
    count(read(pool), acquired, 'f', 1)
  end

  metering = {
    read = read, read_for = read_for, prepare = prepare, granted = granted, refusals = refusals, failed = failed, close = close,
    load = load_meter, save = save_meter, hours = hours_of, HOURS = HOURS, counts_key = counts_key, refused_key = refused_key,
  }
  return metering
end
