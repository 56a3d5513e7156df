package functions_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// perUser makes an organization with a license of so many seats, so many of them for one user.
func (w *world) perUser(t *testing.T, seats, limit int) (org string) {
	t.Helper()
	org = w.tenant(t, 1000)
	w.putLicense(t, org, "pro", map[string]any{"max_seats": seats, "max_sessions_per_user": limit})
	return org
}

// overLimit wants a refusal by the user's limit, and is the sessions that it tells.
func (a answer) overLimit(t *testing.T, used, limit int) []api.YourSession {
	t.Helper()
	refused := a.refused(t, "no_seats_available")
	refused.wantMember(t, "limit", "user")
	refused.wantMember(t, "seats_used", used)
	refused.wantMember(t, "seats_max", limit)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var p api.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	return p.YourSessions
}

// TestOneMemberTakesNotAllSeats: invented hardware ids get nobody more than its share, and
// the refusal lets its program ask which session to end.
func TestOneMemberTakesNotAllSeats(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.perUser(t, 200, 3)
		eve, ann := w.user(org, "eve"), w.user(org, "ann")
		var got []string
		for i := range 3 {
			got = append(got, eve.take(t, fmt.Sprint("invented-", i), map[string]any{"client": map[string]any{"name": "Studio", "hostname": fmt.Sprint("desk-", i)}}).SessionID)
		}
		theirs := ann.take(t, "hw-ann")
		eve.beat(t, got[1]).want(t, http.StatusOK)
		refused := eve.acquire(t, "invented-3")
		own := refused.overLimit(t, 3, 3)
		var told []string
		for _, s := range own {
			told = append(told, s.SessionID)
			if s.Client.Name != "Studio" || !strings.HasPrefix(s.Client.Hostname, "desk-") || s.AcquiredAt.IsZero() || s.LastHeartbeatAt.IsZero() {
				t.Errorf("%+v", s)
			}
		}
		slices.Sort(told)
		if slices.Sort(got); !slices.Equal(told, got) {
			t.Errorf("told %v, has %v", told, got)
		}
		for _, secret := range []string{"invented-", "hw-ann", "hardware", theirs.SessionID, "instance_id"} {
			if strings.Contains(string(refused.body), secret) {
				t.Errorf("the refusal tells %s: %s", secret, refused.body)
			}
		}
		eve.acquire(t, "invented-0").want(t, http.StatusOK)
		eve.release(t, own[0].SessionID).want(t, http.StatusNoContent)
		eve.acquire(t, "invented-3").want(t, http.StatusCreated)
		eve.acquire(t, "invented-4").overLimit(t, 3, 3)
		ann.take(t, "hw-2")
	})
}

// TestALimitIsHeardOfEverywhere: sold while a member takes one seat after the other, also
// through an instance that knows the license from before.
func TestALimitIsHeardOfEverywhere(t *testing.T) {
	opts := devstack.Defaults()
	opts.EntitlementCacheTTL = time.Hour // what this instance knows stays as it is
	onEach(t, opts, func(t *testing.T, w *world) {
		org := w.perUser(t, 50, 0)
		eve := w.user(org, "eve")
		for i := range 5 {
			eve.take(t, fmt.Sprint("hw-", i))
		}
		w.sellElsewhere(t, org, 3)
		eve.acquire(t, "hw-5").overLimit(t, 5, 3)
		eve.acquire(t, "hw-1").want(t, http.StatusOK)
		if s := w.state(t, org); len(s.active) != 5 || s.held != 5 {
			t.Errorf("%d recorded, %d held, want those of before", len(s.active), s.held)
		}
	})
}

// sellElsewhere limits license pro as another instance of the vendor's door does: this one
// is not told.
func (w *world) sellElsewhere(t *testing.T, org string, limit int) {
	t.Helper()
	caller := license.ServiceCaller(org)
	bought, err := w.record.Entitlements(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	lic, _ := bought.License("pro")
	lic.MaxSessionsPerUser = limit
	if err := w.record.PutLicense(t.Context(), caller, lic); err != nil {
		t.Fatal(err)
	}
}
