package functions_test

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// samples are the lines of metrics without what describes them.
func (u user) samples(t *testing.T) []string {
	t.Helper()
	a := u.get(t, api.PathAdminMetrics).want(t, http.StatusOK)
	if got := a.header.Get("Content-Type"); got != "application/openmetrics-text; version=1.0.0; charset=utf-8" {
		t.Errorf("Content-Type %s", got)
	}
	lines := strings.Split(strings.TrimSuffix(string(a.body), "\n"), "\n")
	if lines[len(lines)-1] != "# EOF" {
		t.Errorf("it does not end:\n%s", a.body)
	}
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") })
}

// TestMetrics tell of every license of the organization, and of nobody.
func TestMetrics(t *testing.T) {
	w, redis := longDay(t)
	org, other := w.licensed(t, 2), w.licensed(t, 2)
	ends := redis.Now().Add(time.Hour).Truncate(time.Second)
	w.putLicense(t, org, "lab", map[string]any{"product": "lab", "max_seats": 1, "expires_at": ends})
	w.putLicense(t, other, "secret", map[string]any{"product": "secret", "max_seats": 1})
	for range 2 { // the index is made
		w.reap(t)
	}
	ann := w.user(org, "ann")
	for _, machine := range []string{"secret-1", "secret-2"} {
		ann.take(t, machine, map[string]any{"license_id": "pro", "client": map[string]any{"name": "secret", "project": "secret"}})
	}
	ann.acquire(t, "secret-3", map[string]any{"license_id": "pro"}).refused(t, "no_seats_available")
	redis.Advance(time.Minute)
	w.reap(t)
	w.putLicense(t, org, "pro", map[string]any{"product": "studio", "max_seats": 1})
	redis.Advance(time.Minute)
	farm := w.userAs(org, "farm", license.RoleMetrics)
	midnight := redis.Now().UTC().Truncate(24 * time.Hour).Unix()
	want := []string{
		`license_seats_used{license="lab"} 0`, `license_seats_used{license="pro"} 2`,
		`license_seats_max{license="lab"} 1`, `license_seats_max{license="pro"} 1`,
		`license_seats_over{license="lab"} 0`, `license_seats_over{license="pro"} 1`,
		`license_seats_peak_today{license="lab"} 0`, `license_seats_peak_today{license="pro"} 2`,
		`license_expires_timestamp_seconds{license="lab"} ` + strconv.FormatInt(ends.Unix(), 10),
		`license_denials_total{license="lab"} 0`, `license_denials_created{license="lab"} ` + strconv.FormatInt(midnight, 10),
		`license_denials_total{license="pro"} 1`, `license_denials_created{license="pro"} ` + strconv.FormatInt(midnight, 10),
	}
	for _, who := range []user{farm, w.boss(org), w.userAs(org, "chief", license.RoleOwner)} {
		if got := who.samples(t); !slices.Equal(got, want) {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
	if got := w.userAs(other, "farm", license.RoleMetrics).samples(t); !slices.Contains(got, `license_seats_used{license="secret"} 0`) || !slices.Contains(got, `license_seats_used{license="pro"} 0`) {
		t.Errorf("%q", got)
	}
	if a := farm.get(t, api.PathAdminMetrics); strings.Contains(string(a.body), "secret") || strings.Contains(string(a.body), "ann") {
		t.Errorf("%s", a.body)
	}
	for query, field := range map[string]string{"?license=pro": "license", "?organization=" + other: "organization"} {
		if got := fields(t, farm.get(t, api.PathAdminMetrics+query).refused(t, "invalid_request")); !slices.Equal(got, []string{field}) {
			t.Errorf("%s: %q", query, got)
		}
	}

	w.outage.begin(recordtest.Outage(nil), "Usage")
	if got := farm.samples(t); !slices.Equal(got, slices.Concat(want[:6], want[8:9])) {
		t.Errorf("without the record: %q", got)
	}
	w.outage.end()
	redis.Lose()
	if got := farm.samples(t); !slices.Equal(got, slices.Concat(want[2:4], want[6:])) {
		t.Errorf("without the ledger: %q", got)
	}
}

// TestAMachineThatReadsMetricsMayDoNothingElse: every operation that any user may ask for is
// refused to it, before anything is looked for.
func TestAMachineThatReadsMetricsMayDoNothingElse(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	farm := w.userAs(org, "farm", license.RoleMetrics)
	before, asked := w.state(t, org), 0
	for id, op := range operations(documented()) {
		users := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s["idToken"]; return ok })
		if !users || id == "adminMetrics" {
			continue
		}
		asked++
		path := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllStringFunc(op.Path, func(name string) string {
			return map[string]string{"{session_id}": nobodysSession, "{delivery}": "1795435201000000-0-3b5d5c3712955042212316173ccf37be"}[name]
		})
		path = strings.NewReplacer("//", "/pro/", "/:", "/pro:").Replace(path)
		if strings.HasSuffix(path, "/") {
			path += "pro"
		}
		var body any
		if op.RequestBody != nil {
			body = `{"hardware_id":"hw"}`
		}
		w.do(t, op.Method, path, farm.token, body).refused(t, "forbidden")
	}
	if asked < 30 {
		t.Errorf("only %d operations are of users", asked)
	}
	w.wantState(t, org, before)
}

// TestMachinesOfTheRoleMetrics are made by owners and admins, and sign in by their token with
// that role. No person has it, and only owners make of a member what reads metrics.
func TestMachinesOfTheRoleMetrics(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org, v := w.licensed(t, 9), w.vendor()
	admin := w.titled(t, org, "boss", license.RoleAdmin)
	made := into[api.UserMachine](t, w.do(t, http.MethodPost, api.PathAdminMachine, admin.token, `{"name":"scraper","role":"metrics"}`), http.StatusCreated)
	if made.User.Role != "metrics" || !made.User.Machine || made.RefreshToken == "" {
		t.Errorf("%+v", made.User)
	}
	for _, role := range []string{"admin", "owner", "service", "x"} {
		for path, token := range map[string]string{api.PathAdminMachine: w.titled(t, org, "chief-"+role, license.RoleOwner).token, api.UsersMachinePath(org): v.token} {
			if got := fields(t, w.do(t, http.MethodPost, path, token, `{"name":"scraper","role":"`+role+`"}`).refused(t, "invalid_request")); !slices.Equal(got, []string{"role"}) {
				t.Errorf("%s: %q", role, got)
			}
		}
	}
	person := v.invite(t, org, "ann", "member")
	if got := fields(t, v.changeUser(t, person, `{"role":"metrics"}`).refused(t, "invalid_request")); !slices.Equal(got, []string{"role"}) {
		t.Errorf("%q", got)
	}
	farm := v.machine(t, org, "farm").User
	if a := admin.change(t, farm, `{"role":"metrics"}`); a.status != http.StatusForbidden {
		t.Errorf("%d %s", a.status, a.body)
	}
	changed := into[api.User](t, w.titled(t, org, "chief", license.RoleOwner).change(t, farm, `{"role":"metrics"}`), http.StatusOK)
	if changed.Role != "metrics" {
		t.Errorf("%+v", changed)
	}
	if got := w.names(t, api.PathAdminUsers+"?role=metrics", admin.token); len(got) != 2 {
		t.Errorf("%q", got)
	}
}
