package ledgertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Shifted gives a ledger on a real Redis, which has no movable clock, one all the same:
// to advance, it moves everything the ledger has written back in time, and it
// translates the times that go in and out, so that its user sees one clock that
// jumped. Only tests can do this: it takes the data apart behind the ledger's back.
type Shifted struct {
	ledger.Ledger
	t      testing.TB
	client redis.UniversalClient
	prefix string

	mu     sync.Mutex
	offset time.Duration // what the shown clock is ahead of the server's
	lag    time.Duration // what the caller's clock is behind the server's
}

// shiftScript runs over one server's keys of a prefix. ARGV: prefix, what
// (shift, lose, promote), milliseconds.
const shiftScript = `
local prefix, what, d = ARGV[1], ARGV[2], tonumber(ARGV[3])
local function digits(n) return string.format('%.0f', n) end
local function back(raw)
  local beat, token, between, acquired, rest = string.match(raw, '^4,(%x+),(%x+),(%d+,%d,%l*),(%x+)(,.*)$')
  return string.format('4,%x,%x,%s,%x%s', tonumber(beat, 16) - d, tonumber(token, 16) - d, between, tonumber(acquired, 16) - d, rest)
end
local function shift_hash(key, change)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do redis.call('HSET', key, all[i], change(all[i + 1])) end
end
local function shift_lease(key)
  local ends, of = string.match(redis.call('GET', key), '^(%d+);(.*)$')
  redis.call('SET', key, digits(ends - d) .. ';' .. of)
end
local function shift(key)
  if redis.call('TYPE', key).ok == 'zset' then
    local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    -- The score of a session whose end has begun is minus its time.
    for i = 1, #all, 2 do
      local score = tonumber(all[i + 1])
      redis.call('ZADD', key, digits(score < 0 and score + d or score - d), all[i])
    end
  elseif string.match(key, ':epoch$') then
    local at = redis.call('HGET', key, 'all_live_until')
    if at then redis.call('HSET', key, 'all_live_until', digits(at - d)) end
  elseif string.match(key, ':lease$') then
    shift_lease(key)
  elseif string.match(key, ':data$') then
    shift_hash(key, back)
  elseif string.match(key, ':resumed$') then
    shift_hash(key, function(ends) return digits(ends - d) end)
  end
end
local function promote(key)
  if string.match(key, ':epoch$') then
    redis.call('HSET', key, 'server', 'was-' .. redis.call('HGET', key, 'server'))
  elseif string.match(key, ':nonce$') or string.match(key, ':filled:') then
    redis.call('SET', key, 'was-' .. redis.call('GET', key))
  end
end
local cursor = '0'
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', prefix .. ':*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    if what == 'shift' then shift(key) elseif what == 'promote' then promote(key) else redis.call('DEL', key) end
  end
until cursor == '0'
return 1`

// onEveryServer runs the script on the server, or on each master of a cluster.
func (s *Shifted) onEveryServer(what string, d time.Duration) {
	s.t.Helper()
	run := func(ctx context.Context, node *redis.Client) error {
		return node.Eval(ctx, shiftScript, nil, s.prefix, what, d.Milliseconds()).Err()
	}
	ctx := context.Background()
	var err error
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, run)
	case *redis.Client:
		err = run(ctx, c)
	default:
		err = errors.New("an unknown kind of client")
	}
	if err != nil {
		s.t.Fatalf("%s the data of %s: %v", what, s.prefix, err)
	}
}

// Now is the shown clock.
func (s *Shifted) Now() time.Time {
	s.t.Helper()
	now, err := s.client.Time(context.Background()).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return now.Add(s.ahead()).UTC().Truncate(time.Millisecond)
}

// SetNow makes the shown clock show now, and run on.
func (s *Shifted) SetNow(now time.Time) { s.Advance(now.Sub(s.Now())) }

// Advance moves the shown clock.
func (s *Shifted) Advance(d time.Duration) {
	s.t.Helper()
	d = d.Truncate(time.Millisecond)
	s.onEveryServer("shift", d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

// Step moves the shown clock, and leaves the caller's.
func (s *Shifted) Step(d time.Duration) {
	s.t.Helper()
	s.Advance(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag += d
}

// callerNow is the caller's clock, as the server would show it.
func (s *Shifted) callerNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(-s.lag)
}

// Lose empties the server.
func (s *Shifted) Lose() { s.onEveryServer("lose", 0) }

// Promote gives the server another identity with all its data.
func (s *Shifted) Promote() { s.onEveryServer("promote", 0) }

func (s *Shifted) ahead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offset
}

// in is a shown time as the server knows it.
func (s *Shifted) in(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-s.ahead())
}

