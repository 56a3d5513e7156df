package functions_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
)

// TestBodiesThatAreRefused: each names the member at fault, and takes no seat.
func TestBodiesThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", 129)
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		ann := w.user(org, "ann")
		for _, tt := range []struct{ name, body, field string }{
			{"nothing", ``, ""},
			{"white space", " \n", ""},
			{"no object", `"hw"`, ""},
			{"a list", `[{"hardware_id":"hw"}]`, ""},
			{"null", `null`, ""},
			{"half an object", `{"hardware_id":"hw"`, ""},
			{"two objects", `{"hardware_id":"hw"}{"hardware_id":"hw"}`, ""},
			{"something after it", `{"hardware_id":"hw"} x`, ""},
			{"a comma too many", `{"hardware_id":"hw",}`, ""},
			{"a comment", `{"hardware_id":"hw"/**/}`, ""},
			{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf" + `{"hardware_id":"hw"}`, ""},
			{"not UTF-8", "{\"hardware_id\":\"hw\xff\"}", ""},
			{"half a character", `{"hardware_id":"hw\ud800"}`, ""},
			{"no hardware", `{}`, "hardware_id"},
			{"empty hardware", `{"hardware_id":""}`, "hardware_id"},
			{"hardware is null", `{"hardware_id":null}`, "hardware_id"},
			{"hardware of blanks", `{"hardware_id":"   "}`, "hardware_id"},
			{"hardware is a number", `{"hardware_id":1}`, "hardware_id"},
			{"hardware of 129", `{"hardware_id":"` + long + `"}`, "hardware_id"},
			{"hardware with a line", `{"hardware_id":"hw\n1"}`, "hardware_id"},
			{"hardware with a NUL", `{"hardware_id":"hw\u0000"}`, "hardware_id"},
			{"hardware with DEL", `{"hardware_id":"hw\u007f"}`, "hardware_id"},
			{"hardware beyond ASCII", `{"hardware_id":"höchst"}`, "hardware_id"},
			{"hardware twice", `{"hardware_id":"hw","hardware_id":"hw"}`, "hardware_id"},
			{"hardware in capitals", `{"hardware_id":"hw","Hardware_ID":"hw"}`, "Hardware_ID"},
			{"hardware with a long s", `{"hardware_id":"hw","inſtance_id":"1"}`, "inſtance_id"},
			{"instance of 129", `{"hardware_id":"hw","instance_id":"` + long + `"}`, "instance_id"},
			{"instance with a tab", `{"hardware_id":"hw","instance_id":"a\tb"}`, "instance_id"},
			{"license in capitals", `{"hardware_id":"hw","license_id":"PRO"}`, "license_id"},
			{"license with a slash", `{"hardware_id":"hw","license_id":"pro/x"}`, "license_id"},
			{"license with a line", `{"hardware_id":"hw","license_id":"pro\n"}`, "license_id"},
			{"license of 64", `{"hardware_id":"hw","license_id":"` + long[:64] + `"}`, "license_id"},
			{"product of 65", `{"hardware_id":"hw","product":"` + long[:65] + `"}`, "product"},
			{"product is a number", `{"hardware_id":"hw","product":0}`, "product"},
			{"client is text", `{"hardware_id":"hw","client":"studio"}`, "client"},
			{"client's name is a list", `{"hardware_id":"hw","client":{"name":[]}}`, "client.name"},
			{"client with more", `{"hardware_id":"hw","client":{"os":"linux"}}`, "client.os"},
			{"somebody else's organization", `{"hardware_id":"hw","organization_id":"acme"}`, "organization_id"},
			{"somebody else's user", `{"hardware_id":"hw","user_id":"bob"}`, "user_id"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				p := w.do(t, http.MethodPost, api.PathAcquire, ann.token, tt.body).refused(t, "invalid_request")
				if got := fields(t, p); !slices.Contains(got, tt.field) {
					t.Errorf("faults of %q, want one of %q: %v", got, tt.field, p["errors"])
				}
			})
		}
		if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
			t.Errorf("left behind %+v", got)
		}
	})
}

