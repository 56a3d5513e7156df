package recordtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

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
			wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
			wantNil(t, eachPage(t.Context(), r, caller(), func(page record.Page) error {
				t.Errorf("visited %+v", page)
				return nil
			}))
			wantActive(t, r, caller())
		},
		"the whole session is visited": func(t *testing.T, r record.Record) {
			created(t, r)
			var got []license.Session
			wantNil(t, eachPage(t.Context(), r, caller(), func(page record.Page) error {
				got = append(got, page.Sessions...)
				return nil
			}))
			wantEqual(t, "visited", got, []license.Session{asRecorded(session(1))})
		},
		"every session in its part":        everyPart,
		"all parts as one":                 wholeOfAll,
		"many, in pages, while others end": manyActive,
		"resumed from the last of a page":  resumed,
		"the visitor's error stops it": func(t *testing.T, r record.Record) {
			created(t, r)
			enough := errors.New("enough")
			err := eachPage(t.Context(), r, caller(), func(record.Page) error { return enough })
			wantError(t, err, enough)
			var away *license.UnavailableError
			if errors.As(err, &away) {
				t.Errorf("the visitor's error looks like the store's: %v", err)
			}
		},
		"what lacks a field is told apart": unreadable,
		"no such part, no such name": func(t *testing.T, r record.Record) {
			created(t, r)
			for _, part := range []int{-2, record.Parts, 1 << 30} {
				if err := r.ActiveSessions(t.Context(), caller(), part, "", nil); err == nil {
					t.Errorf("part %d: no error", part)
				}
			}
			for _, after := range []string{"a/b", "..", "__x__"} {
				err := r.ActiveSessions(t.Context(), caller(), 0, after, nil)
				wantError(t, err, license.ErrSessionNotFound)
			}
		},
		"tokens that outlive their sessions": spentTokens,
		"many of them, in pages":             manySpentTokens,
		"organizations in pages":             organizationPages,
		"ping":                               func(t *testing.T, r record.Record) { wantNil(t, r.Ping(t.Context())) },
	}
}

// eachPage visits the pages of all parts.
func eachPage(ctx context.Context, r record.Record, c license.Caller, visit func(record.Page) error) error {
	for part := range record.Parts {
		if err := r.ActiveSessions(ctx, c, part, "", visit); err != nil {
			return err
		}
	}
	return nil
}

// hashOf is what stands before the id in a session's document's name.
func hashOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:1])
}

// inPart are the first n numbers whose sessions are in a part.
func inPart(part, n int) []int {
	var all []int
	for i := 0; len(all) < n; i++ {
		if hashOf(sessionID(i))[0] == "0123456789abcdef"[part] {
			all = append(all, i)
		}
	}
	return all
}

func everyPart(t *testing.T, r record.Record) {
	opened(t, r, caller())
	want := map[int][]string{}
	for part := range record.Parts {
		for _, n := range inPart(part, 2) {
			wantNil(t, r.Create(t.Context(), caller(), session(n)))
			want[part] = append(want[part], hashOf(sessionID(n))+"-"+sessionID(n))
		}
		slices.Sort(want[part])
	}
	for part := range record.Parts {
		var got []string
		wantNil(t, r.ActiveSessions(t.Context(), caller(), part, "", func(page record.Page) error {
			for _, s := range page.Sessions {
				got = append(got, hashOf(s.ID)+"-"+s.ID)
			}
			wantEqual(t, "last", page.Last, got[len(got)-1])
			return nil
		}))
		wantEqual(t, "part", got, want[part])
	}
}

// wholeOfAll: one listing has all, in pages that say whether there is more, and
// each part goes on from the first page's last.
func wholeOfAll(t *testing.T, r record.Record) {
	opened(t, r, caller())
	var numbers []int
	for n := range morePagesThanOne {
		numbers = append(numbers, n+1)
	}
	createAll(t, r, numbers)
	seen := map[string]int{}
	count := func(page record.Page) {
		for _, s := range page.Sessions {
			seen[s.ID]++
		}
	}
	first := record.Page{}
	enough := errors.New("enough")
	err := r.ActiveSessions(t.Context(), caller(), record.Whole, "", func(page record.Page) error {
		first = page
		return enough
	})
	wantError(t, err, enough)
	wantEqual(t, "more", first.More, true)
	count(first)
	for part := range record.Parts {
		wantNil(t, r.ActiveSessions(t.Context(), caller(), part, first.Last, func(page record.Page) error {
			count(page)
			wantEqual(t, "more", page.More, false)
			return nil
		}))
	}
	wantEqual(t, "in parts", len(seen), morePagesThanOne)
	wantNil(t, r.ActiveSessions(t.Context(), caller(), record.Whole, "", func(page record.Page) error {
		count(page)
		return nil
	}))
	for id, n := range seen {
		wantEqual(t, id, n, 2)
	}
}

