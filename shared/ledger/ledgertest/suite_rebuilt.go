package ledgertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// What a ledger holds after a rebuild.

// grantsFromBefore: the record holds a session two requests were given; the
// rebuilt ledger must not let the first, failing late, take it back.
func grantsFromBefore(b *bench) {
	first := b.take(want{})
	second := b.take(want{})
	b.Promote()
	b.rebuild(acme, 2, recorded(first.ID, "ann", first.AcquiredAt))
	for range 2 {
		for _, h := range []ledger.Hold{first, second} {
			b.remove(ledger.IfUntouched, 0, h)
			_, err := b.Ledger.Mark(b.Context(), caller(acme, "ann"),
				ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndFailed, Grant: h.Grant})
			if !errors.Is(err, ledger.ErrTouched) {
				b.Errorf("mark with a count from before: %v, want %v", err, ledger.ErrTouched)
			}
		}
		b.take(want{}) // one more request of the holder
	}
	again := b.take(want{})
	if again.ID != first.ID || again.Recorded {
		b.Errorf("again = %+v, want the session, to be looked up in the record", again)
	}
}

func rebuiltOddIDs(b *bench) {
	b.Lose()
	var sessions []license.Session
	for i, odd := range oddities() {
		s := recorded(fmt.Sprintf("r-%03d", i), odd, time.UnixMilli(1_800_000_000_000))
		s.HardwareID, s.InstanceID = odd, odd
		sessions = append(sessions, s)
	}
	b.rebuild(acme, 2, sessions...)
	for _, s := range sessions {
		got, err := b.Ledger.Heartbeat(b.Context(), caller(acme, s.UserID), ledger.Heartbeat{SessionID: s.ID})
		if err != nil {
			b.Errorf("%q: %v", s.UserID, err)
		}
		b.same("holder", got.Holder, s.Holder)
		again := b.take(want{user: s.UserID, hardware: s.HardwareID, instance: s.InstanceID})
		b.same("its holder finds it", again.ID, s.ID)
	}
}

// rebuiltWithoutBeat: one field that a document lacks must not keep the others
// from their ledger.
func rebuiltWithoutBeat(b *bench) {
	b.Lose()
	at := time.UnixMilli(1_800_000_000_000)
	s := recorded("r-1", "ann", at)
	s.LastHeartbeatAt = time.Time{}
	b.rebuild(acme, 2, s, recorded("r-2", "bob", at))
	b.same("sessions", b.held(acme), 2)
	_, err := b.beat(ledger.Hold{Session: s})
	b.ok(err)
}

func stagedTwice(b *bench) {
	b.Lose()
	nonce := b.nonce(acme)
	s := []license.Session{recorded("r-1", "ann", time.UnixMilli(1_800_000_000_000))}
	for range 2 {
		b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), members(s...)))
	}
	b.Advance(sessionTTL / 2)
	b.ok(b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)))
	b.same("sessions", b.held(acme), 1)
	v := b.visit(acme, 10)
	b.near("a TTL from the switch", v.Earliest, v.Now.Add(sessionTTL))
	wants[*license.UnavailableError](b, b.Ledger.Stage(canceled(b.T), license.ServiceCaller(acme), nonce, epochOf(2), members(s...)))
}

// twoOfOneHolder cannot come about; if it does, the end of one spares the other.
func twoOfOneHolder(b *bench) {
	b.Lose()
	at := time.UnixMilli(1_800_000_000_000)
	b.rebuild(acme, 2, recorded("r-1", "ann", at), recorded("r-2", "ann", at))
	first := b.take(want{user: "ann"})
	for _, id := range []string{"r-1", "r-2"} {
		if id != first.ID {
			other := first
			other.ID = id
			b.remove(ledger.BySession, 1, other)
		}
	}
	b.same("its holder finds it", b.take(want{user: "ann"}).ID, first.ID)
}
