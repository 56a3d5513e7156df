package recordtest

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func createTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"everything is read back": func(t *testing.T, r record.Record) {
			created(t, r)
			wantSession(t, r, caller(), session(1))
			wantActive(t, r, caller(), sessionID(1))
		},
		"it is active, whatever it is handed": createIsActive,
		"text that is not UTF-8 costs nobody a seat": func(t *testing.T, r record.Record) {
			opened(t, r, caller())
			s := session(1)
			s.Client.Hostname = "desk\xff"
			wantNil(t, r.Create(t.Context(), caller(), s))
			s.Client.Hostname = "desk\uFFFD"
			wantSession(t, r, caller(), s)
		},
		"fenced": createFenced,
		"a repeat succeeds and changes nothing": func(t *testing.T, r record.Record) {
			created(t, r)
			again := session(1)
			again.Client.Hostname, again.ExpiresAt = "elsewhere", again.ExpiresAt.AddDate(1, 0, 0)
			wantNil(t, r.Create(t.Context(), caller(), again))
			wantSession(t, r, caller(), session(1))
		},
		"a repeat after a rebuild":     createAfterRebuild,
		"an ended session stays ended": createAfterEnd,
		"racers for one session all succeed": func(t *testing.T, r record.Record) {
			opened(t, r, caller())
			for _, err := range race(4, func(int) error { return r.Create(t.Context(), caller(), session(1)) }) {
				wantNil(t, err)
			}
			wantActive(t, r, caller(), sessionID(1))
		},
		"a racing end leaves it ended": createRacesEnd,
	}
}

func createIsActive(t *testing.T, r record.Record) {
	opened(t, r, caller())
	s := ended(1, license.EndExpired)
	s.OrganizationID = "globex"
	wantNil(t, r.Create(t.Context(), caller(), s))
	s.OrganizationID, s.Status = "acme", license.SessionActive
	s.EndedReason, s.EndedAt, s.TokenEnds = "", session(1).EndedAt, session(1).TokenEnds
	wantSession(t, r, caller(), s)
}

func createAfterEnd(t *testing.T, r record.Record) {
	created(t, r)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndExpired)}))
	wantError(t, r.Create(t.Context(), caller(), session(1)), record.ErrEnded)
	wantSession(t, r, caller(), ended(1, license.EndExpired))
}

func createFenced(t *testing.T, r record.Record) {
	s := session(1)
	for _, epoch := range []license.Epoch{{}, first()} { // no epoch was ever opened
		s.Epoch = epoch
		wantError(t, r.Create(t.Context(), caller(), s), record.ErrFenced)
	}
	opened(t, r, caller())
	for _, epoch := range foreign() {
		s.Epoch = epoch
		wantError(t, r.Create(t.Context(), caller(), s), record.ErrFenced)
	}
	reopened(t, r, caller())
	s.Epoch = first()
	wantError(t, r.Create(t.Context(), caller(), s), record.ErrFenced)
	wantNoSession(t, r, caller(), 1)
	wantActive(t, r, caller())
}

func createAfterRebuild(t *testing.T, r record.Record) {
	created(t, r)
	reopened(t, r, caller())
	wantError(t, r.Create(t.Context(), caller(), session(1)), record.ErrFenced)
	again := session(1)
	again.Epoch = second()
	wantNil(t, r.Create(t.Context(), caller(), again))
	wantSession(t, r, caller(), session(1)) // still as granted, under epoch 1
	wantActive(t, r, caller(), sessionID(1))
}

// createRacesEnd: whichever comes first, in the end the session is over.
func createRacesEnd(t *testing.T, r record.Record) {
	opened(t, r, caller())
	errs := race(2, func(i int) error {
		if i == 0 {
			return r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndFailed)})
		}
		return r.Create(t.Context(), caller(), session(1))
	})
	wantNil(t, errs[0])
	if errs[1] != nil {
		wantError(t, errs[1], record.ErrEnded)
	}
	wantSession(t, r, caller(), ended(1, license.EndFailed))
	wantActive(t, r, caller())
}
