package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// During a roll-out instances of two revisions share one Redis. The older one
// must neither grant a seat that the newer one has sold nor say of a living
// session that it is gone: it answers that it is unavailable, and is on its way out.

// revision1 runs the scripts of version 1 of a session's data as that revision
// did, on acme's keys. Its scripts are frozen in testdata/revision1.
type revision1 struct {
	*testing.T
	client redis.UniversalClient
}

const e, n = "seats:{acme}:epoch", "seats:{acme}:nonce"

func (r revision1) source(name string) string {
	r.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "revision1", name+".lua"))
	if err != nil {
		r.Fatal(err)
	}
	return string(b)
}

func (r revision1) run(script, generation string, keys []string, args ...any) ([]any, error) {
	r.Helper()
	all := []string{e, n}
	for _, k := range keys {
		all = append(all, "seats:{acme}:"+strings.ReplaceAll(k, "G:", generation+":"))
	}
	return r.client.Eval(r.Context(), r.source("prelude")+r.source(script), all, append([]any{generation, "f00d"}, args...)...).Slice()
}

func (r revision1) reserve(generation, session string) ([]any, error) {
	return r.run("reserve", generation, []string{"G:all", "G:data", "G:licenses", "G:marked", "G:license:pro", "G:holders:pro"},
		session, "holder-of-"+session, "ann\thw\t", "pro", 1, 9, sessionTTL.Milliseconds(), tokenTTL.Milliseconds(), 0, 400)
}

// opening are the calls of the older revision that look into a ledger.
func (r revision1) opening(generation string) map[string]func() ([]any, error) {
	return map[string]func() ([]any, error){
		"beat": func() ([]any, error) {
			return r.run("beat", generation, []string{"G:all", "G:data", "owed", "G:license:pro"}, "s-1", "ann", 1000, 1000, 0, "pro", 0)
		},
		"mark": func() ([]any, error) {
			return r.run("mark", generation, []string{"G:all", "G:data", "owed", "G:marked"}, "s-1", "ann", "released", "", 0)
		},
		"remove": func() ([]any, error) {
			return r.run("remove", generation, []string{"G:all", "G:data", "owed", "G:marked", "G:license:pro", "G:holders:pro"}, "session", "s-1", "holder", 0)
		},
		"visit": func() ([]any, error) {
			return r.run("visit", generation, []string{"G:all", "G:data", "owed", "dead"}, 10)
		},
		"known":              func() ([]any, error) { return r.run("known", generation, []string{"G:all", "owed"}, "s-1") },
		"reserve":            func() ([]any, error) { return r.reserve(generation, "s-1") },
		"reserve for others": func() ([]any, error) { return r.reserve(generation, "s-2") },
	}
}

func eachServer(t *testing.T, test func(t *testing.T, c redis.UniversalClient, promote func())) {
	t.Run("embedded", func(t *testing.T) {
		f := ledgertest.Fake(t)
		test(t, ledgertest.Client(t, f.Addr()), f.Promote)
	})
	t.Run("redis-server", func(t *testing.T) {
		c := ledgertest.Client(t, servers.Redis(t).Addr())
		test(t, c, func() {
			if err := c.Del(t.Context(), e).Err(); err != nil {
				t.Error(err)
			}
		})
	})
}

