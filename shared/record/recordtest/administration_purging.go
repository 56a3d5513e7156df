package recordtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// purgingTests are those of record.Purging.
func purgingTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"an organization goes as a whole": purgeAll,
		"what is active stays":            purgeActive,
		"what is begun cannot be undone":  purgeBegun,
		"another begins after it":         purgeAgain,
		"a dry run begins nothing":        purgeDry,
		"a user's sessions are erased":    eraseUser,
		"so are the ends in the audit":    eraseEnds,
		"erased in pages":                 erasePages,
		"nobody else is erased":           eraseOthers,
	}
}

// suspend makes the organization one that may be purged.
func suspend(t *testing.T, r record.Administration) {
	t.Helper()
	now, err := r.Organization(t.Context(), caller())
	wantNil(t, err)
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), now.Revision, func(o *license.Organization) error {
		o.Status = "suspended"
		return nil
	})))
}

// purgedPages deletes page by page, and tells how many documents there were.
func purgedPages(t *testing.T, r record.Administration) (n int) {
	t.Helper()
	for {
		more, err := r.PurgePage(t.Context(), caller())
		wantNil(t, err)
		if n += more; more == 0 {
			return n
		}
	}
}

func purgeAll(t *testing.T, r Administered) {
	worked(t, r)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
	joined(t, r, owner("somebody"))
	file(t, r, caller(), filing("acme-pro", "g1", hourOf(1), everyCount(1)))
	suspend(t, r)
	wantNil(t, r.BeginPurge(t.Context(), caller(), act()))
	wantNil(t, r.BeginPurge(t.Context(), caller(), act())) // again, after a crash
	wantEqual(t, "documents", purgedPages(t, r), 1+4+1+4)
	file(t, r, caller(), filing("acme-pro", "g2", hourOf(2), everyCount(1))) // a visit of the reaper that began before
	wantNil(t, r.DropUsers(t.Context(), caller(), []string{"somebody", "gone already"}))
	found, err := r.Contents(t.Context(), caller(), "")
	wantNil(t, err)
	wantEqual(t, "what is left", found, record.Contents{})
	wantNil(t, r.FinishPurge(t.Context(), caller()))
	wantError(t, r.FinishPurge(t.Context(), caller()), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.Organization(t.Context(), caller())), license.ErrOrganizationNotFound)
	entries, err := r.ServiceAudit(t.Context(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries", len(entries), 1)
	wantEqual(t, "entry", entries[0], record.Entry{
		ID: entries[0].ID, At: noon(), Actor: act().Actor, Action: record.OrganizationPurged, Object: "organizations/acme", State: record.EntryDone,
	})
	wantNil(t, errorOf(r.Organization(t.Context(), other())))
}

func purgeActive(t *testing.T, r Administered) {
	sold(t, r)
	wantError(t, r.BeginPurge(t.Context(), caller(), act()), license.ErrInUse)
	wantError(t, errorOf(r.PurgePage(t.Context(), caller())), license.ErrInUse)
	wantError(t, r.DropUsers(t.Context(), caller(), []string{"u-1"}), license.ErrInUse)
	wantError(t, r.FinishPurge(t.Context(), caller()), license.ErrInUse)
	nobody := license.ServiceCaller("nobody")
	wantError(t, r.BeginPurge(t.Context(), nobody, act()), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.PurgePage(t.Context(), nobody)), license.ErrOrganizationNotFound)
	wantAudit(t, r, 2)
}

// purgeBegun: nothing is created in it or changed of it any more.
func purgeBegun(t *testing.T, r Administered) {
	_, l := sold(t, r)
	suspend(t, r)
	wantNil(t, r.BeginPurge(t.Context(), caller(), act()))
	now, err := r.Organization(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "status", now.Value.Status, license.Status("suspended"))
	wantError(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), now.Revision, rename)), license.ErrOrganizationNotFound)
	lab := pro()
	lab.ID = "lab"
	wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), act(), lab)), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.InviteUser(t.Context(), caller(), act(), owner("u-9"))), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme())), license.ErrExists)
	wantLicense(t, r, pro(), l)
}

// purgeAgain: an organization of the same id and slug can come after it, and is another.
func purgeAgain(t *testing.T, r Administered) {
	for range 2 {
		sold(t, r)
		suspend(t, r)
		wantNil(t, r.BeginPurge(t.Context(), caller(), act()))
		purgedPages(t, r)
		wantNil(t, r.FinishPurge(t.Context(), caller()))
	}
	entries, err := r.ServiceAudit(t.Context(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries", len(entries), 2)
	same := globex()
	same.Slug = acme().Slug
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), same)))
}

