package recordtest

import (
	"errors"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// morePagesThanOne is, less the third that ends before, more than any
// implementation reads at once.
const morePagesThanOne = 500

func listTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"none active": func(t *testing.T, r record.Record) {
			wantActive(t, r, caller())
			opened(t, r, caller())
			wantNil(t, r.EndNow(t.Context(), caller(), 0, endOf(1, license.EndReleased)))
			wantNil(t, r.ActiveSessions(t.Context(), caller(), func(batch []license.Session) error {
				t.Errorf("visited %d sessions", len(batch))
				return nil
			}))
			wantActive(t, r, caller())
		},
		"the whole session is visited": func(t *testing.T, r record.Record) {
			created(t, r)
			var got []license.Session
			wantNil(t, r.ActiveSessions(t.Context(), caller(), func(batch []license.Session) error {
				got = append(got, batch...)
				return nil
			}))
			wantEqual(t, "visited", got, []license.Session{session(1)})
		},
		"many, in batches, while others end": manyActive,
		"the visitor's error stops it": func(t *testing.T, r record.Record) {
			created(t, r)
			enough := errors.New("enough")
			err := r.ActiveSessions(t.Context(), caller(), func([]license.Session) error { return enough })
			wantError(t, err, enough)
			var away *license.UnavailableError
			if errors.As(err, &away) {
				t.Errorf("the visitor's error looks like the store's: %v", err)
			}
		},
		"organizations in pages": organizationPages,
		"ping":                   func(t *testing.T, r record.Record) { wantNil(t, r.Ping(t.Context())) },
	}
}

// manyActive has every third session ended before, and ends what was visited
// during the call: positions in the list move, and still nothing is skipped.
func manyActive(t *testing.T, r record.Record) {
	opened(t, r, caller())
	createMany(t, r, morePagesThanOne)
	var want []string
	var ends []record.End
	for n := range morePagesThanOne {
		if n%3 == 0 {
			ends = append(ends, endOf(n, license.EndExpired))
		} else {
			want = append(want, sessionID(n))
		}
	}
	wantNil(t, r.End(t.Context(), caller(), 1, ends))
	wantActive(t, r, caller(), want...)

	var got []string
	batches := 0
	wantNil(t, r.ActiveSessions(t.Context(), caller(), func(batch []license.Session) error {
		batches++
		var seen []record.End
		for i, s := range batch {
			got = append(got, s.ID)
			s.EndedAt, s.EndedReason = noon(), license.EndDisplaced
			seen = append(seen, record.End{Session: s})
			batch[i] = license.Session{} // the batch is the visitor's
		}
		return r.End(t.Context(), caller(), 1, seen)
	}))
	wantEqual(t, "visited", got, want)
	if batches < 2 {
		t.Errorf("all in %d batch: the test proves nothing about pages", batches)
	}
	wantActive(t, r, caller())
}

func createMany(t *testing.T, r record.Record, sessions int) {
	t.Helper()
	const workers = 8
	for _, err := range race(workers, func(worker int) error {
		for n := worker; n < sessions; n += workers {
			if err := r.Create(t.Context(), caller(), session(n)); err != nil {
				return err
			}
		}
		return nil
	}) {
		wantNil(t, err)
	}
}

func organizationPages(t *testing.T, r record.Record) {
	for _, id := range []string{"b", "a-b", "0", "a", "acme", "a0"} {
		wantNil(t, r.PutOrganization(t.Context(), license.ServiceCaller(id), acme()))
	}
	for _, page := range []struct {
		after string
		limit int
		want  []string
	}{
		{"", 10, []string{"0", "a", "a-b", "a0", "acme", "b"}},
		{"", 2, []string{"0", "a"}},
		{"a", 3, []string{"a-b", "a0", "acme"}},
		{"a1", 1, []string{"acme"}}, // need not be there itself
		{"b", 10, nil},
		{"", 0, nil},
		{"", -1, nil},
	} {
		got, err := r.OrganizationIDs(t.Context(), page.after, page.limit)
		wantNil(t, err)
		if len(got) > 0 || len(page.want) > 0 {
			wantEqual(t, "organizations after "+page.after, got, page.want)
		}
	}
	for _, after := range []string{"a/b", "..", "__x__"} {
		_, err := r.OrganizationIDs(t.Context(), after, 1)
		wantError(t, err, license.ErrOrganizationNotFound)
	}
}
