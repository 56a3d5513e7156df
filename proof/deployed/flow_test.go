package deployed

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

// fleet is the seven functions as they are deployed: a process each.
type fleet struct {
	*cloud
	acquire, heartbeat, release, reaper, control, admin *process
}

func (c *cloud) fleet(changes ...string) *fleet {
	return &fleet{
		cloud: c, acquire: c.start("Acquire", changes...), heartbeat: c.start("Heartbeat", changes...),
		release: c.start("Release", changes...), reaper: c.start("Reaper", changes...), control: c.start("Control", changes...),
		admin: c.start("Admin", changes...),
	}
}

func (f *fleet) all() []*process {
	return []*process{f.acquire, f.heartbeat, f.release, f.reaper, f.control, f.admin}
}

// TestFleet runs as on Cloud Run: K_SERVICE is set, Firestore is reached under
// Google's name with the service account's credentials.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := newCloud(t).fleet()
	t.Run("probes", f.probes)
	t.Run("routes", f.routes)
	t.Run("a session's life", f.life)
	t.Run("refusals", f.refusals)
	t.Run("scheduler", f.scheduler)
	t.Run("vendor", f.vendor)
	t.Run("organizations", f.organizations)
	t.Run("log", f.log)
}

func (f *fleet) probes(t *testing.T) {
	for target, want := range map[*process]string{
		f.acquire: "firestore kms redis", f.heartbeat: "firestore kms redis", f.release: "firestore redis", f.reaper: "firestore kms redis",
		f.control: "firestore redis", f.admin: "firestore redis",
	} {
		client := newClient(t)
		live := must(call(client, http.MethodGet, target.base+api.PathLive, "", ""))(t)
		if got := read[api.Health](t, live, http.StatusOK); got.Status != api.HealthOK {
			t.Errorf("%s is %+v", target.target, got)
		}
		target.awaitReadiness(t)
		ready := must(call(client, http.MethodGet, target.base+api.PathReady, "", ""))(t)
		health := read[api.Health](t, ready, http.StatusOK)
		for _, check := range strings.Fields(want) {
			if health.Checks[check] != api.HealthOK {
				t.Errorf("%s: check %s is %q", target.target, check, health.Checks[check])
			}
		}
		if len(health.Checks) != len(strings.Fields(want)) {
			t.Errorf("%s checks %v, want %s", target.target, health.Checks, want)
		}
	}
}

// routes: each process serves its own function's paths and no other's.
func (f *fleet) routes(t *testing.T) {
	const session = "01993f5a-6c00-7000-8000-000000000001"
	client := newClient(t)
	for _, path := range []struct {
		method, path string
		owner        *process
		own          int // its status without a token
	}{
		{http.MethodPost, api.PathAcquire, f.acquire, 401},
		{http.MethodGet, api.PathJWKS, f.acquire, 200},
		{http.MethodGet, api.PathOpenAPI, f.acquire, 200},
		{http.MethodPatch, api.HeartbeatPath(session), f.heartbeat, 401},
		{http.MethodDelete, api.SessionPath(session), f.release, 401},
		{http.MethodPost, api.PathReap, f.reaper, 401},
		{http.MethodPost, "/", f.reaper, 401},
		{http.MethodGet, api.PathOrganizations, f.control, 401},
		{http.MethodPost, api.LicensesPath("acme"), f.control, 401},
		{http.MethodGet, pathMyLicenses, f.admin, 401},
		{http.MethodGet, pathMySessions, f.admin, 401},
		{http.MethodGet, pathAdminSessions, f.admin, 401},
		{http.MethodDelete, pathAdminSessions + "/" + session, f.admin, 401},
		{http.MethodGet, "/api/v1/admin", nil, 0},
		{http.MethodGet, "/Acquire", nil, 0},
		{http.MethodPost, "/Reaper", nil, 0},
		{http.MethodGet, "/favicon.ico", nil, 0},
		{http.MethodPost, api.PathAcquire + "/", nil, 0},
		{http.MethodPost, "/api/v1/licenses%2Facquire", nil, 0},
		{http.MethodGet, "/debug/pprof/", nil, 0},
		{http.MethodPost, "/dev/token", nil, 0},
		{http.MethodGet, "/metrics", nil, 0},
	} {
		for _, p := range f.all() {
			r := must(call(client, path.method, p.base+path.path, "", ""))(t)
			if p == path.owner {
				if r.status != path.own {
					t.Errorf("%s %s at %s: %d, want %d", path.method, path.path, p.target, r.status, path.own)
				}
				continue
			}
			refused(t, r, api.NotFound)
		}
	}
	wrong := must(call(client, http.MethodGet, f.acquire.base+api.PathAcquire, "", ""))(t)
	refused(t, wrong, api.MethodNotAllowed)
	if got := wrong.header.Get("Allow"); got != http.MethodPost {
		t.Errorf("Allow: %q", got)
	}
}

