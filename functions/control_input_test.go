package functions_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

// TestBadInputToTheVendor: everything that is wrong has its field, and nothing is written.
func TestBadInputToTheVendor(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	ann := v.w.user(org.ID, "ann")
	held := ann.take(t, "hw").SessionID
	licenses, one, match := api.LicensesPath(org.ID), api.LicensePath(org.ID, "pro"), header("If-Match", lic.ETag)
	for name, tt := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		fields             string
	}{
		"nothing of a license":   {http.MethodPost, licenses, `{}`, nil, "expires_at id max_seats product"},
		"nothing to be counted":  {http.MethodPost, api.PathOrganizations, `{}`, nil, "id max_concurrent_seats name"},
		"all of it wrong":        {http.MethodPost, api.PathOrganizations, `{"id":"A","name":" ","max_concurrent_seats":-1,"status":"x"}`, nil, "id name max_concurrent_seats status"},
		"an id with a slash":     {http.MethodPost, licenses, `{"id":"a/b","product":"p","max_seats":1,"expires_at":"never"}`, nil, "id"},
		"an end that is none":    {http.MethodPost, licenses, `{"id":"a","product":"p","max_seats":1,"expires_at":"tomorrow"}`, nil, "expires_at"},
		"an end and more":        {http.MethodPost, licenses, `{"id":"a","product":"","max_seats":-1,"expires_at":"2030-02-30T00:00:00Z"}`, nil, "product max_seats expires_at"},
		"an unknown member":      {http.MethodPost, licenses, `{"id":"a","product":"p","max_seats":1,"expires_at":"never","seats":1}`, nil, "seats"},
		"another type":           {http.MethodPatch, one, `{"max_seats":"2"}`, match, "max_seats"},
		"too many seats":         {http.MethodPatch, one, `{"max_seats":1000001}`, match, "max_seats"},
		"seconds past all times": {http.MethodPatch, one, `{"grace_seconds":9223372036854775807}`, match, "grace_seconds"},
		"entitlements twice":     {http.MethodPatch, one, `{"entitlements":["a","a"]}`, match, "entitlements.1"},
		"a dry run mistyped":     {http.MethodPatch, one + "?dry_run=yes", `{"max_seats":2}`, match, "dry_run"},
		"a dry run malformed":    {http.MethodPatch, one + "?dry_run=true%", `{"max_seats":2}`, match, "query"},
		"a dry run and more":     {http.MethodDelete, one + "?dry_run=true;x", "", match, "query"},
		"a dry run misspelled":   {http.MethodPost, licenses + "?dry-run=true", `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`, nil, "dry-run"},
		"a dry run twice":        {http.MethodPatch, one + "?dry_run=true&dry_run=false", `{"max_seats":2}`, match, "dry_run"},
		"two revisions":          {http.MethodPatch, one, `{"max_seats":2}`, func(r *http.Request) { match(r); match(r) }, "If-Match"},
		"a key with a blank":     {http.MethodPost, licenses, `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`, header("Idempotency-Key", "a b"), "Idempotency-Key"},
		"a key without end":      {http.MethodPost, licenses, `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`, header("Idempotency-Key", strings.Repeat("a", 256)), "Idempotency-Key"},
		"no limit":               {http.MethodGet, licenses + "?limit=0", "", nil, "limit"},
		"a limit too high":       {http.MethodGet, licenses + "?limit=201", "", nil, "limit"},
		"a position made up":     {http.MethodGet, licenses + "?after=a/b", "", nil, "after"},
		"another position":       {http.MethodGet, api.PathOrganizations + "?after=..", "", nil, "after"},
		"days that are none":     {http.MethodGet, api.UsagePath(org.ID) + "?from=today&to=2026-02-30&step=week", "", nil, "to from step"},
		"a day after the next":   {http.MethodGet, api.DenialsPath(org.ID) + "?from=2026-11-02&to=2026-11-02", "", nil, "to"},
		"too many days of all":   {http.MethodGet, api.UsagePath(org.ID) + "?from=2026-11-01&to=2026-11-16", "", nil, "from"},
		"too many days of one":   {http.MethodGet, api.UsagePath(org.ID) + "?from=2026-08-01&to=2026-11-16&license=pro", "", nil, "from"},
		"a license twice":        {http.MethodGet, api.DenialsPath(org.ID) + "?license=pro&license=lab", "", nil, "license"},
		"a license with a slash": {http.MethodGet, api.DenialsPath(org.ID) + "?license=a/b", "", nil, "license"},
		"before all years":       {http.MethodGet, api.UsagePath(org.ID) + "?to=0000-01-01", "", nil, "to"},
		"after all years":        {http.MethodGet, api.UsagePath(org.ID) + "?from=9999-12-31&to=9999-12-31T23:30:00-01:00", "", nil, "to"},
		"before all, in UTC":     {http.MethodGet, api.DenialsPath(org.ID) + "?from=0001-01-01T00:30:00%2B01:00&to=0001-01-02", "", nil, "to from"},
		"the year ten thousand":  {http.MethodGet, api.DenialsPath(org.ID) + "?to=10000-01-01", "", nil, "to"},
		"a step misspelled":      {http.MethodGet, api.UsagePath(org.ID) + "?steps=day", "", nil, "steps"},
		"by what there is not":   {http.MethodGet, api.UsagePath(org.ID) + "?by=share", "", nil, "by"},
		"steps of users":         {http.MethodGet, api.UsagePath(org.ID) + "?by=user&step=day", "", nil, "step"},
		"by two":                 {http.MethodGet, api.UsagePath(org.ID) + "?by=user&by=project", "", nil, "by"},
		"denials by user":        {http.MethodGet, api.DenialsPath(org.ID) + "?by=user", "", nil, "by"},
		"denials by project":     {http.MethodGet, api.DenialsPath(org.ID) + "?by=project", "", nil, "by"},
		"denials by what is not": {http.MethodGet, api.DenialsPath(org.ID) + "?by=share", "", nil, "by"},
		"denials by user, steps": {http.MethodGet, api.DenialsPath(org.ID) + "?by=user&step=hour", "", nil, "by"},
		"users of a slash":       {http.MethodGet, api.UsagePath(org.ID) + "?by=user&license=a/b", "", nil, "license"},
		"before what is kept":    {http.MethodGet, api.UsagePath(org.ID) + "?by=user&from=2020-01-01&to=2020-01-02", "", nil, "from"},
		"too many days of users": {http.MethodGet, api.UsagePath(org.ID) + "?by=user&from=2026-08-01&to=2026-11-16", "", nil, "from"},
		"a project and a user":   {http.MethodGet, api.SessionsPath(org.ID) + "?project=a&user=b", "", nil, "project"},
		"a project and more":     {http.MethodGet, api.SessionsPath(org.ID) + "?project=a&license=b", "", nil, "project"},
		"a project twice":        {http.MethodGet, api.SessionsPath(org.ID) + "?project=a&project=b", "", nil, "project"},
		"an entry made up":       {http.MethodGet, api.AuditPath(org.ID) + "?after=x", "", nil, "after"},
		"a session made up":      {http.MethodGet, api.SessionsPath(org.ID) + "?after=" + nobodysSession, "", nil, "after"},
		"a filter misspelled":    {http.MethodGet, api.SessionsPath(org.ID) + "?licence=pro", "", nil, "licence"},
		"a filter malformed":     {http.MethodGet, api.SessionsPath(org.ID) + "?user=a%", "", nil, "query"},
		"a filter twice":         {http.MethodGet, api.SessionsPath(org.ID) + "?user=a&user=b", "", nil, "user"},
		"no limit of sessions":   {http.MethodGet, api.SessionsPath(org.ID) + "?limit=x", "", nil, "limit"},
		"a dry run of an end":    {http.MethodDelete, api.SessionOfPath(org.ID, held) + "?dry_run=1", "", nil, "dry_run"},
		"an end misspelled":      {http.MethodDelete, api.SessionOfPath(org.ID, held) + "?dryrun=true", "", nil, "dryrun"},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		if tt.change == nil {
			tt.change = func(*http.Request) {}
		}
		p := v.do(t, tt.method, tt.path, body, tt.change).refused(t, "invalid_request")
		var fields []string
		for _, e := range p["errors"].([]any) { //nolint:forcetypeassert // a failed test
			fields = append(fields, e.(map[string]any)["field"].(string)) //nolint:forcetypeassert // a failed test
		}
		if got := strings.Join(fields, " "); got != tt.fields {
			t.Errorf("%s: %s, want %s", name, got, tt.fields)
		}
	}
	page := into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org.ID), nil), http.StatusOK)
	if len(page.Entries) != 2 {
		t.Errorf("%d acts", len(page.Entries))
	}
	ann.beat(t, held).want(t, http.StatusOK)
}

