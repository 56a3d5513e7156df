package recordtest

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func endTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"several at once":                                             endSeveral,
		"what the ledger does not know stays":                         keepsUnknown,
		"what is handed as active is ended":                           endOfActive,
		"fenced":                                                      endFenced,
		"a tombstone stops a late create":                             endLeavesTombstone,
		"repeats write the same":                                      endRepeated,
		"racing repeats write the same":                               endRaces,
		"of two ends the first stands":                                endTwice,
		"a displaced end that races with a release leaves `released`": endDisplacedLate,
		"one session twice in one call": func(t *testing.T, r record.Record) {
			created(t, r)
			twice := []record.End{endOf(1, license.EndExpired), endOf(1, license.EndDisplaced)}
			wantNil(t, r.End(t.Context(), caller(), first(), twice))
			wantSession(t, r, caller(), ended(1, license.EndExpired))
		},
		"none is nothing to do": func(t *testing.T, r record.Record) {
			wantNil(t, r.End(t.Context(), caller(), license.Epoch{}, nil))
		},
		"as many as fit": endAsManyAsFit,
		"one too many":   endTooMany,
		"all or none":    endAllOrNone,
	}
}

func endSeveral(t *testing.T, r record.Record) {
	created(t, r)
	wantNil(t, r.Create(t.Context(), caller(), session(2)))
	wantNil(t, r.Create(t.Context(), caller(), session(3)))
	ends := []record.End{endOf(1, license.EndExpired), endOf(3, license.EndDisplaced)}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))
	wantSession(t, r, caller(), ended(1, license.EndExpired))
	wantSession(t, r, caller(), ended(3, license.EndDisplaced))
	wantActive(t, r, caller(), sessionID(2))
}

func endOfActive(t *testing.T, r record.Record) {
	created(t, r)
	end := endOf(1, license.EndExpired)
	end.Session.Status, end.Session.OrganizationID = license.SessionActive, "globex"
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{end}))
	wantSession(t, r, caller(), ended(1, license.EndExpired))
}

func endLeavesTombstone(t *testing.T, r record.Record) {
	opened(t, r, caller())
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndFailed)}))
	wantSession(t, r, caller(), ended(1, license.EndFailed))
	wantError(t, r.Create(t.Context(), caller(), session(1)), record.ErrEnded)
	wantActive(t, r, caller())
}

func endRepeated(t *testing.T, r record.Record) {
	created(t, r)
	for range 3 {
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndExpired)}))
		wantSession(t, r, caller(), ended(1, license.EndExpired))
	}
}

func endRaces(t *testing.T, r record.Record) {
	created(t, r)
	for _, err := range race(4, func(int) error {
		return r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndExpired)})
	}) {
		wantNil(t, err)
	}
	wantSession(t, r, caller(), ended(1, license.EndExpired))
}

func endTwice(t *testing.T, r record.Record) {
	created(t, r)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
	late := endOf(1, license.EndDisplaced)
	late.Session.EndedAt, late.Session.UserID = late.Session.EndedAt.Add(time.Hour), "u-2"
	fresh := endOf(2, license.EndDisplaced)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{late, fresh}))
	wantSession(t, r, caller(), ended(1, license.EndReleased))
	wantSession(t, r, caller(), ended(2, license.EndDisplaced))
	wantActive(t, r, caller())
}

// endDisplacedLate: a sweep, or a heartbeat that the ledger did not know, read
// the session as active; then its holder released it.
func endDisplacedLate(t *testing.T, r record.Record) {
	created(t, r)
	read, err := r.Session(t.Context(), caller(), sessionID(1))
	wantNil(t, err)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
	read.EndedAt, read.EndedReason = noon().Add(3*time.Hour), license.EndDisplaced
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{{Session: read}}))
	wantSession(t, r, caller(), ended(1, license.EndReleased))

	wantNil(t, r.Create(t.Context(), caller(), session(2)))
	reasons := []license.EndReason{license.EndReleased, license.EndDisplaced}
	for _, err := range race(2, func(i int) error {
		return r.End(t.Context(), caller(), first(), []record.End{endOf(2, reasons[i])})
	}) {
		wantNil(t, err)
	}
	got, err := r.Session(t.Context(), caller(), sessionID(2))
	wantNil(t, err)
	for _, reason := range reasons {
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(2, reason)}))
	}
	wantSession(t, r, caller(), ended(2, got.EndedReason)) // whichever came first
}

func endTooMany(t *testing.T, r record.Record) {
	created(t, r)
	err := r.End(t.Context(), caller(), first(), manyEnds(record.MaxEnds+1))
	wantError(t, err, record.ErrTooManyEnds)
	wantSession(t, r, caller(), session(1))
	wantNoSession(t, r, caller(), 2)
}

func endAsManyAsFit(t *testing.T, r record.Record) {
	created(t, r)
	wantNil(t, r.End(t.Context(), caller(), first(), manyEnds(record.MaxEnds)))
	wantActive(t, r, caller())
	wantSession(t, r, caller(), ended(record.MaxEnds, license.EndExpired))
}

func manyEnds(n int) []record.End {
	ends := make([]record.End, n)
	for i := range ends {
		ends[i] = endOf(i+1, license.EndExpired)
	}
	return ends
}

func keepsUnknown(t *testing.T, r record.Record) {
	created(t, r)
	end := record.End{Session: license.Session{
		ID: sessionID(1), EndedAt: noon().Add(time.Hour), EndedReason: license.EndExpired,
		Client: license.Client{Version: "2.0.0"},
	}}
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{end}))
	want := session(1)
	want.Status, want.EndedReason, want.EndedAt = license.SessionEnded, license.EndExpired, noon().Add(time.Hour)
	want.Client.Version = "2.0.0"
	wantSession(t, r, caller(), want)
}

func endFenced(t *testing.T, r record.Record) {
	ends := []record.End{endOf(1, license.EndExpired), endOf(2, license.EndExpired)}
	for _, epoch := range []license.Epoch{{}, first()} { // no epoch was ever opened
		wantError(t, r.End(t.Context(), caller(), epoch, ends), record.ErrFenced)
	}
	created(t, r)
	for _, epoch := range foreign() {
		wantError(t, r.End(t.Context(), caller(), epoch, ends), record.ErrFenced)
	}
	reopened(t, r, caller())
	wantError(t, r.End(t.Context(), caller(), first(), ends), record.ErrFenced)
	wantSession(t, r, caller(), session(1))
	wantNoSession(t, r, caller(), 2)
	wantNil(t, r.End(t.Context(), caller(), second(), ends))
	wantSession(t, r, caller(), ended(1, license.EndExpired))
}

func endAllOrNone(t *testing.T, r record.Record) {
	created(t, r)
	good := endOf(1, license.EndExpired)
	bad := map[string]struct {
		change func(*license.Session)
		want   error
	}{
		"no time":   {func(s *license.Session) { s.EndedAt = time.Time{} }, record.ErrIncompleteEnd},
		"no reason": {func(s *license.Session) { s.EndedReason = "" }, record.ErrIncompleteEnd},
		"no id":     {func(s *license.Session) { s.ID = "" }, license.ErrSessionNotFound},
		"path":      {func(s *license.Session) { s.ID = "a/b/c" }, license.ErrSessionNotFound},
	}
	for name, test := range bad {
		t.Run(name, func(t *testing.T) {
			end := endOf(2, license.EndExpired)
			test.change(&end.Session)
			wantError(t, r.End(t.Context(), caller(), first(), []record.End{good, end}), test.want)
			wantSession(t, r, caller(), session(1))
			wantNoSession(t, r, caller(), 2)
		})
	}
}
