package ledger_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestGuardEveryPoolCounts: a session counts in each of its pools, also in the
// second that has a name, for as long as it lives, and in none once it is gone.
func TestGuardEveryPoolCounts(t *testing.T) {
	eachServer(t, func(t *testing.T, c redis.UniversalClient, promote func()) {
		l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
		loaded(t, l, 1)
		h, err := reserveIn(t, l, "ann", -1)
		if err != nil {
			t.Fatal(err)
		}
		wantFull(t, l, "a grant")
		if _, err := l.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID}); err != nil {
			t.Fatal(err)
		}
		wantFull(t, l, "a heartbeat")
		promote()
		nonce := rebuildNonce(t, l)
		member := ledger.Member{Session: h.Session, Pools: []string{"pro", "ci"}}
		if err := errors.Join(
			l.Stage(t.Context(), user("ann"), nonce, epochOf(2), ledger.Chunk{Members: []ledger.Member{member}}),
			l.Load(t.Context(), user("ann"), nonce, epochOf(2)),
		); err != nil {
			t.Fatal(err)
		}
		wantFull(t, l, "a rebuild")
		marked, err := l.Mark(t.Context(), user("ann"), ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndReleased})
		if err != nil {
			t.Fatal(err)
		}
		for place := range 3 {
			_, err := reserveIn(t, l, "bob", place)
			if stale, ok := errors.AsType[*ledger.StaleError](err); !ok || len(stale.Holds) != 1 || stale.Holds[0].ID != h.ID {
				t.Errorf("pool %d after a mark: %v, want ann's session in the way", place, err)
			}
		}
		if n, err := l.Remove(t.Context(), user("ann"), ledger.IfEnding, marked); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		for place := range 3 {
			bob, err := reserveIn(t, l, "bob", place)
			if err != nil {
				t.Errorf("pool %d after the end: %v", place, err)
			}
			if n, err := l.Remove(t.Context(), user("bob"), ledger.BySession, bob); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
	})
}

// reserveIn takes a seat in two named pools and the organization's own. The one
// at this place has one seat, the others have plenty.
func reserveIn(t *testing.T, l ledger.Ledger, userID string, place int) (ledger.Hold, error) {
	t.Helper()
	q := ledger.Reservation{
		SessionID: "s-" + userID, Holder: license.Holder{UserID: userID},
		Candidates: under("pro", ledger.Pool{Key: "pro", Cap: 9}, ledger.Pool{Key: "ci", Cap: 9}, ledger.Pool{Cap: 9}),
	}
	if place >= 0 {
		q.Candidates[0].Pools[place].Cap = 1
	}
	return l.Reserve(t.Context(), user(userID), q)
}

// wantFull fails unless each of the pools refuses a second session.
func wantFull(t *testing.T, l ledger.Ledger, after string) {
	t.Helper()
	for place := range 3 {
		_, err := reserveIn(t, l, "bob", place)
		if full, ok := errors.AsType[*ledger.FullError](err); !ok || full.Refusals[0].Pool != place || full.Refusals[0].Used != 1 {
			t.Errorf("pool %d after %s: %v, want it full", place, after, err)
		}
	}
}
