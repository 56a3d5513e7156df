package functions_test

import (
	"net/http"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func (v vendor) check(t *testing.T, org string) api.CheckReport {
	t.Helper()
	return into[api.CheckReport](t, v.do(t, http.MethodPost, api.LedgerCheckPath(org), nil), http.StatusOK)
}

// TestTheVendorRepairsALedger: a seat that the ledger lost is there again, and the audit
// says who asked and what came of it.
func TestTheVendorRepairsALedger(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org, other, v := w.licensed(t, 3), w.licensed(t, 3), w.vendor()
		ann := w.user(org, "ann")
		kept, lost := ann.take(t, "1"), ann.take(t, "2")
		theirs := v.check(t, other)
		if got := v.check(t, org); !got.Agrees || got.SeatsInLedger != 2 || got.SeatsInRecord != 2 {
			t.Errorf("%+v", got)
		}
		w.drop(t, lost.SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "2"}})
		if got := v.check(t, org); got.Agrees || got.SeatsInLedger != 1 || got.Young != 1 {
			t.Errorf("%+v", got)
		}
		rebuild := func(query string) api.RebuildReport {
			return into[api.RebuildReport](t, v.do(t, http.MethodPost, api.LedgerRebuildPath(org)+query, nil), http.StatusOK)
		}
		if got := rebuild("?dry_run=true"); got.SeatsBefore != 1 || got.SeatsAfter != 2 || v.check(t, org).Agrees {
			t.Errorf("a dry run: %+v", got)
		}
		if got := rebuild(""); got.SeatsBefore != 1 || got.SeatsAfter != 2 || got.Epoch != 2 || got.OrganizationID != org {
			t.Errorf("%+v", got)
		}
		for _, id := range []string{kept.SessionID, lost.SessionID} {
			ann.beat(t, id).want(t, http.StatusOK)
		}
		if got := v.check(t, other); got.Epoch != theirs.Epoch {
			t.Errorf("the other organization: %+v", got)
		}
		page := into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org), nil), http.StatusOK)
		if e := page.Entries[0]; e.Action != "ledger.rebuilt" || e.State != "done" || e.After["seats_after"] != float64(2) {
			t.Errorf("the audit: %+v", page.Entries)
		}
	})
}

// TestNoLedgerOfNobody: what is not there is not made.
func TestNoLedgerOfNobody(t *testing.T) {
	v := control(t)
	for _, id := range []string{"nobody", "A", "%2e%2e"} {
		v.do(t, http.MethodPost, api.LedgerCheckPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodPost, api.LedgerRebuildPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodPost, api.LedgerRebuildPath(id)+"?dry_run=true", nil).refused(t, "organization_not_found")
	}
}