// life is one session across the processes.
func (f *fleet) life(t *testing.T) {
	f.organization("acme", 2)
	ann, bob, eve := f.user(t, "ann", "acme"), f.user(t, "bob", "acme"), f.user(t, "eve", "acme")
	first := ann.acquire(f.acquire, "hardware-of-ann", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	session := ann.session(first, http.StatusCreated)
	if got := first.header.Get("Location"); got != api.SessionPath(session.SessionID) {
		t.Errorf("Location: %s", got)
	}
	if got := first.header.Get("X-Request-Id"); got == "" || got == "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("X-Request-Id: %s", got)
	}
	if got := first.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
	if f.active("acme") != 1 {
		t.Error("the session is not in the record")
	}
	verified(t, keySet(t, ann.client, f.acquire), session)

	again := ann.session(ann.acquire(f.acquire, "hardware-of-ann"), http.StatusOK)
	if again.SessionID != session.SessionID {
		t.Errorf("acquired again: another session, %s", again.SessionID)
	}
	beat := ann.session(ann.heartbeat(f.heartbeat, session.SessionID, ""), http.StatusOK)
	if beat.ExpiresAt.Before(session.ExpiresAt.Time) {
		t.Errorf("heartbeat: %+v after %+v", beat, session)
	}
	// What one process signs, the keys of another verify.
	verified(t, keySet(t, ann.client, f.acquire), beat)

	bob.session(bob.acquire(f.acquire, "hardware-of-bob"), http.StatusCreated)
	full := eve.acquire(f.acquire, "hardware-of-eve")
	refused(t, full, api.NoSeatsAvailable)
	if seconds, err := strconv.Atoi(full.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 360 {
		t.Errorf("Retry-After: %q", full.header.Get("Retry-After"))
	}
	refused(t, eve.heartbeat(f.heartbeat, session.SessionID, ""), api.SessionNotFound)
	refused(t, eve.release(f.release, session.SessionID), api.SessionNotFound)
	for range 2 {
		if r := ann.release(f.release, session.SessionID); r.status != http.StatusNoContent || len(r.body) > 0 {
			t.Errorf("release: %d %s", r.status, r.body)
		}
	}
	if p := refused(t, ann.heartbeat(f.heartbeat, session.SessionID, ""), api.SessionEnded); p.Reason == nil || *p.Reason != "released" {
		t.Errorf("ended because of %v", p.Reason)
	}
	eve.session(eve.acquire(f.acquire, "hardware-of-eve"), http.StatusCreated)
}

// refusals: what was not signed by Identity Platform for this project gets nothing.
func (f *fleet) refusals(t *testing.T) {
	f.organization("secure", 1)
	stranger := must(fakeidp.New(fakeidp.Config{ProjectID: f.project, Stranger: true}))(t)
	good := fakeidp.Claims{UserID: "mallory", TenantID: "secure"}
	parts := strings.Split(f.idp.IDToken(good), ".")
	altered := func(override, header map[string]any) string {
		c := good
		c.Override, c.Header = override, header
		return f.idp.IDToken(c)
	}
	client := newClient(t)
	for name, token := range map[string]string{
		"none":            "",
		"unsigned":        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
		"no signature":    parts[0] + "." + parts[1] + ".",
		"foreign key":     stranger.IDToken(good),
		"other project":   altered(map[string]any{"aud": "other", "iss": "https://securetoken.google.com/other"}, nil),
		"expired":         altered(map[string]any{"iat": 1, "auth_time": 1, "exp": 2}, nil),
		"unknown key":     altered(nil, map[string]any{"kid": "0"}),
		"no key":          altered(nil, map[string]any{"kid": nil}),
		"scheduler's own": f.idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: f.project, Email: scheduler}),
		"not a token":     "letmein",
	} {
		f.keep(token)
		for _, at := range []struct {
			p            *process
			method, path string
		}{
			{f.acquire, http.MethodPost, api.PathAcquire},
			{f.heartbeat, http.MethodPatch, api.HeartbeatPath("01993f5a-6c00-7000-8000-000000000001")},
			{f.release, http.MethodDelete, api.SessionPath("01993f5a-6c00-7000-8000-000000000001")},
			{f.reaper, http.MethodPost, "/"},
			{f.control, http.MethodGet, api.PathOrganizations},
			{f.admin, http.MethodGet, pathMyLicenses},
			{f.admin, http.MethodGet, pathAdminSessions},
		} {
			r := must(call(client, at.method, at.p.base+at.path, token, ""))(t)
			if r.status != http.StatusUnauthorized || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s at %s: %d %s", name, at.p.target, r.status, r.body)
			}
		}
	}
	nobody := &user{t: t, c: f.cloud, client: client, token: f.idToken("nobody", "")}
	refused(t, nobody.acquire(f.acquire, "hardware-of-nobody"), api.TenantMissing)
	if f.active("secure") != 0 {
		t.Error("somebody got a seat")
	}
}

