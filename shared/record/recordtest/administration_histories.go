package recordtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// historyTests are those of record.Histories.
func historyTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"all sessions, active and ended": sessionHistory,
		"usage by the document":          usageHistory,
		"the audit from its beginning":   auditHistory,
		"ends of a user's sessions":      endingHistory,
		"contents are counted":           contents,
		"nothing of another organization": func(t *testing.T, r Administered) {
			worked(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			page, err := r.SessionHistory(t.Context(), other(), "", "", 9)
			wantNil(t, err)
			wantEqual(t, "sessions", page, record.Page{})
			found, err := r.Contents(t.Context(), other(), "")
			wantNil(t, err)
			wantEqual(t, "contents", found, record.Contents{Audit: 1})
			found, err = r.Contents(t.Context(), other(), session(1).UserID)
			wantNil(t, err)
			wantEqual(t, "of a user", found, record.Contents{})
		},
		"a position that cannot be one": func(t *testing.T, r Administered) {
			sold(t, r)
			for _, after := range brokenIDs()[1:] {
				wantError(t, errorOf(r.SessionHistory(t.Context(), caller(), "", after, 9)), license.ErrSessionNotFound)
				wantError(t, errorOf(r.UsageHistory(t.Context(), caller(), after, 9)), license.ErrLicenseNotFound)
				wantError(t, errorOf(r.AuditHistory(t.Context(), caller(), record.EntryFilter{}, after, 9)), record.ErrEntryNotFound)
			}
		},
	}
}

// worked is an organization of which sessions 1 to 4 were had, two of them by its one user,
// and 2 and 4 have ended.
func worked(t *testing.T, r Administered) {
	t.Helper()
	sold(t, r)
	opened(t, r, caller())
	for n := 1; n <= 4; n++ {
		s := session(n)
		if n > 2 {
			s.UserID = "somebody"
		}
		wantNil(t, r.Create(t.Context(), caller(), s))
	}
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(2, license.EndReleased), endOfUser(4, "somebody")}))
}

func endOfUser(n int, user string) record.End {
	e := endOf(n, license.EndReleased)
	e.Session.UserID = user
	return e
}

// history are the ids of all sessions of a user, or of all, in pages of two.
func history(t *testing.T, r Administered, user string) (ids []string) {
	t.Helper()
	for after := ""; ; {
		page, err := r.SessionHistory(t.Context(), caller(), user, after, 2)
		wantNil(t, err)
		for _, s := range page.Sessions {
			ids = append(ids, s.ID)
		}
		if after = page.Last; !page.More {
			slices.Sort(ids)
			return ids
		}
	}
}

func sessionHistory(t *testing.T, r Administered) {
	worked(t, r)
	all := []string{sessionID(1), sessionID(2), sessionID(3), sessionID(4)}
	slices.Sort(all)
	wantEqual(t, "all", history(t, r, ""), all)
	wantEqual(t, "of a user", history(t, r, "somebody"), []string{sessionID(3), sessionID(4)})
	wantEqual(t, "of nobody", len(history(t, r, "nobody")), 0)
	page, err := r.SessionHistory(t.Context(), caller(), session(1).UserID, "", 9)
	wantNil(t, err)
	i := slices.IndexFunc(page.Sessions, func(s license.Session) bool { return s.ID == sessionID(2) })
	wantEqual(t, "an ended one", page.Sessions[i], asRecorded(ended(2, license.EndReleased)))
	none, err := r.SessionHistory(t.Context(), caller(), "", "", 0)
	wantNil(t, err)
	wantEqual(t, "none", none, record.Page{})
}

func usageHistory(t *testing.T, r Administered) {
	sold(t, r)
	file(t, r, caller(),
		filing("acme-pro", "g1", hourOf(1), everyCount(1)), filing("acme-pro", "g2", hourOf(1), everyCount(1)),
		filing("acme-pro", "g1", hourOf(25), everyCount(2)), filing("acme-lab", "g1", hourOf(3), everyCount(3)))
	var got []string
	for after := ""; ; {
		page, err := r.UsageHistory(t.Context(), caller(), after, 2)
		wantNil(t, err)
		for _, h := range page.Hours {
			got = append(got, h.LicenseID+" "+h.At.UTC().Format("2006-01-02 15"))
		}
		if after = page.Last; !page.More {
			break
		}
	}
	wantEqual(t, "hours", got, []string{
		"acme-lab " + hourOf(3).UTC().Format("2006-01-02 15"), "acme-pro " + hourOf(1).UTC().Format("2006-01-02 15"), "acme-pro " + hourOf(25).UTC().Format("2006-01-02 15"),
	})
}

func auditHistory(t *testing.T, r Administered) {
	sold(t, r)
	wantNil(t, errorOf(r.AddEntry(t.Context(), caller(), act(), record.UserExported, record.UserObject("acme", "u-1"), "")))
	mine := act()
	mine.Actor = "u-1"
	wantNil(t, errorOf(r.AddEntry(t.Context(), caller(), mine, record.LedgerRebuilt, record.LedgerObject("acme"), "")))
	list := func(f record.EntryFilter, after string, limit int) (actions []record.Action, last string) {
		found, err := r.AuditHistory(t.Context(), caller(), f, after, limit)
		wantNil(t, err)
		for _, e := range found {
			actions, last = append(actions, e.Action), e.ID
		}
		return actions, last
	}
	begin, last := list(record.EntryFilter{}, "", 2)
	wantEqual(t, "the beginning", begin, []record.Action{record.OrganizationCreated, record.LicenseCreated})
	rest, _ := list(record.EntryFilter{}, last, 9)
	wantEqual(t, "the rest", rest, []record.Action{record.UserExported, record.LedgerRebuilt})
	onUser, _ := list(record.EntryFilter{Object: record.UserObject("acme", "u-1")}, "", 9)
	wantEqual(t, "on a user", onUser, []record.Action{record.UserExported})
	byUser, _ := list(record.EntryFilter{Actor: "u-1"}, "", 9)
	wantEqual(t, "by a user", byUser, []record.Action{record.LedgerRebuilt})
}

// endingHistory: an act on a session is found by whose session it was.
func endingHistory(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	of := func(user string) int {
		found, err := r.AuditHistory(t.Context(), caller(), record.EntryFilter{Holder: user}, "", 9)
		wantNil(t, err)
		return len(found)
	}
	wantEqual(t, "of its holder", of(session(1).UserID), 1)
	wantEqual(t, "of another", of("nobody"), 0)
}

func contents(t *testing.T, r Administered) {
	worked(t, r)
	joined(t, r, owner("somebody"))
	file(t, r, caller(), filing("acme-pro", "g1", hourOf(1), everyCount(1)), filing("acme-pro", "g1", hourOf(25), everyCount(2)))
	found, err := r.Contents(t.Context(), caller(), "")
	wantNil(t, err)
	wantEqual(t, "all", found, record.Contents{Licenses: 1, Users: 1, Sessions: 4, Usage: 2, Audit: 3})
	found, err = r.Contents(t.Context(), caller(), "somebody")
	wantNil(t, err)
	wantEqual(t, "of a user", found, record.Contents{Users: 1, Sessions: 2, Audit: 1})
	if _, err := r.Contents(t.Context(), license.ServiceCaller("nobody"), ""); !errors.Is(err, license.ErrOrganizationNotFound) {
		t.Error(err)
	}
}
