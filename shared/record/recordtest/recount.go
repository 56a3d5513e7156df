package recordtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// recountTests are of a license that comes to limit the sessions of its users.
func recountTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"a new limit ends the epoch":                 limitEndsTheEpoch,
		"another limit, or none, does not":           otherLimitsDoNot,
		"what was read before it is outdated":        readBefore,
		"before the first epoch nothing is recorded": limitedBeforeTheFirst,
		"an end rests on no license": func(t *testing.T, r record.Record) {
			created(t, r)
			limited(t, r, 1)
			epoch, err := r.OpenEpoch(t.Context(), caller(), "nonce-3")
			wantNil(t, err)
			wantNil(t, r.End(t.Context(), caller(), epoch, []record.End{endOf(1, license.EndReleased)}))
			wantSession(t, r, caller(), ended(1, license.EndReleased))
		},
		"another organization's goes on": func(t *testing.T, r record.Record) {
			created(t, r)
			opened(t, r, other())
			limited(t, r, 1)
			wantNil(t, r.Create(t.Context(), other(), session(2)))
		},
	}
}

// limited writes a license with so many sessions for each user.
func limited(t *testing.T, r record.Record, perUser int) {
	t.Helper()
	wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
	lic := pro()
	lic.MaxSessionsPerUser = perUser
	wantNil(t, r.PutLicense(t.Context(), caller(), lic))
}

// epochNow is the record's epoch, as it comes with the licenses.
func epochNow(t *testing.T, r record.Record) license.Epoch {
	t.Helper()
	all, err := r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	return all.Epoch
}

// limitEndsTheEpoch: nothing that was decided under it is recorded any more, and the
// rebuild that was at work opens another one.
func limitEndsTheEpoch(t *testing.T, r record.Record) {
	created(t, r)
	limited(t, r, 0)
	wantEqual(t, "epoch without a limit", epochNow(t, r), first())
	limited(t, r, 1)
	wantEqual(t, "number of the epoch", epochNow(t, r).Number, int64(2))
	s := session(2)
	s.TermsEpoch = 2
	wantError(t, r.Create(t.Context(), caller(), s), record.ErrFenced)
	wantError(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndExpired)}), record.ErrFenced)
	epoch, err := r.OpenEpoch(t.Context(), caller(), "nonce-1") // that of the first epoch
	wantNil(t, err)
	wantEqual(t, "epoch", epoch, license.NewEpoch(3, "nonce-1"))
	s.Epoch = epoch
	wantNil(t, r.Create(t.Context(), caller(), s))
}

func otherLimitsDoNot(t *testing.T, r record.Record) {
	limited(t, r, 3)
	opened(t, r, caller())
	for _, perUser := range []int{3, 5, 1, 0, 0} {
		limited(t, r, perUser)
		wantEqual(t, fmt.Sprint("epoch with a limit of ", perUser), epochNow(t, r), first())
	}
	limited(t, r, 1)
	wantEqual(t, "number of the epoch", epochNow(t, r).Number, int64(2))
}

// readBefore: an instance that has not heard of the limit decides under the new epoch.
func readBefore(t *testing.T, r record.Record) {
	created(t, r)
	limited(t, r, 1)
	epoch, err := r.OpenEpoch(t.Context(), caller(), "nonce-3")
	wantNil(t, err)
	s := session(2)
	s.Epoch = epoch
	for _, read := range []int64{0, 1} {
		s.TermsEpoch = read
		wantError(t, r.Create(t.Context(), caller(), s), record.ErrOutdated)
	}
	wantNoSession(t, r, caller(), 2)
	for _, read := range []int64{2, 3} {
		s.TermsEpoch = read
		wantNil(t, r.Create(t.Context(), caller(), s))
	}
	limited(t, r, 0) // who is still counted is counted in vain
	s.ID = sessionID(3)
	wantNil(t, r.Create(t.Context(), caller(), s))
}

// limitedBeforeTheFirst: whoever read the licenses before the limit, and an epoch that was
// opened after it.
func limitedBeforeTheFirst(t *testing.T, r record.Record) {
	limited(t, r, 1)
	wantEqual(t, "epoch", epochNow(t, r), license.Epoch{})
	opened(t, r, caller())
	wantError(t, r.Create(t.Context(), caller(), session(1)), record.ErrOutdated)
	s := session(1)
	s.TermsEpoch = 1
	wantNil(t, r.Create(t.Context(), caller(), s))
	reopened(t, r, caller()) // what is outdated stays so
	s.ID, s.Epoch, s.TermsEpoch = sessionID(2), second(), 0
	wantError(t, r.Create(t.Context(), caller(), s), record.ErrOutdated)
}

// ownTests are of one user's sessions under a license.
func ownTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"the newest, and no others": func(t *testing.T, r record.Record) {
			ownAndOthers(t, r)
			own, err := r.OwnSessions(t.Context(), caller(), "acme-pro", 2)
			wantNil(t, err)
			wantEqual(t, "sessions", own, []license.Session{asRecorded(sessionHeld(3)), asRecorded(sessionHeld(2))})
			all, err := r.OwnSessions(t.Context(), caller(), "acme-pro", 10)
			wantNil(t, err)
			wantEqual(t, "how many", len(all), 3)
		},
		"nobody's": func(t *testing.T, r record.Record) {
			ownAndOthers(t, r)
			nobody := caller()
			nobody.UserID = ""
			for _, asked := range []struct {
				caller  license.Caller
				license string
				limit   int
			}{{nobody, "acme-pro", 10}, {caller(), "", 10}, {caller(), "none", 10}, {caller(), "acme-pro", 0}, {caller(), "acme-pro", -1}} {
				own, err := r.OwnSessions(t.Context(), asked.caller, asked.license, asked.limit)
				wantNil(t, err)
				wantEqual(t, fmt.Sprintf("sessions of %+v", asked), len(own), 0)
			}
		},
	}
}

// sessionHeld is session n, acquired n minutes later.
func sessionHeld(n int) license.Session {
	s := session(n)
	s.AcquiredAt = noon().Add(time.Duration(n) * time.Minute)
	return s
}

// ownAndOthers records three sessions of the caller's, one that has ended, and those of
// another user, another license and another organization.
func ownAndOthers(t *testing.T, r record.Record) {
	t.Helper()
	opened(t, r, caller())
	opened(t, r, other())
	foreign, lab := sessionHeld(5), sessionHeld(6)
	foreign.UserID, lab.LicenseID = "u-2", "acme-lab"
	for _, s := range []license.Session{sessionHeld(1), sessionHeld(2), sessionHeld(3), sessionHeld(4), foreign, lab} {
		wantNil(t, r.Create(t.Context(), caller(), s))
	}
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(4, license.EndReleased)}))
	wantNil(t, r.Create(t.Context(), other(), sessionHeld(7)))
}