// out are the server's times as they are shown.
func (s *Shifted) out(times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = t.Add(s.ahead())
		}
	}
}

func (s *Shifted) outHold(h *ledger.Hold) {
	s.out(&h.Now, &h.AcquiredAt, &h.LastHeartbeatAt, &h.ExpiresAt, &h.EndedAt, &h.TokenExpiresAt, &h.TokenEnds)
}

// outErr shows the times an error carries.
func (s *Shifted) outErr(err error) error {
	var stale *ledger.StaleError
	var expired *ledger.ExpiredError
	var unknown *ledger.UnknownError
	switch {
	case errors.As(err, &stale):
		for i := range stale.Holds {
			s.outHold(&stale.Holds[i])
		}
	case errors.As(err, &expired):
		s.outHold(&expired.Hold)
	case errors.As(err, &unknown):
		s.out(&unknown.Now)
	}
	return err
}

// shownHold shows an answer; an error's hold is empty and stays so.
func (s *Shifted) shownHold(h ledger.Hold, err error) (ledger.Hold, error) {
	if err != nil {
		return h, s.outErr(err)
	}
	s.outHold(&h)
	return h, nil
}

// Reserve implements [ledger.Ledger].
func (s *Shifted) Reserve(ctx context.Context, c license.Caller, r ledger.Reservation) (ledger.Hold, error) {
	return s.shownHold(s.Ledger.Reserve(ctx, c, r))
}

// Heartbeat implements [ledger.Ledger].
func (s *Shifted) Heartbeat(ctx context.Context, c license.Caller, q ledger.Heartbeat) (ledger.Hold, error) {
	return s.shownHold(s.Ledger.Heartbeat(ctx, c, q))
}

// Mark implements [ledger.Ledger].
func (s *Shifted) Mark(ctx context.Context, c license.Caller, m ledger.Mark) (ledger.Hold, error) {
	return s.shownHold(s.Ledger.Mark(ctx, c, m))
}

// Look implements [ledger.Ledger].
func (s *Shifted) Look(ctx context.Context, c license.Caller, ids []string) ([]ledger.Sight, error) {
	sights, err := s.Ledger.Look(ctx, c, ids)
	for i := range sights {
		s.out(&sights[i].LastHeartbeatAt, &sights[i].ExpiresAt)
	}
	return sights, err
}

// Visit implements [ledger.Ledger].
func (s *Shifted) Visit(ctx context.Context, c license.Caller, limit int) (ledger.Visit, error) {
	v, err := s.Ledger.Visit(ctx, c, limit)
	s.out(&v.Now, &v.Earliest)
	for _, holds := range [][]ledger.Hold{v.Expired, v.Ending} {
		for i := range holds {
			s.outHold(&holds[i])
		}
	}
	return v, err
}

// Known implements [ledger.Ledger].
func (s *Shifted) Known(ctx context.Context, c license.Caller, ids []string) (ledger.Holdings, error) {
	h, err := s.Ledger.Known(ctx, c, ids)
	s.out(&h.Now)
	return h, err
}

// Stage implements [ledger.Ledger].
func (s *Shifted) Stage(ctx context.Context, c license.Caller, nonce string, epoch license.Epoch, chunk ledger.Chunk) error {
	translated := make([]ledger.Member, len(chunk.Members))
	for i, x := range chunk.Members {
		x.AcquiredAt, x.LastHeartbeatAt, x.ExpiresAt = s.in(x.AcquiredAt), s.in(x.LastHeartbeatAt), s.in(x.ExpiresAt)
		translated[i] = x
	}
	chunk.Members = translated
	return s.Ledger.Stage(ctx, c, nonce, epoch, chunk)
}

// Claim implements [ledger.Ledger].
func (s *Shifted) Claim(ctx context.Context, c license.Caller, nonce, owner string) (ledger.Claim, error) {
	claim, err := s.Ledger.Claim(ctx, c, nonce, owner)
	s.out(&claim.Now)
	return claim, err
}

// Spend implements [ledger.Ledger].
func (s *Shifted) Spend(ctx context.Context, c license.Caller, nonce string, epoch license.Epoch, spent []ledger.Spent) error {
	spent = slices.Clone(spent)
	for i := range spent {
		spent[i].Ends = s.in(spent[i].Ends)
	}
	return s.Ledger.Spend(ctx, c, nonce, epoch, spent)
}

// Reschedule implements [ledger.Ledger].
func (s *Shifted) Reschedule(ctx context.Context, org string, v ledger.Visit) (bool, error) {
	v.Now, v.Earliest = s.in(v.Now), s.in(v.Earliest)
	return s.Ledger.Reschedule(ctx, org, v)
}
