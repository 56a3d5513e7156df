package functions_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestASlugIsOfOneOrganization: who asks for another's is told which member it is, and
// nothing is written.
func TestASlugIsOfOneOrganization(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	taken := func(a answer) {
		t.Helper()
		p := a.refused(t, "already_exists")
		if got := fmt.Sprint(p["errors"]); got != "[map[field:slug message:is another organization's: choose another]]" {
			t.Errorf("%v", got)
		}
	}
	create := func(id, slug, query string) answer {
		return v.do(t, http.MethodPost, api.PathOrganizations+query, fmt.Sprintf(`{"id":%q,"name":"Other","slug":%q,"max_concurrent_seats":1}`, id, slug))
	}
	taken(create("other", org.Slug, ""))
	taken(create("other", org.Slug, "?dry_run=true"))
	v.do(t, http.MethodGet, api.OrganizationPath("other"), nil).refused(t, "organization_not_found")

	other := into[api.Organization](t, create("other", "others", ""), http.StatusCreated)
	patch := fmt.Sprintf(`{"name":"Renamed","slug":%q}`, org.Slug)
	taken(v.do(t, http.MethodPatch, api.OrganizationPath("other"), patch, header("If-Match", other.ETag)))
	taken(v.do(t, http.MethodPost, api.PathOrganizations, `{"id":"others","name":"By its id","max_concurrent_seats":1}`))
	now := into[api.Organization](t, v.do(t, http.MethodGet, api.OrganizationPath("other"), nil), http.StatusOK)
	if now != other {
		t.Errorf("%+v, want %+v", now, other)
	}
	page := into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath("other"), nil), http.StatusOK)
	if len(page.Entries) != 1 {
		t.Errorf("%d acts", len(page.Entries))
	}
}