// fields are the members that a refusal finds fault with.
func fields(t *testing.T, p problem) []string {
	t.Helper()
	var errors []struct{ Field, Message string }
	b, err := json.Marshal(p["errors"])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &errors); err != nil || len(errors) == 0 {
		t.Fatalf("errors %s: %v", b, err)
	}
	var names []string
	for _, e := range errors {
		if e.Message == "" {
			t.Errorf("no message for %q", e.Field)
		}
		names = append(names, e.Field)
	}
	return names
}

// TestBodiesThatAreTaken: the bounds themselves are allowed.
func TestBodiesThatAreTaken(t *testing.T) {
	longest, all := strings.Repeat("x", 128), ""
	for c := ' '; c <= '~'; c++ {
		all += string(c)
	}
	all = "(" + all + ")" // blanks are kept inside
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 9)
		ann := w.user(org, "ann")
		for name, body := range map[string]map[string]any{
			"one character":   {"hardware_id": "~"},
			"128 characters":  {"hardware_id": longest, "instance_id": longest},
			"all of them":     {"hardware_id": all, "instance_id": all},
			"a full client":   {"hardware_id": "hw", "client": map[string]any{"name": longest, "version": "", "hostname": strings.Repeat("ü", 128)}},
			"an empty client": {"hardware_id": "hw-2", "client": map[string]any{}},
		} {
			a := w.do(t, http.MethodPost, api.PathAcquire, ann.token, body, func(r *http.Request) {
				r.Header.Set("Content-Type", "Application/JSON ; charset=\"UTF-8\"")
			})
			s := a.want(t, http.StatusCreated).session(t)
			if s.HardwareID != body["hardware_id"] || body["instance_id"] != nil && s.InstanceID != body["instance_id"] {
				t.Errorf("%s: came back as %q, %q", name, s.HardwareID, s.InstanceID)
			}
			if got := ann.beat(t, s.SessionID).session(t); got.HardwareID != s.HardwareID || got.InstanceID != s.InstanceID {
				t.Errorf("%s: a heartbeat says %q, %q", name, got.HardwareID, got.InstanceID)
			}
			if got := w.recorded(t, org, s.SessionID); got.HardwareID != s.HardwareID || got.InstanceID != s.InstanceID {
				t.Errorf("%s: recorded as %q, %q", name, got.HardwareID, got.InstanceID)
			}
		}
	})
}

// TestMethods: each path takes its own, and says which.
func TestMethods(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"}
	for path, allowed := range map[string][]string{
		api.PathAcquire:                    {"POST"},
		api.SessionPath(nobodysSession):    {"DELETE"},
		api.HeartbeatPath(nobodysSession):  {"PATCH", "POST"},
		api.ReleasePath(nobodysSession):    {"POST"},
		api.SessionPath("not-a-session"):   {"DELETE"},
		api.HeartbeatPath("not-a-session"): {"PATCH", "POST"},
		api.PathJWKS:                       {"GET", "HEAD"},
		api.PathOpenAPI:                    {"GET", "HEAD"},
		api.PathLive:                       {"GET", "HEAD"},
		api.PathReady:                      {"GET", "HEAD"},
		api.PathStartup:                    {"GET", "HEAD"},
		api.PathReap:                       {"POST"},
		api.RebuildPath("acme"):            {"POST"},
		api.CheckPath("acme"):              {"POST"},
		"/":                                {"POST"},
		api.PathMyLicenses:                 {"GET", "HEAD"},
		api.PathMySessions:                 {"GET", "HEAD"},
		api.PathAdminOverview:              {"GET", "HEAD"},
		api.PathAdminLicenses:              {"GET", "HEAD"},
		api.AdminLicensePath("acme-pro"):   {"GET", "HEAD"},
		api.PathAdminSessions:              {"GET", "HEAD"},
		api.PathAdminSessionsFind:          {"POST"},
		api.PathAdminEndAll:                {"POST"},
		api.PathAdminAudit:                 {"GET", "HEAD"},
		api.PathAdminUsers:                 {"GET", "HEAD", "POST"},
		api.PathAdminGroups:                {"GET", "HEAD"},
		api.PathAdminFind:                  {"POST"},
		api.PathAdminMachine:               {"POST"},
		api.AdminUserPath("u-1"):           {"GET", "HEAD", "PATCH", "DELETE"},
		api.AdminSignOutPath("u-1"):        {"POST"},
		api.AdminRotatePath("u-1"):         {"POST"},
		api.PathAdminUsage:                 {"GET", "HEAD"},
		api.PathAdminMetrics:               {"GET", "HEAD"},
	} {
		for _, method := range all {
			a := w.do(t, method, path, "", nil)
			if slices.Contains(allowed, method) {
				if a.status == http.StatusMethodNotAllowed || a.status == http.StatusInternalServerError {
					t.Errorf("%s %s: %d", method, path, a.status)
				}
				continue
			}
			if got := a.want(t, http.StatusMethodNotAllowed).header.Get("Allow"); got != strings.Join(allowed, ", ") {
				t.Errorf("%s %s: Allow %q", method, path, got)
			}
			if method != http.MethodHead {
				a.refused(t, "method_not_allowed")
			}
		}
	}
}

