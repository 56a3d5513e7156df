package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// vendor is one of the vendor's staff.
type vendor struct {
	w     *world
	token string
}

func (w *world) vendor() vendor { return vendor{w, w.stack.StaffToken("eve@vendor.example")} }

func (v vendor) do(t *testing.T, method, path string, body any, change ...func(*http.Request)) answer {
	t.Helper()
	return v.w.do(t, method, path, v.token, body, change...)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// into reads an answer of this status.
func into[T any](t *testing.T, a answer, status int) (out T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(a.want(t, status).body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
	return out
}

// sold makes an organization with a license, by the vendor's door alone.
func (v vendor) sold(t *testing.T) (api.Organization, api.License) {
	t.Helper()
	id := fmt.Sprintf("sold-%d", serial.Add(1))
	org := into[api.Organization](t, v.do(t, http.MethodPost, api.PathOrganizations, map[string]any{
		"id": id, "name": "Sold Ltd.", "max_concurrent_seats": 9,
	}), http.StatusCreated)
	lic := into[api.License](t, v.do(t, http.MethodPost, api.LicensesPath(id), map[string]any{
		"id": "pro", "product": "studio", "max_seats": 1, "expires_at": "never", "entitlements": []string{"export"},
	}), http.StatusCreated)
	return org, lic
}

func control(t *testing.T) vendor {
	t.Helper()
	return start(t, embedded(), devstack.Defaults()).vendor()
}

// TestWhatIsSoldIsUsed: a license by the vendor's door gives a seat at once, and
// suspended it takes the seat back.
func TestWhatIsSoldIsUsed(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	if org.Status != "active" || org.Slug != org.ID || lic.ExpiresAt != "never" || lic.Handover != 10 || lic.OrganizationID != org.ID {
		t.Errorf("%+v, %+v", org, lic)
	}
	ann := v.w.user(org.ID, "ann")
	held := ann.take(t, "hw").SessionID
	v.w.user(org.ID, "bob").acquire(t, "hw").refused(t, "no_seats_available")

	more := into[api.License](t, v.do(t, http.MethodPatch, api.LicensePath(org.ID, "pro"), `{"max_seats":2}`, header("If-Match", lic.ETag)), http.StatusOK)
	v.w.user(org.ID, "bob").take(t, "hw")
	v.do(t, http.MethodPatch, api.OrganizationPath(org.ID), `{"status":"suspended"}`, header("If-Match", org.ETag)).want(t, http.StatusOK)
	ann.beat(t, held).refused(t, "organization_inactive")
	v.do(t, http.MethodDelete, api.LicensePath(org.ID, "pro"), nil, header("If-Match", more.ETag)).want(t, http.StatusNoContent)
	v.do(t, http.MethodGet, api.LicensePath(org.ID, "pro"), nil).refused(t, "license_not_found")
}

// TestEveryActIsInTheAudit once, newest first, a page at a time.
func TestEveryActIsInTheAudit(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	v.do(t, http.MethodPatch, api.LicensePath(org.ID, "pro"), `{"max_seats":2}`, header("If-Match", lic.ETag)).want(t, http.StatusOK)
	v.do(t, http.MethodPatch, api.LicensePath(org.ID, "pro"), `{"max_seats":3}`, header("If-Match", lic.ETag)).refused(t, "precondition_failed")
	var actions []string
	for after := ""; ; {
		page := into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org.ID)+"?limit=1&after="+after, nil), http.StatusOK)
		e := page.Entries[0]
		if actions = append(actions, e.Action); e.Actor != "eve@vendor.example" || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
		if len(actions) == 1 && (e.Before["max_seats"] != 1.0 || e.After["max_seats"] != 2.0) {
			t.Errorf("from %v to %v", e.Before, e.After)
		}
		if after = page.After; after == "" {
			break
		}
	}
	if want := []string{"license.changed", "license.created", "organization.created"}; !slices.Equal(actions, want) {
		t.Errorf("%v, want %v", actions, want)
	}
}

// TestListsGoOnWhereTheyEnded, and the last page says that it is.
func TestListsGoOnWhereTheyEnded(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	var ids []string
	for after := ""; ; {
		page := into[api.OrganizationList](t, v.do(t, http.MethodGet, api.PathOrganizations+"?limit=2&after="+after, nil), http.StatusOK)
		for _, o := range page.Organizations {
			ids = append(ids, o.ID)
		}
		if after = page.After; after == "" {
			break
		}
	}
	if want := []string{"acme", "globex", org.ID}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	page := into[api.LicenseList](t, v.do(t, http.MethodGet, api.LicensesPath("globex"), nil), http.StatusOK)
	if len(page.Licenses) != 2 || page.Licenses[0].ID != "globex-lab" || page.Licenses[0].ETag == "" || page.After != "" {
		t.Errorf("%+v", page)
	}
}

// TestDryRunsWriteNothing and answer what would be.
func TestDryRunsWriteNothing(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	would := into[api.License](t, v.do(t, http.MethodPatch, api.LicensePath(org.ID, "pro")+"?dry_run=true", `{"max_seats":7}`, header("If-Match", lic.ETag)), http.StatusOK)
	if would.MaxSeats != 7 || would.ETag != lic.ETag {
		t.Errorf("%+v", would)
	}
	v.do(t, http.MethodDelete, api.LicensePath(org.ID, "pro")+"?dry_run=true", nil, header("If-Match", lic.ETag)).want(t, http.StatusNoContent)
	v.do(t, http.MethodPost, api.PathOrganizations+"?dry_run=true", `{"id":"ghost","name":"Ghost","max_concurrent_seats":1}`).want(t, http.StatusCreated)
	v.do(t, http.MethodGet, api.OrganizationPath("ghost"), nil).refused(t, "organization_not_found")
	now := into[api.License](t, v.do(t, http.MethodGet, api.LicensePath(org.ID, "pro"), nil), http.StatusOK)
	if fmt.Sprint(now) != fmt.Sprint(lic) {
		t.Errorf("%+v, want %+v", now, lic)
	}
}

// TestARepeatedRequestIsDoneOnce, as its key says.
func TestARepeatedRequestIsDoneOnce(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	create := func(body, key string) answer {
		return v.do(t, http.MethodPost, api.LicensesPath(org.ID), body, header("Idempotency-Key", key))
	}
	const lab = `{"id":"lab","product":"lab","max_seats":1,"expires_at":"2030-01-01T00:00:00Z"}`
	first := create(lab, "k").want(t, http.StatusCreated)
	if again := create(" "+lab, "k").want(t, http.StatusCreated); !bytes.Equal(again.body, first.body) || again.header.Get("Etag") != first.header.Get("Etag") {
		t.Errorf("%s, and then %s", first.body, again.body)
	}
	create(strings.Replace(lab, "2030", "2031", 1), "k").refused(t, "idempotency_key_reused")
	create(lab, "another").refused(t, "already_exists")
}

// TestAnAnswerThatWasLost: the store's outcome is not known, and the repeated
// request finds out.
func TestAnAnswerThatWasLost(t *testing.T) {
	v := control(t)
	v.w.outage.losing(recordtest.Outage(nil), "CreateOrganization")
	create := func() answer {
		return v.do(t, http.MethodPost, api.PathOrganizations, `{"id":"late","name":"Late","max_concurrent_seats":1}`, header("Idempotency-Key", "k"))
	}
	create().refused(t, "unavailable")
	v.w.outage.end()
	create().want(t, http.StatusCreated)
}