// manyActive has every third session ended before, and ends what was visited
// during the call: positions in the list move, and still nothing is skipped.
func manyActive(t *testing.T, r record.Record) {
	const part = 7
	opened(t, r, caller())
	numbers := inPart(part, morePagesThanOne)
	createAll(t, r, append([]int{inPart(part-1, 1)[0], inPart(part+1, 1)[0]}, numbers...))
	var want []string
	var ends []record.End
	for i, n := range numbers {
		if i%3 == 0 {
			ends = append(ends, endOf(n, license.EndExpired))
		} else {
			want = append(want, sessionID(n))
		}
	}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))

	var got []string
	pages := 0
	wantNil(t, r.ActiveSessions(t.Context(), caller(), part, "", func(page record.Page) error {
		pages++
		var seen []record.End
		for i, s := range page.Sessions {
			got = append(got, s.ID)
			s.EndedAt, s.EndedReason = noon(), license.EndDisplaced
			seen = append(seen, record.End{Session: s})
			page.Sessions[i] = license.Session{} // the page is the visitor's
		}
		return r.End(t.Context(), caller(), first(), seen)
	}))
	slices.Sort(got)
	wantEqual(t, "visited", got, want)
	if pages < 2 {
		t.Errorf("all in %d page: the test proves nothing about pages", pages)
	}
	wantActive(t, r, caller(), sessionID(inPart(part-1, 1)[0]), sessionID(inPart(part+1, 1)[0]))
}

// resumed stops after the first page, as whoever is next goes on with a rebuild.
func resumed(t *testing.T, r record.Record) {
	const part = record.Parts - 1
	opened(t, r, caller())
	numbers := inPart(part, morePagesThanOne*2/3)
	createAll(t, r, append(inPart(0, 1), numbers...))
	var seen []string
	var last string
	stop := errors.New("stop")
	visit := func(err error) func(record.Page) error {
		return func(page record.Page) error {
			for _, s := range page.Sessions {
				seen = append(seen, s.ID)
			}
			last = page.Last
			return err
		}
	}
	wantError(t, r.ActiveSessions(t.Context(), caller(), part, "", visit(stop)), stop)
	if len(seen) >= len(numbers) {
		t.Fatalf("%d sessions in the first page: the test proves nothing", len(seen))
	}
	wantNil(t, r.ActiveSessions(t.Context(), caller(), part, last, visit(nil)))
	want := make([]string, len(numbers))
	for i, n := range numbers {
		want[i] = sessionID(n)
	}
	slices.Sort(seen)
	wantEqual(t, "seen", seen, want)

	seen = nil
	wantNil(t, r.ActiveSessions(t.Context(), caller(), part, last, visit(nil)))
	wantNil(t, r.ActiveSessions(t.Context(), caller(), 0, last, visit(nil))) // beyond that part
	wantEqual(t, "sessions after the last", len(seen), 0)
	wantNil(t, r.ActiveSessions(t.Context(), caller(), part, "00", visit(nil))) // before it
	wantEqual(t, "sessions of the whole part", len(seen), len(want))
}