// one is acme's one seat of pro, taken by ann.
func one(t *testing.T, l ledger.Ledger) ledger.Hold {
	t.Helper()
	h, err := l.Reserve(t.Context(), user("ann"), ledger.Reservation{
		SessionID: "s-1", Candidates: oneSeat(), Holder: license.Holder{UserID: "ann", HardwareID: "hw", InstanceID: "i"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// keeps fails unless ann's session lives on as it was.
func keeps(t *testing.T, l ledger.Ledger, after string) {
	t.Helper()
	h, err := l.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: "s-1"})
	if err != nil || h.InstanceID != "i" || h.Used != 1 {
		t.Fatalf("after %s: %+v, %v", after, h, err)
	}
	if err := lastSeat(t, l, "bob"); !errors.As(err, new(*ledger.FullError)) {
		t.Errorf("after %s the one seat is sold again: %v", after, err)
	}
}

func TestRevision1LeavesANewerLedgerAlone(t *testing.T) {
	eachServer(t, func(t *testing.T, c redis.UniversalClient, promote func()) {
		l, old := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL), revision1{t, c}
		loaded(t, l, 1)
		h := one(t, l)
		generation := c.HGet(t.Context(), e, "generation").Val()
		for _, g := range []string{"", generation, "1.f00d"} {
			for name, call := range old.opening(g) {
				if answer, err := call(); err == nil {
					t.Errorf("%s with generation %q is answered %v", name, g, answer)
				}
				keeps(t, l, name)
			}
		}
		promote()
		nonce := rebuildNonce(t, l)
		if _, err := old.run("stage", "2.f00d", []string{"G:all", "G:data", "G:licenses", "owed", "dead", "lease"}, nonce, 1000, 1000); err != nil {
			t.Error(err) // harmless: nobody reads it
		}
		_, _ = old.run("load", "2.f00d", []string{"dead", "lease"}, nonce)
		rebuild := func(number int64) error {
			err := l.Stage(t.Context(), user("ann"), nonce, epochOf(number), ledger.Chunk{Members: []ledger.Member{{Session: h.Session, Pools: []string{"pro"}}}})
			if err == nil {
				err = l.Load(t.Context(), user("ann"), nonce, epochOf(number))
			}
			return err
		}
		err := rebuild(2)
		if errors.Is(err, ledger.ErrLost) { // the older one was quicker
			nonce = rebuildNonce(t, l)
			err = rebuild(3)
		}
		if err != nil {
			t.Fatal(err)
		}
		keeps(t, l, "a rebuild")
	})
}

func TestALedgerOfRevision1IsRebuilt(t *testing.T) {
	eachServer(t, func(t *testing.T, c redis.UniversalClient, _ func()) {
		l, old := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL), revision1{t, c}
		asked, err := old.run("known", "", []string{"G:all", "owed"})
		if err != nil || len(asked) != 2 {
			t.Fatal(asked, err)
		}
		if _, err := old.run("load", "1.f00d", []string{"dead", "lease"}, asked[1]); err != nil {
			t.Fatal(err)
		}
		if answer, err := old.reserve("1.f00d", "s-1"); err != nil || answer[0] != int64(0) {
			t.Fatal(answer, err)
		}
		_, err = l.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: "s-1"})
		if !errors.As(err, new(*ledger.RebuildError)) {
			t.Fatalf("error = %v, want a call for a rebuild", err)
		}
		nonce, now := rebuildNonce(t, l), time.UnixMilli(1_800_000_000_000)
		s := license.Session{ID: "s-1", AcquiredAt: now, LastHeartbeatAt: now, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw", InstanceID: "i"}}
		if err := errors.Join(
			l.Stage(t.Context(), user("ann"), nonce, epochOf(2), ledger.Chunk{Members: []ledger.Member{{Session: s, Pools: []string{"pro"}}}}),
			l.Load(t.Context(), user("ann"), nonce, epochOf(2)),
		); err != nil {
			t.Fatal(err)
		}
		keeps(t, l, "the rebuild")
		v, err := l.Visit(t.Context(), license.ServiceCaller(acme), 10)
		if err != nil || len(v.Dead) != 1 || v.Dead[0] != "1.f00d" {
			t.Fatalf("dead: %v, %v", v.Dead, err)
		}
		if err := l.Clear(t.Context(), license.ServiceCaller(acme), v.Dead[0]); err != nil {
			t.Fatal(err)
		}
		if left, err := c.Keys(t.Context(), "seats:{acme}:1.f00d:*").Result(); err != nil || len(left) != 0 {
			t.Errorf("left of it: %q, %v", left, err)
		}
	})
}

// TestGuardTheNextRevisionsLedger: this revision is the older one, and meets what
// the next has written.
func TestGuardTheNextRevisionsLedger(t *testing.T) {
	eachServer(t, func(t *testing.T, c redis.UniversalClient, _ func()) {
		l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
		next := l.NextRevision()
		loaded(t, l, 1)
		loaded(t, next, 2) // it rebuilds what this one has loaded
		h := one(t, next)
		m := ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndReleased}
		ctx, ann := t.Context(), user("ann")
		calls := map[string]func() error{
			"Reserve": func() error {
				_, err := l.Reserve(ctx, ann, ledger.Reservation{SessionID: "s-2", Candidates: oneSeat()})
				return err
			},
			"Heartbeat": func() error { _, err := l.Heartbeat(ctx, ann, ledger.Heartbeat{SessionID: "s-1"}); return err },
			"Mark":      func() error { _, err := l.Mark(ctx, ann, m); return err },
			"Remove":    func() error { _, err := l.Remove(ctx, ann, ledger.BySession, h); return err },
			"Visit":     func() error { _, err := l.Visit(ctx, ann, 1); return err },
			"Known":     func() error { _, err := l.Known(ctx, ann, []string{"s-1"}); return err },
			"Look":      func() error { _, err := l.Look(ctx, ann, []string{"s-1"}); return err },
			"Count":     func() error { _, err := l.Count(ctx, ann, []string{"pro"}); return err },
		}
		for name, call := range calls {
			if err := call(); !errors.As(err, new(*license.UnavailableError)) {
				t.Errorf("%s: %v, want unavailable", name, err)
			}
		}
		if err := l.Forget(ctx, ann, epochOf(2)); err != nil {
			t.Error(err)
		}
		full := ledger.Reservation{SessionID: "s-3", Candidates: oneSeat(), Holder: license.Holder{UserID: "bob"}}
		if _, err := next.Reserve(ctx, user("bob"), full); !errors.As(err, new(*ledger.FullError)) {
			t.Errorf("the older revision moved the newer one's ledger: %v", err)
		}
		if again := one(t, next); again.ID != h.ID {
			t.Errorf("ann's session %s became %s", h.ID, again.ID)
		}
	})
}