// TestALicenseIsJudgedBeforeItsOrganizationIsThere: a program tries all of what it is about
// to make, before it makes any.
func TestALicenseIsJudgedBeforeItsOrganizationIsThere(t *testing.T) {
	v := control(t)
	path := api.LicensesPath("nowhere") + "?dry_run=true"
	p := v.do(t, http.MethodPost, path, `{"id":"a","product":"","max_seats":-1,"expires_at":"never"}`).refused(t, "invalid_request")
	if got := len(p["errors"].([]any)); got != 2 { //nolint:forcetypeassert // a failed test
		t.Errorf("%d faults: %v", got, p)
	}
	v.do(t, http.MethodPost, path, `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`).refused(t, "organization_not_found")
}

// TestChangesNameWhatTheyChange: without a revision, and with one that is none.
func TestChangesNameWhatTheyChange(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	for _, path := range []string{api.OrganizationPath(org.ID), api.LicensePath(org.ID, "pro")} {
		v.do(t, http.MethodPatch, path, `{"status":"suspended"}`).refused(t, "precondition_required")
		for _, tag := range []string{"*", "x", `"`, `""`, `W/` + lic.ETag, lic.ETag + "," + lic.ETag, strings.Trim(lic.ETag, `"`)} {
			v.do(t, http.MethodPatch, path, `{"status":"suspended"}`, header("If-Match", tag)).refused(t, "precondition_failed")
		}
	}
	v.do(t, http.MethodDelete, api.LicensePath(org.ID, "pro"), nil).refused(t, "precondition_required")
}

