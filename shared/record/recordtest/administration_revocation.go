package recordtest

import (
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func revocationTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"the end puts it into the audit": revokedEnd,
		"by itself it ends nothing": func(t *testing.T, r Administered) {
			sold(t, r)
			created(t, r)
			wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
			wantSession(t, r, caller(), session(1))
			wantAudit(t, r, 2)
		},
		"an end for another reason is none of its": func(t *testing.T, r Administered) {
			sold(t, r)
			created(t, r)
			wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
			wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
			wantAudit(t, r, 2)
		},
		"nor is one that nobody at the vendor's asked for": func(t *testing.T, r Administered) {
			sold(t, r)
			created(t, r)
			wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
			wantAudit(t, r, 2)
		},
		"a repeated end is told once":        revokedTwice,
		"a fenced end is not told":           revokedFenced,
		"the last who asked counts":          revokedByTwo,
		"a dry run notes nothing":            revokedDry,
		"of what has ended nothing is noted": revokedTooLate,
		"no id leads elsewhere":              revokedElsewhere,
	}
}

// revokedEnd: the entry has the session as it was and as it is, and who asked, when.
func revokedEnd(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	wantSession(t, r, caller(), ended(1, license.EndRevoked))
	got := wantAudit(t, r, 3)
	entry := got[len(got)-1]
	for _, e := range got {
		if e.Action == record.SessionRevoked {
			entry = e
		}
	}
	if part, _ := entry.Before["part"].(string); len(part) != 1 || strings.Trim(part, "0123456789abcdef") != "" {
		t.Errorf("part %q", part)
	}
	s, e := session(1), ended(1, license.EndRevoked)
	fields := func(s license.Session) map[string]any {
		return map[string]any{
			"status": string(s.Status), "license_id": "acme-pro", "user_id": "u-1", "hardware_id": "hw-1", "instance_id": "i-1",
			"client":      map[string]any{"name": "studio", "version": "1.2.3", "hostname": "desk", "project": "bridge-7"},
			"acquired_at": s.AcquiredAt, "last_heartbeat_at": s.LastHeartbeatAt, "expires_at": s.ExpiresAt, "epoch": int64(1), "part": entry.Before["part"],
		}
	}
	after := fields(e)
	after["ended_at"], after["ended_reason"] = e.EndedAt, "revoked"
	after["purge_at"], after["token_ends"] = e.EndedAt.Add(record.RetainEnded), entry.After["token_ends"]
	wantEqual(t, "entry", entry, record.Entry{
		ID: entry.ID, At: noon(), Actor: "eve@vendor.example", Action: record.SessionRevoked,
		Object: "organizations/acme/sessions/" + sessionID(1), Before: fields(s), After: after,
	})
}

func revokedTwice(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	for range 2 {
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked), endOf(1, license.EndRevoked)}))
	}
	wantAudit(t, r, 3)
}

func revokedFenced(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantError(t, r.End(t.Context(), caller(), second(), []record.End{endOf(1, license.EndRevoked)}), record.ErrFenced)
	wantAudit(t, r, 2)
}

func revokedByTwo(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	later := record.Act{Actor: "bob@vendor.example", At: noon().Add(1)}
	wantNil(t, r.RevokeSession(t.Context(), caller(), later, sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	wantEqual(t, "actor", wantAudit(t, r, 3)[0].Actor, later.Actor)
}

func revokedDry(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), dry(), sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	wantAudit(t, r, 2)
}

func revokedTooLate(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantSession(t, r, caller(), ended(1, license.EndReleased))
	wantAudit(t, r, 2)
}

func revokedElsewhere(t *testing.T, r Administered) {
	sold(t, r)
	created(t, r)
	for _, id := range append(brokenIDs(), sessionID(2)) {
		wantError(t, r.RevokeSession(t.Context(), caller(), act(), id), license.ErrSessionNotFound)
	}
	wantError(t, r.RevokeSession(t.Context(), other(), act(), sessionID(1)), license.ErrSessionNotFound)
}
