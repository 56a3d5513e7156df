package recordtest

import (
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// held makes the organization with four active sessions, each a minute after the one
// before: of two licenses, and of two users.
func held(t *testing.T, r Administered) {
	t.Helper()
	sold(t, r)
	opened(t, r, caller())
	for n := 1; n <= 4; n++ {
		wantNil(t, r.Create(t.Context(), caller(), heldSession(n)))
	}
}

func heldSession(n int) license.Session {
	s := session(n)
	s.AcquiredAt = noon().Add(time.Duration(n) * time.Minute)
	s.LicenseID = []string{"acme-pro", "acme-lab"}[n%2]
	s.UserID = []string{"u-1", "u-2"}[min(n/3, 1)]
	s.Client.Project = []string{"", "bridge-7"}[min(n/2, 1)]
	return s
}

// wantPages checks what a filter lets through, in pages of every size.
func wantPages(t *testing.T, r record.Administration, filter record.SessionFilter, want ...int) {
	t.Helper()
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []license.Session
		for after, more := "", true; more; {
			page, err := r.SessionPage(t.Context(), caller(), filter, after, limit)
			wantNil(t, err)
			if len(page.Sessions) > limit || page.More && len(page.Sessions) < limit {
				t.Fatalf("a page of %d, of at most %d", len(page.Sessions), limit)
			}
			got = append(got, page.Sessions...)
			after, more = page.Last, page.More
		}
		if len(got) != len(want) {
			t.Fatalf("%+v lets %d sessions through, want %d", filter, len(got), len(want))
		}
		for i, n := range want {
			wantEqual(t, "session", got[i], asRecorded(heldSession(n)))
		}
	}
}

func sessionPageTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"the newest acquired first": func(t *testing.T, r Administered) {
			held(t, r)
			wantPages(t, r, record.SessionFilter{}, 4, 3, 2, 1)
		},
		"of a license, of a user, of both, on a machine":            filteredPages,
		"acquired at once, each is there once":                      acquiredAtOnce,
		"who has ended is not listed, and goes on being a position": endedPosition,
		"where there is none":                                       emptyPages,
		"nothing goes on from what is not there":                    madeUpPositions,
		"nor from what the filter does not let through":             hiddenPositions,
		"a stranger's are none of it":                               strangersPages,
	}
}

func endedPosition(t *testing.T, r Administered) {
	held(t, r)
	page, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, "", 2)
	wantNil(t, err)
	wantEqual(t, "more", page.More, true)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{{Session: endedHeld(3)}}))
	page, err = r.SessionPage(t.Context(), caller(), record.SessionFilter{}, page.Last, 2)
	wantNil(t, err)
	var ids []string
	for _, s := range page.Sessions {
		ids = append(ids, s.ID)
	}
	if want := []string{sessionID(2), sessionID(1)}; !slices.Equal(ids, want) || page.More {
		t.Errorf("%v, want %v and no more", ids, want)
	}
	wantPages(t, r, record.SessionFilter{}, 4, 2, 1)
}

// endedHeld is the end of a session of [held].
func endedHeld(n int) license.Session {
	s := heldSession(n)
	s.EndedAt, s.EndedReason = s.AcquiredAt.Add(time.Hour), license.EndReleased
	return s
}