// TestWhoMayUseTheVendorsDoor: Google accounts of the vendor's domain alone, and
// they have no other door.
func TestWhoMayUseTheVendorsDoor(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	stranger := v.w.stack.IDP.SchedulerToken(fakeidp.SchedulerClaims{
		Audience: "http://localhost/control", Email: "bob@evil.example", Override: map[string]any{"hd": "evil.example"},
	})
	owner := v.w.userAs(org.ID, "ann", "owner").token
	for _, path := range []struct{ method, path, body string }{
		{http.MethodGet, api.PathOrganizations, ""},
		{http.MethodPost, api.PathOrganizations, `{}`},
		{http.MethodGet, api.OrganizationPath(org.ID), ""},
		{http.MethodPatch, api.OrganizationPath(org.ID), `{}`},
		{http.MethodGet, api.LicensesPath(org.ID), ""},
		{http.MethodPost, api.LicensesPath(org.ID), `{}`},
		{http.MethodGet, api.LicensePath(org.ID, "pro"), ""},
		{http.MethodPatch, api.LicensePath(org.ID, "pro"), `{}`},
		{http.MethodDelete, api.LicensePath(org.ID, "pro"), ""},
		{http.MethodGet, api.AuditPath(org.ID), ""},
		{http.MethodGet, api.UsagePath(org.ID), ""},
		{http.MethodGet, api.DenialsPath(org.ID), ""},
		{http.MethodGet, api.SessionsPath(org.ID), ""},
		{http.MethodPost, api.SessionsFindPath(org.ID), `{}`},
		{http.MethodGet, api.GroupsPath(org.ID), ""},
		{http.MethodGet, api.SessionOfPath(org.ID, nobodysSession), ""},
		{http.MethodDelete, api.SessionOfPath(org.ID, nobodysSession), ""},
	} {
		for token, code := range map[string]string{"": "unauthenticated", owner: "unauthenticated", v.w.stack.SchedulerToken(): "unauthenticated", stranger: "forbidden"} {
			var body any
			if path.body != "" {
				body = path.body
			}
			v.w.do(t, path.method, path.path, token, body, header("If-Match", lic.ETag)).refused(t, code)
		}
		v.do(t, path.method, path.path, nil, header("X-Serverless-Authorization", "Bearer x")).refused(t, "unauthenticated")
	}
	v.do(t, http.MethodPost, api.PathAcquire, `{"hardware_id":"hw"}`).refused(t, "unauthenticated")
	v.do(t, http.MethodPost, api.PathReap, nil).refused(t, "unauthenticated")
}

// TestWhatIsNotThereForTheVendor: unknown, malformed and another organization's ids.
func TestWhatIsNotThereForTheVendor(t *testing.T) {
	v := control(t)
	org, lic := v.sold(t)
	match := header("If-Match", lic.ETag)
	for _, id := range []string{"nowhere", "A", "a_b", "%2e%2e", strings.Repeat("a", 64)} {
		v.do(t, http.MethodGet, api.OrganizationPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.LicensesPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.AuditPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.UsagePath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.DenialsPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.SessionsPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodPost, api.SessionsFindPath(id), `{}`).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.GroupsPath(id), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodPatch, api.OrganizationPath(id), `{}`, match).refused(t, "organization_not_found")
	}
	for _, id := range []string{"acme-pro", "nowhere", "A"} {
		v.do(t, http.MethodGet, api.LicensePath(org.ID, id), nil).refused(t, "license_not_found")
		v.do(t, http.MethodPatch, api.LicensePath(org.ID, id), `{}`, match).refused(t, "license_not_found")
		v.do(t, http.MethodDelete, api.LicensePath(org.ID, id), nil, match).refused(t, "license_not_found")
	}
	v.do(t, http.MethodPost, api.LicensesPath("nowhere"), `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`).refused(t, "organization_not_found")
}
