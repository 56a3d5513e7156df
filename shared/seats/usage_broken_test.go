package seats_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// brokenUsage is a record whose documents of one license cannot be read.
type brokenUsage struct {
	record.Record
	license string
}

func (r brokenUsage) FileUsage(ctx context.Context, caller license.Caller, all []usage.Filing) error {
	broken := &record.UnreadableUsageError{Err: errors.New("broken by hand")}
	var sound []usage.Filing
	for _, f := range all {
		if f.LicenseID != r.license {
			sound = append(sound, f)
			continue
		}
		if name := f.LicenseID + "_" + f.At.Format(time.DateOnly); !slices.Contains(broken.Documents, name) {
			broken.Documents = append(broken.Documents, name)
		}
	}
	if err := r.Record.FileUsage(ctx, caller, sound); err != nil || len(broken.Documents) == 0 {
		return err
	}
	return broken
}

// TestABrokenDocumentKeepsNobodyFromFiling: what others have counted is filed, the visit
// goes on to its end and names the document once, and what belongs there is filed once it is mended, also
// what a dead generation counted.
func TestABrokenDocumentKeepsNobodyFromFiling(t *testing.T) {
	w := newWorld(t)
	sound := w.pool(nil)
	sound.take("ann", 1)
	sound.refusedTimes(3)
	lab := request("bob", 1)
	lab.Terms = license.NewTerms(
		license.Organization{ID: acme, MaxConcurrentSeats: 1000, Status: license.StatusActive},
		license.License{ID: "lab", MaxSeats: 1, Status: license.StatusActive}, "bob",
	)
	if _, err := sound.Acquire(t.Context(), user("bob"), lab, signed); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p, err := seats.New(w.model, brokenUsage{w.record, "pro"}, seats.Options{
		SessionTTL: sessionTTL, Now: w.model.CallersNow, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(){func() {}, func() { w.model.Advance(3 * time.Hour) }, w.model.Promote} {
		change()
		log.Reset()
		if _, err := p.Reap(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "pro_"); n != 1 || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("named %d times, want once as an error: %s", n, log.String())
		}
		if got := w.usage(); got.Grants() != 1 || got.Denials() != 0 {
			t.Errorf("filed: %d grants, %d denials, want that of lab alone", got.Grants(), got.Denials())
		}
	}
	sound.reap()
	if got := w.usage(); got.Grants() != 2 || got.Denials() != 3 {
		t.Errorf("once it is mended: %d grants, %d denials, want 2 and 3", got.Grants(), got.Denials())
	}
	v, err := w.model.Visit(t.Context(), license.ServiceCaller(acme), 1)
	if err != nil || len(v.Dead) != 0 {
		t.Errorf("left: %v, %v", v.Dead, err)
	}
}

// TestABrokenDocumentIsNotTriedAtEachVisit: for ten minutes a process files nothing there,
// and does not look again through a generation that waits for it alone.
func TestABrokenDocumentIsNotTriedAtEachVisit(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).take("ann", 1)
	p, err := seats.New(w.ledger, brokenUsage{w.record, "pro"}, seats.Options{SessionTTL: sessionTTL, Now: w.model.Now})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	visit := func() {
		clear(calls)
		for _, call := range w.cost(func() {
			if _, err := p.Reap(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
		}) {
			calls[call]++
		}
	}
	for _, tt := range []struct {
		when             string
		change           func()
		filings, tallies int
	}{
		{"at first", func() {}, 1, 1},
		{"at once", func() {}, 0, 1},
		{"when the ledger is another", w.model.Promote, 0, 2},
		{"nine minutes later", func() { w.model.Advance(9 * time.Minute) }, 0, 1},
		{"ten minutes later", func() { w.model.Advance(time.Minute) }, 1, 2},
		{"and at once", func() {}, 0, 1},
	} {
		tt.change()
		if visit(); calls["FileUsage"] != tt.filings || calls["Tally"] != tt.tallies || calls["Clear"] != 0 {
			t.Errorf("%s: %v, want %d filings and %d tallies", tt.when, calls, tt.filings, tt.tallies)
		}
	}
	w.pool(nil).reap()
	if got := w.usage(); got.Grants() != 1 {
		t.Errorf("once it is mended: %d grants", got.Grants())
	}
}