// TestPathsThatAreNot: other spellings of a path are other paths.
func TestPathsThatAreNot(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	ann := w.user(w.licensed(t, 1), "ann")
	for _, path := range []string{
		"/favicon.ico", "/api", "/api/v1/licenses/", "/api/v1/licenses/Acquire", "/API/v1/licenses/acquire", "/api/v1/licenses/acquire/",
		"/api/v1/licenses/%61cquire", "/api/v2/licenses/acquire", "/api/v1/licenses/sessions/",
		"/api/v1/admin", "/api/v1/admin/", "/api/v1/admin/sessions:end", "/api/v1/admin/sessions:end-all/", "/api/v1/admin/organizations/acme/sessions",
		"/api/v1/licenses/sessions/" + nobodysSession + "/", "/api/v1/licenses/sessions/" + nobodysSession + "/heartbeat/",
		"/api/v1/licenses/sessions/" + nobodysSession + "/heartbeat/x", "/api/v1/licenses/sessions/a/b/heartbeat",
		"/Acquire", "/internal/v1", "/internal/v1/reap/", "/.well-known/", "/.well-known/jwks", "/openapi.yaml", "/live/", "/livez", "/metrics", "/debug/pprof/",
		"//api/v1/licenses/acquire", "/api//v1/licenses/acquire", "/api/v1/licenses/acquire//", "/api/v1/../v1/licenses/acquire", "/./live", "/x/../live", "//", "/..", "//live",
		"/api/v1/licenses/acquire;x", "/api/v1/licenses%2Facquire", "/api/v1/licenses/acquire%00", "/live%20", "/%2e%2e/live", "/dev", "/dev/", "/dev/nothing", "/dev//token",
		"/api/v1/licenses/sessions/" + nobodysSession + "/release/", "/api/v1/licenses/sessions//release",
	} {
		for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodGet} {
			w.do(t, method, path, ann.token, nil).refused(t, "not_found")
		}
	}
}

// TestTheRequestID is ours, whatever comes with the request.
func TestTheRequestID(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	with := func(name, value string) answer {
		return w.do(t, http.MethodGet, "/nowhere", "", nil, func(r *http.Request) { r.Header.Set(name, value) })
	}
	seen := map[string]bool{trace: true}
	for _, a := range []answer{
		with("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01"), with("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01"), with("X-Request-Id", "mine"),
		with("Traceparent", "00-zz-1-01"), with("Traceparent", "<script>"),
	} {
		id := a.header.Get("X-Request-Id")
		if a.refused(t, "not_found"); id == "mine" || seen[id] || len(id) < 32 || strings.ContainsAny(id, "<>") {
			t.Errorf("X-Request-Id %q", id)
		}
		seen[id] = true
	}
}

// TestOpenAPI is served as the copy in the tree says, to anyone.
func TestOpenAPI(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	a := w.do(t, http.MethodGet, api.PathOpenAPI, "", nil).want(t, http.StatusOK)
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(a.body, &document); err != nil || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v, %v", err, a.header)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", document.OpenAPI)
	}
	for path, method := range map[string]string{
		api.PathAcquire: "post", api.PathHeartbeat: "patch", api.PathSession: "delete", api.PathJWKS: "get",
		api.PathRelease: "post", api.PathOpenAPI: "get", api.PathReap: "post", api.PathLive: "get", api.PathReady: "get", api.PathStartup: "get",
		api.PathRebuild: "post", api.PathCheck: "post",
	} {
		if document.Paths[path][method] == nil {
			t.Errorf("%s %s is not documented", method, path)
		}
	}
}