// unreadable: without these a rebuilt ledger could not count the session.
func unreadable(t *testing.T, r record.Record) {
	created(t, r)
	var want []string
	for n, breakIt := range map[int]func(*license.Session){
		2: func(s *license.Session) { s.LicenseID = "" },
		3: func(s *license.Session) { s.UserID = "" },
		4: func(s *license.Session) { s.AcquiredAt = time.Time{} },
	} {
		s := session(n)
		breakIt(&s)
		wantNil(t, r.Create(t.Context(), caller(), s))
		want = append(want, hashOf(s.ID)+"-"+s.ID)
	}
	var got []string
	wantNil(t, eachPage(t.Context(), r, caller(), func(page record.Page) error {
		got = append(got, page.Unreadable...)
		return nil
	}))
	slices.Sort(got)
	slices.Sort(want)
	wantEqual(t, "unreadable", got, want)
	wantVisited(t, r, caller(), sessionID(1))
	count, err := r.CountActive(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "count", count, 4)
	ends := []record.End{endOf(2, license.EndExpired), endOf(3, license.EndExpired), endOf(4, license.EndExpired)}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))
	wantActive(t, r, caller(), sessionID(1))
}

func createAll(t *testing.T, r record.Record, numbers []int) {
	t.Helper()
	const workers = 8
	for _, err := range race(workers, func(worker int) error {
		for i := worker; i < len(numbers); i += workers {
			if err := r.Create(t.Context(), caller(), session(numbers[i])); err != nil {
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

// spent are the ids of the sessions whose tokens end after that time.
func spent(t *testing.T, r record.Record, after time.Time) (ids []string) {
	t.Helper()
	for part := range record.Parts {
		wantNil(t, r.SpentTokens(t.Context(), caller(), part, after, func(page record.Page) error {
			for _, s := range page.Sessions {
				sum := sha256.Sum256([]byte(s.ID))
				if got := int(sum[0] >> 4); got != part {
					t.Errorf("%s of part %d is listed in %d", s.ID, got, part)
				}
				ids = append(ids, s.ID)
			}
			return nil
		}))
	}
	slices.Sort(ids)
	return ids
}

func spentTokens(t *testing.T, r record.Record) {
	created(t, r)
	wantNil(t, r.Create(t.Context(), caller(), session(2)))
	long, none, early := endOf(3, license.EndReleased), endOf(4, license.EndFailed), endOf(5, license.EndExpired)
	long.Session.TokenEnds = noon().Add(24 * time.Hour)
	none.Session.TokenEnds, early.Session.TokenEnds = time.Time{}, early.Session.EndedAt
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased), long, none, early}))
	ends := ended(1, "").TokenEnds
	wantEqual(t, "before", spent(t, r, ends.Add(-time.Millisecond)), []string{sessionID(1), sessionID(3)})
	wantEqual(t, "at its end", spent(t, r, ends), []string{sessionID(3)})
	wantEqual(t, "after all", spent(t, r, noon().Add(24*time.Hour)), []string(nil))
	wantEqual(t, "a stranger's", r.SpentTokens(t.Context(), other(), 0, noon(), func(record.Page) error { return errors.New("one") }), nil)
	got, err := r.Session(t.Context(), caller(), sessionID(5))
	wantNil(t, err)
	wantEqual(t, "a token that ended with its session", got.TokenEnds, time.Time{})
	late := endOf(3, license.EndReleased)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{late}))
	wantEqual(t, "of two ends the first stands", spent(t, r, ends), []string{sessionID(3)})
	for _, part := range []int{record.Whole, record.Parts} {
		if err := r.SpentTokens(t.Context(), caller(), part, noon(), nil); err == nil {
			t.Errorf("part %d: no error", part)
		}
	}
}

// manySpentTokens end at one time, all of one part.
func manySpentTokens(t *testing.T, r record.Record) {
	opened(t, r, caller())
	var ends []record.End
	for n := 0; len(ends) < morePagesThanOne; n++ {
		if sum := sha256.Sum256([]byte(sessionID(n))); sum[0]>>4 == 3 {
			ends = append(ends, endOf(n, license.EndReleased))
		}
	}
	for len(ends) > 0 {
		n := min(record.MaxEnds, len(ends))
		wantNil(t, r.End(t.Context(), caller(), first(), ends[:n]))
		ends = ends[n:]
	}
	if got := slices.Compact(spent(t, r, noon())); len(got) != morePagesThanOne {
		t.Errorf("%d of %d are listed", len(got), morePagesThanOne)
	}
	enough := errors.New("enough")
	wantError(t, r.SpentTokens(t.Context(), caller(), 3, noon(), func(record.Page) error { return enough }), enough)
}
