package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestGuardOneScript: a rival comes in after the first command that a
// reservation sends. Whoever was first, one of them gets the last seat.
func TestGuardOneScript(t *testing.T) {
	f := ledgertest.Fake(t)
	loaded(t, ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL), 1)
	rival := ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL)
	// The server knows the script, and the slow instance the generation: its
	// next command is the one that counts.
	warm, err := rival.Reserve(t.Context(), user("warm"), ledger.Reservation{SessionID: "s-warm", Candidates: oneSeat()})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := rival.Remove(t.Context(), user("warm"), ledger.BySession, warm); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	c := ledgertest.Client(t, f.Addr())
	slow := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	if _, err := slow.Known(t.Context(), license.ServiceCaller(acme), nil); err != nil {
		t.Fatal(err)
	}
	var rivalErr error
	c.AddHook(&afterFirst{do: func() { rivalErr = lastSeat(t, rival, "rival") }})
	err = lastSeat(t, slow, "slow")
	var full *ledger.FullError
	if (err == nil) == (rivalErr == nil) || !errors.As(errors.Join(err, rivalErr), &full) {
		t.Errorf("slow: %v, its rival: %v, want one seat and one refusal", err, rivalErr)
	}
	if h, err := slow.Known(t.Context(), license.ServiceCaller(acme), nil); h.Held != 1 || err != nil {
		t.Errorf("%d sessions, %v", h.Held, err)
	}
}

// TestGuardAnotherInstancesRebuild: an instance that remembers the generation
// before counts in the one that is there now.
func TestGuardAnotherInstancesRebuild(t *testing.T) {
	f := ledgertest.Fake(t)
	open := func() ledger.Ledger {
		return ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL)
	}
	quick, slow := open(), open()
	loaded(t, quick, 1)
	if _, err := slow.Known(t.Context(), license.ServiceCaller(acme), nil); err != nil {
		t.Fatal(err)
	}
	f.Promote()
	loaded(t, quick, 2)
	if err := lastSeat(t, quick, "ann"); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]ledger.Ledger{"remembers another": slow, "remembers none": open()} {
		if err := lastSeat(t, l, "bob"); !errors.As(err, new(*ledger.FullError)) {
			t.Errorf("an instance that %s: %v, want no seats", name, err)
		}
	}
}

// TestGuardProgressIsOfWholePages: a process that stops between two chunks of a
// page has staged less than the page; whoever goes on must read it again.
func TestGuardProgressIsOfWholePages(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l, service := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL), license.ServiceCaller(acme)
	nonce := rebuildNonce(t, l)
	page := ledger.Chunk{Part: 3, Last: "3f-last"}
	for i := range 250 {
		at := time.UnixMilli(1_800_000_000_000)
		s := license.Session{ID: fmt.Sprint("s-", i), AcquiredAt: at, Holder: license.Holder{LicenseID: "pro", UserID: fmt.Sprint(i)}}
		page.Members = append(page.Members, ledger.Member{Session: s, Pools: []string{"pro"}})
	}
	if err := l.Stage(t.Context(), service, nonce, epochOf(1), ledger.Chunk{}); err != nil {
		t.Fatal(err) // from now on the server knows the script, and a chunk is one command
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.AddHook(&afterFirst{do: cancel})
	if err := l.Stage(ctx, service, nonce, epochOf(1), page); !errors.As(err, new(*license.UnavailableError)) {
		t.Fatalf("error = %v: the test proves nothing", err)
	}
	for _, want := range []map[int]string{{}, {3: "3f-last"}} {
		claim, err := l.Claim(t.Context(), service, nonce, "next")
		if err != nil || !maps.Equal(claim.Staged, want) {
			t.Errorf("staged: %v, %v; want %v", claim.Staged, err, want)
		}
		if err := l.Stage(t.Context(), service, nonce, epochOf(1), page); err != nil {
			t.Fatal(err)
		}
	}
}

// oneSeat is a license of one seat in an organization with room.
func oneSeat() []ledger.Candidate {
	return under("pro", ledger.Pool{Key: "pro", Cap: 1}, ledger.Pool{Cap: 9})
}

// under is one candidate, counted by these pools.
func under(licenseID string, pools ...ledger.Pool) []ledger.Candidate {
	return []ledger.Candidate{{LicenseID: licenseID, Pools: pools, TokenCap: 1000}}
}

// lastSeat reserves the one seat there is.
func lastSeat(t *testing.T, l ledger.Ledger, userID string) error {
	t.Helper()
	_, err := l.Reserve(t.Context(), user(userID), ledger.Reservation{
		SessionID: "s-" + userID, Candidates: oneSeat(),
		Holder: license.Holder{UserID: userID},
	})
	return err
}

// epochOf is these tests' epoch of this number.
func epochOf(number int64) license.Epoch {
	return license.NewEpoch(number, fmt.Sprintf("server:%08x", number))
}

// loaded makes the ledger one without sessions, in the epoch of this number.
func loaded(t *testing.T, l ledger.Ledger, number int64) {
	t.Helper()
	if err := l.Load(t.Context(), license.ServiceCaller(acme), rebuildNonce(t, l), epochOf(number)); err != nil {
		t.Fatal(err)
	}
}

// afterFirst does something after the first script of a client was run.
type afterFirst struct {
	do   func()
	once sync.Once
}

func (h *afterFirst) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *afterFirst) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *afterFirst) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.once.Do(h.do)
		return err
	}
}