// scheduler: both of the reaper's paths, for both of its audiences.
func (f *fleet) scheduler(t *testing.T) {
	client := newClient(t)
	reap := func(path, token string) reply {
		return must(call(client, http.MethodPost, f.reaper.base+path, token, ""))(t)
	}
	for _, path := range []string{"/", api.PathReap} {
		for _, to := range []string{audience, olderAudience} {
			report := read[api.ReapReport](t, reap(path, f.schedulerToken(to, scheduler)), http.StatusOK)
			if report.More || report.SessionsReaped != 0 {
				t.Errorf("%s for %s: %+v", path, to, report)
			}
		}
		refused(t, reap(path, f.schedulerToken("https://elsewhere.example.com/", scheduler)), api.Unauthenticated)
		refused(t, reap(path, f.schedulerToken(audience, "other@test.iam.gserviceaccount.com")), api.Forbidden)
		refused(t, reap(path, f.idToken("ann", "acme")), api.Unauthenticated)
	}
}

// vendor: what one of the staff sells, a program of the customer's uses; nobody else
// sells. Whoever may call is known by the address in a token for this door.
func (f *fleet) vendor(t *testing.T) {
	client := newClient(t)
	ask := func(token, method, path, body string) reply {
		return must(call(client, method, f.control.base+path, token, body))(t)
	}
	for _, tt := range []struct {
		token string
		code  api.Code
	}{
		{"", api.Unauthenticated},
		{f.schedulerToken(audience, f.keep(seller)), api.Unauthenticated},
		{f.idToken("ann", "sold"), api.Unauthenticated},
		{f.schedulerToken(doorAudience, scheduler), api.Forbidden},
		{f.schedulerToken(doorAudience, f.keep("bob@staff.example.com")), api.Forbidden}, // the domain's administrator made no such account
	} {
		refused(t, ask(tt.token, http.MethodGet, api.PathOrganizations, ""), tt.code)
		refused(t, ask(tt.token, http.MethodPost, api.PathOrganizations, `{"id":"sold","name":"Sold","max_concurrent_seats":1}`), tt.code)
	}
	staff := f.schedulerToken(doorAudience, seller)
	read[api.Organization](t, ask(staff, http.MethodPost, api.PathOrganizations, `{"id":"sold","name":"Sold","max_concurrent_seats":1}`), http.StatusCreated)
	pro := read[api.License](t, ask(staff, http.MethodPost, api.LicensesPath("sold"),
		`{"id":"pro","product":"`+product+`","max_seats":1,"expires_at":"never"}`), http.StatusCreated)
	ann := f.user(t, "ann", "sold")
	ann.session(ann.acquire(f.acquire, "hardware-of-anns-other"), http.StatusCreated)

	gone := must(call(client, http.MethodDelete, f.control.base+api.LicensePath("sold", "pro"), staff, "", api.HeaderIfMatch, pro.ETag))(t)
	if gone.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", gone.status, gone.body)
	}
	told := read[api.AuditList](t, ask(staff, http.MethodGet, api.AuditPath("sold"), ""), http.StatusOK)
	if len(told.Entries) != 3 {
		t.Errorf("the audit has %+v, want three entries", told.Entries)
	}
	for _, e := range told.Entries {
		if e.Actor != seller {
			t.Errorf("%s was done by %q", e.Action, e.Actor)
		}
	}
}

// log: the request with a traceparent names that trace in the line about it, and
// has an id of its own.
// What every line must be, and must not hold, is judged when the process ends.
func (f *fleet) log(t *testing.T) {
	lines := must(logLines(f.acquire.stdout.String()))(t)
	found := false
	for _, line := range lines {
		if line["linked_trace"] != "0af7651916cd43dd8448eb211c80319c" {
			continue
		}
		found = true
		if line["request_id"] == line["linked_trace"] || line["user_digest"] == nil || line["organization_id"] != "acme" || line["message"] != "acquire 201" {
			t.Errorf("line %v", line)
		}
	}
	if !found {
		t.Errorf("no line of the trace in\n%s", &f.acquire.stdout)
	}
}
