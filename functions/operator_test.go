package functions_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
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

// TestAnOperatorRevokesAKey: tokens it signed are refused from the next look at the key
// set, the next key signs at once, and nobody loses a seat. Asked again, nothing is new.
func TestAnOperatorRevokesAKey(t *testing.T) {
	opts := devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	opts.LedgerClock = time.Now
	onEach(t, opts, func(t *testing.T, w *world) {
		ann := w.user(w.licensed(t, 1), "ann")
		before := ann.take(t, "hw")
		kid := segment(t, before.LicenseToken, 0)["kid"].(string)
		report := operate[api.RevokeReport](t, w, api.RevokeKeyPath(kid))
		if report.KeyID != kid || report.NextKeyID == "" || report.Pending || report.GoodKeys != 1 {
			t.Errorf("%+v", report)
		}
		ahead.Add(int64(time.Minute)) // instances look at the keys once a minute
		after := ann.beat(t, before.SessionID).want(t, http.StatusOK).session(t)
		if got := segment(t, after.LicenseToken, 0)["kid"]; got != report.NextKeyID {
			t.Errorf("%v signs, not %s", got, report.NextKeyID)
		}
		for compact, refused := range map[string]bool{before.LicenseToken: true, after.LicenseToken: false} {
			_, err := licensejwt.Verify(compact, w.published(t), after.ServerTime.Time, 0, tokenIssuer, "studio")
			if errors.Is(err, licensejwt.ErrUnknownKey) != refused || !refused && err != nil {
				t.Errorf("refused: %v, want %t", err, refused)
			}
		}
		if again := operate[api.RevokeReport](t, w, api.RevokeKeyPath(kid)); again.NextKeyID != "" || again.Pending || again.GoodKeys != 1 {
			t.Errorf("again: %+v", again)
		}
		for _, unknown := range []string{strings.Repeat("A", 43), "short", "license-token-1"} {
			w.do(t, http.MethodPost, api.RevokeKeyPath(unknown), w.stack.SchedulerToken(), nil).refused(t, "key_not_found")
		}
		w.do(t, http.MethodPost, api.RevokeKeyPath(kid), ann.token, nil).refused(t, "unauthenticated")
	})
}

// TestAnOperatorRevokesAKeyWithoutKMS: it is revoked all the same, and it is said that
// the next one is to come. The reaper's next run makes it.
func TestAnOperatorRevokesAKeyWithoutKMS(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	ann := w.user(w.licensed(t, 1), "ann")
	kid := segment(t, ann.take(t, "hw").LicenseToken, 0)["kid"].(string)
	w.kmsDown(codes.Internal)
	if report := operate[api.RevokeReport](t, w, api.RevokeKeyPath(kid)); !report.Pending || report.NextKeyID != "" || report.GoodKeys != 0 {
		t.Errorf("%+v", report)
	}
	w.kmsUp()
	w.reap(t)
	if report := operate[api.RevokeReport](t, w, api.RevokeKeyPath(kid)); report.Pending || report.GoodKeys != 1 {
		t.Errorf("%+v", report)
	}
}

// TestWhereNoKeysAreMade there is none to revoke.
func TestWhereNoKeysAreMade(t *testing.T) {
	w := start(t, embedded(), byRoot())
	w.do(t, http.MethodPost, api.RevokeKeyPath(strings.Repeat("A", 43)), w.stack.SchedulerToken(), nil).refused(t, "not_found")
}