func filteredPages(t *testing.T, r Administered) {
	held(t, r)
	wantPages(t, r, record.SessionFilter{LicenseID: "acme-pro"}, 4, 2)
	wantPages(t, r, record.SessionFilter{UserID: "u-1"}, 2, 1)
	wantPages(t, r, record.SessionFilter{LicenseID: "acme-pro", UserID: "u-2"}, 4)
	wantPages(t, r, record.SessionFilter{LicenseID: "acme"})
	wantPages(t, r, record.SessionFilter{UserID: "\xff"})
	wantPages(t, r, record.SessionFilter{Project: "bridge-7"}, 4, 3, 2)
	wantPages(t, r, record.SessionFilter{Project: "bridge"})
	wantPages(t, r, record.SessionFilter{HardwareID: "hw-3"}, 3)
	wantPages(t, r, record.SessionFilter{HardwareID: "hw"})
	for _, filter := range []record.SessionFilter{
		{Project: "bridge-7", LicenseID: "acme-pro"},
		{Project: "bridge-7", UserID: "u-1"},
		{Project: "bridge-7", HardwareID: "hw-3"},
		{HardwareID: "hw-3", LicenseID: "acme-pro"},
		{HardwareID: "hw-3", UserID: "u-2"},
	} {
		wantError(t, errorOf(r.SessionPage(t.Context(), caller(), filter, "", 9)), record.ErrManyFilters)
	}
}

func acquiredAtOnce(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	for n := 2; n <= 5; n++ {
		wantNil(t, r.Create(t.Context(), caller(), session(n)))
	}
	seen := map[string]int{}
	for after, more := "", true; more; {
		page, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, after, 2)
		wantNil(t, err)
		for _, s := range page.Sessions {
			seen[s.ID]++
		}
		after, more = page.Last, page.More
	}
	wantEqual(t, "times seen", seen, map[string]int{sessionID(1): 1, sessionID(2): 1, sessionID(3): 1, sessionID(4): 1, sessionID(5): 1})
}

func emptyPages(t *testing.T, r Administered) {
	_, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, "", 9)
	wantError(t, err, license.ErrOrganizationNotFound)
	sold(t, r)
	wantPages(t, r, record.SessionFilter{})
	created(t, r)
	for _, limit := range []int{0, -1} {
		page, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, "", limit)
		wantNil(t, err)
		wantEqual(t, "page", page, record.Page{})
	}
}

func madeUpPositions(t *testing.T, r Administered) {
	held(t, r)
	for _, after := range append(brokenIDs()[1:], sessionID(1), "zz-"+sessionID(1)) {
		wantError(t, errorOf(r.SessionPage(t.Context(), caller(), record.SessionFilter{}, after, 9)), license.ErrSessionNotFound)
	}
}

// hiddenPositions: of what one may not see the answer says as much as of what is not there.
func hiddenPositions(t *testing.T, r Administered) {
	held(t, r)
	var last [5]string
	for n, after := 4, ""; n >= 1; n-- {
		page, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, after, 1)
		wantNil(t, err)
		last[n], after = page.Last, page.Last
	}
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{{Session: endedHeld(2)}, {Session: endedHeld(3)}}))
	for _, tt := range []struct {
		filter  record.SessionFilter
		visible []int
	}{
		{record.SessionFilter{UserID: "u-1"}, []int{1, 2}},
		{record.SessionFilter{LicenseID: "acme-lab"}, []int{1, 3}},
		{record.SessionFilter{LicenseID: "acme-pro", UserID: "u-2"}, []int{4}},
		{record.SessionFilter{UserID: "u-3"}, nil},
		{record.SessionFilter{Project: "bridge-7"}, []int{2, 3, 4}},
		{record.SessionFilter{Project: "bridge"}, nil},
	} {
		for n := 1; n <= 4; n++ {
			_, err := r.SessionPage(t.Context(), caller(), tt.filter, last[n], 9)
			if slices.Contains(tt.visible, n) {
				wantNil(t, err)
			} else {
				wantError(t, err, license.ErrSessionNotFound)
			}
		}
	}
}

func strangersPages(t *testing.T, r Administered) {
	held(t, r)
	first, err := r.SessionPage(t.Context(), caller(), record.SessionFilter{}, "", 1)
	wantNil(t, err)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
	theirs, err := r.SessionPage(t.Context(), other(), record.SessionFilter{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "page", theirs, record.Page{})
	wantError(t, errorOf(r.SessionPage(t.Context(), other(), record.SessionFilter{}, first.Last, 9)), license.ErrSessionNotFound)
}
