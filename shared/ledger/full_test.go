package ledger_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestGuardAFullRedis: a server without memory to spare, which evicts nothing,
// takes no new grant. Who holds a seat keeps it, gives it back and is visited.
func TestGuardAFullRedis(t *testing.T) {
	c := ledgertest.Client(t, servers.Redis(t).Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	limit := func(bytes int) {
		t.Helper()
		if err := c.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(bytes)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	loaded(t, l, 1)
	h, err := reserveIn(t, l, "ann", -1)
	if err != nil {
		t.Fatal(err)
	}
	limit(usedMemory(t, c) / 2) // far enough below for whatever the server frees meanwhile
	wantNoRoom := func(after string) {
		t.Helper()
		_, err := reserveIn(t, l, "bob", -1)
		if down, ok := errors.AsType[*license.UnavailableError](err); !ok || down.Backend != "redis" || down.Detail == "" {
			t.Errorf("a reservation after %s: %v, want unavailable, with what to tell the client", after, err)
		}
	}
	wantNoRoom("a grant")
	for _, call := range callsOfAFullServer(t, l, h) {
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	wantNoRoom("the seat was given back")
	limit(0)
	if bob, err := reserveIn(t, l, "bob", 0); err != nil || bob.Used != 1 {
		t.Errorf("with memory again: %+v, %v", bob, err)
	}
}

type namedCall struct {
	name string
	do   func() error
}

// callsOfAFullServer are, in order, all that give or take no room; the last gives h back.
func callsOfAFullServer(t *testing.T, l ledger.Ledger, h ledger.Hold) []namedCall {
	ctx, ann, service := t.Context(), user("ann"), license.ServiceCaller(acme)
	var v ledger.Visit
	return []namedCall{
		{"heartbeat", func() error { _, err := l.Heartbeat(ctx, ann, ledger.Heartbeat{SessionID: h.ID}); return err }},
		{"known", func() error { _, err := l.Known(ctx, service, []string{h.ID}); return err }},
		{"look", func() error { _, err := l.Look(ctx, service, []string{h.ID}); return err }},
		{"count", func() error { _, err := l.Count(ctx, service, []string{""}); return err }},
		{"due", func() error {
			d, err := l.Due(ctx, 0, 1)
			if err != nil {
				return err
			}
			return l.Filled(ctx, 0, d.Identity)
		}},
		{"mark", func() error {
			_, err := l.Mark(ctx, ann, ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndReleased})
			return err
		}},
		{"visit", func() (err error) { v, err = l.Visit(ctx, service, 10); return err }},
		{"reschedule", func() error { _, err := l.Reschedule(ctx, acme, v); return err }},
		{"clear", func() error { return l.Clear(ctx, service, "v1.none") }},
		{"forget another epoch", func() error { return l.Forget(ctx, service, epochOf(9)) }},
		{"remove", func() error {
			n, err := l.Remove(ctx, service, ledger.IfEnding, v.Ending...)
			if n != 1 {
				err = errors.Join(err, errors.New("nothing was removed"))
			}
			return err
		}},
	}
}
