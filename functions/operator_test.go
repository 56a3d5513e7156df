package functions_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// operate asks the reaper's door for something, and reads its answer.
func operate[T any](t *testing.T, w *world, path string) (report T) {
	t.Helper()
	a := w.do(t, http.MethodPost, path, w.stack.SchedulerToken(), nil).want(t, http.StatusOK)
	if err := json.Unmarshal(a.body, &report); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return report
}

// TestAnOperatorRebuildsAnOrganization: its ledger is the record's again, nobody
// loses a seat, and no other organization is touched.
func TestAnOperatorRebuildsAnOrganization(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org, other := w.licensed(t, 3), w.licensed(t, 3)
		ann, stranger := w.user(org, "ann"), w.user(other, "ann")
		kept, lost, theirs := ann.take(t, "1"), ann.take(t, "2"), stranger.take(t, "1")
		before := operate[api.CheckReport](t, w, api.CheckPath(other))
		w.drop(t, lost.SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "2"}})
		got := operate[api.RebuildReport](t, w, api.RebuildPath(org))
		if got.OrganizationID != org || got.SeatsBefore != 1 || got.SeatsAfter != 2 || got.Epoch != 2 {
			t.Errorf("%+v", got)
		}
		for _, id := range []string{kept.SessionID, lost.SessionID} {
			ann.beat(t, id).want(t, http.StatusOK)
		}
		stranger.beat(t, theirs.SessionID).want(t, http.StatusOK)
		if after := operate[api.CheckReport](t, w, api.CheckPath(other)); after.Epoch != before.Epoch || !after.Agrees {
			t.Errorf("the other organization: %+v after %+v", after, before)
		}
		// Also where nothing is loaded, and again and again.
		w.lose()
		for epoch := int64(3); epoch < 5; epoch++ {
			if got := operate[api.RebuildReport](t, w, api.RebuildPath(org)); got.SeatsAfter != 2 || got.Epoch != epoch {
				t.Errorf("%+v, want epoch %d", got, epoch)
			}
		}
		if n := w.fill(t, org); n != 1 {
			t.Errorf("%d seats were left, want 1", n)
		}
	})
}

// TestAnOperatorChecksAnOrganization: what differs is told, and nothing is changed.
func TestAnOperatorChecksAnOrganization(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 5)
	ann := w.user(org, "ann")
	var ids []string
	for _, hw := range []string{"1", "2", "3"} {
		ids = append(ids, ann.take(t, hw).SessionID)
	}
	check := func() api.CheckReport {
		before := w.state(t, org)
		report := operate[api.CheckReport](t, w, api.CheckPath(org))
		w.wantState(t, org, before)
		report.DurationMS = 0
		return report
	}
	if got := check(); !got.Agrees || !got.LedgerLoaded || got.SeatsInLedger != 3 || got.SeatsInRecord != 3 ||
		!slices.Equal(got.Licenses, []api.LicenseCheck{{LicenseID: "pro", SeatsInRecord: 3, SeatsMax: 5}}) {
		t.Errorf("all is well: %+v", got)
	}
	w.drop(t, ids[0], license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "1"}})
	if got := check(); got.Agrees || got.Young != 1 || got.OnlyInRecord != 0 || got.SeatsInLedger != 2 || got.SeatsInRecord != 3 {
		t.Errorf("one may be on its way: %+v", got)
	}
	w.advance(t, 4*time.Minute)
	ann.beat(t, ids[1]).want(t, http.StatusOK)
	ann.beat(t, ids[2]).want(t, http.StatusOK)
	w.advance(t, 4*time.Minute)
	ann.beat(t, ids[1]).want(t, http.StatusOK)
	ann.beat(t, ids[2]).want(t, http.StatusOK)
	if got := check(); got.Agrees || got.Young != 0 || got.OnlyInRecord != 1 || !slices.Equal(got.OnlyInRecordFirst, api.List{ids[0]}) {
		t.Errorf("one is not: %+v", got)
	}
	w.lose()
	if got := operate[api.CheckReport](t, w, api.CheckPath(org)); got.LedgerLoaded || got.Agrees || got.SeatsInRecord != 3 || got.SeatsInLedger != 0 {
		t.Errorf("nothing is loaded: %+v", got)
	}
}

// TestWhoMayOperate: the reaper's own caller, and nothing is written for an
// organization that has no document.
func TestWhoMayOperate(t *testing.T) {
	var log logBuffer
	opts := devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(&log, nil))
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	boss := w.userAs(org, "boss", license.RoleOwner)
	const nowhere = "nowhere-at-all"
	for _, path := range []func(string) string{api.RebuildPath, api.CheckPath} {
		w.do(t, http.MethodPost, path(org), "", nil).refused(t, "unauthenticated")
		w.do(t, http.MethodPost, path(org), boss.token, nil).refused(t, "unauthenticated")
		w.do(t, http.MethodPost, path(nowhere), boss.token, nil).refused(t, "unauthenticated")
		for _, id := range []string{nowhere, "Acme", "-", "a%2fb", "..", strings.Repeat("a", 64)} {
			a := w.do(t, http.MethodPost, path(id), w.stack.SchedulerToken(), nil)
			if a.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", id, a.status, a.body)
			}
		}
		w.do(t, http.MethodPost, path(nowhere), w.stack.SchedulerToken(), nil).refused(t, "organization_not_found")
		w.do(t, http.MethodGet, path(org), w.stack.SchedulerToken(), nil).refused(t, "method_not_allowed")
	}
	if keys := w.keys(t, "*"+nowhere+"*"); len(keys) > 0 {
		t.Errorf("Redis has %q", keys)
	}
	operate[api.RebuildReport](t, w, api.RebuildPath(org))
	for _, want := range []string{`"operation":"rebuild"`, `"organization_id":"` + org + `"`, `"asked_by":"scheduler@local.iam.gserviceaccount.com"`, `"seats_after":0`} {
		if line := log.await(t, `"outcome":"rebuilt"`); !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
}