func purgeDry(t *testing.T, r Administered) {
	worked(t, r)
	wantError(t, r.BeginPurge(t.Context(), caller(), dry()), license.ErrInUse)
	suspend(t, r)
	wantNil(t, r.BeginPurge(t.Context(), caller(), dry()))
	wantError(t, errorOf(r.PurgePage(t.Context(), caller())), license.ErrInUse)
	n, err := r.EraseSessions(t.Context(), caller(), dry(), "somebody")
	wantNil(t, err)
	wantEqual(t, "would be erased", n, 1)
	wantEqual(t, "of the user", history(t, r, "somebody"), []string{sessionID(3), sessionID(4)})
	entries, err := r.ServiceAudit(t.Context(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries", len(entries), 0)
}

// eraseUser: license and times stay, and a living session is none of it.
func eraseUser(t *testing.T, r Administered) {
	worked(t, r)
	n, err := r.EraseSessions(t.Context(), caller(), act(), "somebody")
	wantNil(t, err)
	wantEqual(t, "erased", n, 1)
	got, err := r.Session(t.Context(), caller(), sessionID(4))
	wantNil(t, err)
	want := ended(4, license.EndReleased)
	want.UserID, want.HardwareID, want.InstanceID, want.Client = record.Erased, got.HardwareID, "", license.Client{}
	wantEqual(t, "session", got, asRecorded(want))
	if !strings.HasPrefix(got.HardwareID, record.Erased+" ") || !strings.Contains(got.HardwareID, sessionID(4)) {
		t.Errorf("machine %q", got.HardwareID)
	}
	wantEqual(t, "of the user", history(t, r, "somebody"), []string{sessionID(3)})
	again, err := r.EraseSessions(t.Context(), caller(), act(), "somebody")
	wantNil(t, err)
	wantEqual(t, "erased again", again, 0)
	entries := wantAudit(t, r, 3)
	wantEqual(t, "entry", entries[0], record.Entry{
		ID: entries[0].ID, At: noon(), Actor: act().Actor, Action: record.UserPurged, Object: "organizations/acme/users/somebody",
		After: map[string]any{"sessions": int64(1)},
	})
	for _, nobody := range []string{"", record.Erased} {
		wantError(t, errorOf(r.EraseSessions(t.Context(), caller(), act(), nobody)), license.ErrUserNotFound)
	}
}

// eraseEnds: the entry of an end that was asked for tells of the user's id alone.
func eraseEnds(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	n, err := r.EraseSessions(t.Context(), caller(), act(), session(1).UserID)
	wantNil(t, err)
	wantEqual(t, "erased", n, 1)
	for _, e := range wantAudit(t, r, 4) {
		if e.Action != record.SessionRevoked {
			continue
		}
		for _, fields := range []map[string]any{e.Before, e.After} {
			wantEqual(t, "user", fields["user_id"], any(session(1).UserID))
			for _, field := range []string{"hardware_id", "instance_id", "client"} {
				if value, there := fields[field]; there {
					t.Errorf("%s is still %v", field, value)
				}
			}
		}
		return
	}
	t.Error("there is no entry of the end")
}

// erasePages: more than fit into one transaction.
func erasePages(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	const all = record.MaxErased + 3
	ends := make([]record.End, all)
	for i := range ends {
		ends[i] = endOf(i, license.EndReleased)
	}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))
	for _, want := range []int{record.MaxErased, 3, 0} {
		n, err := r.EraseSessions(t.Context(), caller(), act(), session(1).UserID)
		wantNil(t, err)
		wantEqual(t, "erased", n, want)
	}
	seen := map[string]bool{}
	for after := ""; ; {
		page, err := r.SessionHistory(t.Context(), caller(), record.Erased, after, 100)
		wantNil(t, err)
		for _, s := range page.Sessions {
			seen[fmt.Sprint(s.Holder)] = true
		}
		if after = page.Last; !page.More {
			break
		}
	}
	wantEqual(t, "holders", len(seen), all) // of tokens that are good, each is counted
}

func eraseOthers(t *testing.T, r Administered) {
	worked(t, r)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
	n, err := r.EraseSessions(t.Context(), other(), act(), "somebody")
	wantNil(t, err)
	wantEqual(t, "erased", n, 0)
	n, err = r.EraseSessions(t.Context(), caller(), act(), "nobody")
	wantNil(t, err)
	wantEqual(t, "erased", n, 0)
	wantSession(t, r, caller(), ended(2, license.EndReleased))
}
