package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// a is shorthand for JSON objects.
type a = map[string]any

// acquire is an environment the acquire function starts with.
func acquire() map[string]string {
	return map[string]string{
		"FUNCTION_TARGET": "Acquire", "GOOGLE_CLOUD_PROJECT": "acme-licenses",
		"MEMORYSTORE_INSTANCE": "projects/p/locations/l/instances/i", "KMS_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
		"KMS_ENCRYPTION_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/d",
	}
}

func cloudRun(timeout string, env map[string]string) a {
	var list []a
	for name, value := range env {
		list = append(list, a{"name": name, "value": value})
	}
	return a{"name": "licenses-x", "template": []a{{"timeout": timeout, "service_account": "x@p.iam.gserviceaccount.com", "containers": []a{{"env": list}}}}}
}

type planned struct {
	kind  string
	after a
}

// writePlan writes a plan of these resources; the module has a variable and an
// output.
func writePlan(t *testing.T, resources ...planned) string {
	t.Helper()
	var changes []a
	for _, r := range resources {
		changes = append(changes, a{"address": r.kind + ".x", "mode": "managed", "type": r.kind, "change": a{"after": r.after}})
	}
	module := a{"variables": a{"domain": a{"description": "x"}}, "outputs": a{"address": a{"description": "x"}}}
	text, err := json.Marshal(a{
		"resource_changes": changes,
		"configuration":    a{"root_module": a{"module_calls": a{"licenses": a{"module": module}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRead(t *testing.T, resources ...planned) *plan {
	t.Helper()
	p, err := read(writePlan(t, resources...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantFault: the error names what is wrong; an empty text means no error.
func wantFault(t *testing.T, err error, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Errorf("refused: %v", err)
	case text != "" && (err == nil || !strings.Contains(err.Error(), text)):
		t.Errorf("%v, want %q", err, text)
	}
}

func TestEnvironments(t *testing.T) {
	for name, tt := range map[string]struct {
		change  map[string]string
		timeout string
		fault   string
	}{
		"as it is":           {nil, "15s", ""},
		"without its key":    {map[string]string{"KMS_KEY": ""}, "15s", "KMS_KEY is not set"},
		"nothing to decrypt": {map[string]string{"KMS_ENCRYPTION_KEY": ""}, "15s", "KMS_ENCRYPTION_KEY is not set"},
		"signed by KMS":      {map[string]string{"KMS_ENCRYPTION_KEY": "", "TOKEN_SIGNING": "kms"}, "15s", ""},
		"signed by nobody":   {map[string]string{"TOKEN_SIGNING": "none"}, "15s", "TOKEN_SIGNING"},
		"a setting misspelt": {map[string]string{"SESION_TTL": "6m"}, "15s", "no code reads SESION_TTL"},
		"an emulator":        {map[string]string{"FIRESTORE_EMULATOR_HOST": "x:1"}, "15s", "FIRESTORE_EMULATOR_HOST"},
		"cut off too early":  {nil, "10s", "its answer would be lost"},
		"traces are known":   {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, "15s", ""},
	} {
		t.Run(name, func(t *testing.T) {
			env := acquire()
			maps.Copy(env, tt.change)
			s := planned{"google_cloud_run_v2_service", cloudRun(tt.timeout, env)}
			wantFault(t, mustRead(t, s, s, s, s, s, s).environments(), tt.fault)
		})
	}
	one := planned{"google_cloud_run_v2_service", cloudRun("15s", acquire())}
	wantFault(t, mustRead(t, one, one, one, one, one).environments(), "5 services instead of 6")
}

// TestRoutes: of every path that is declared a test of its route is asked for.
func TestRoutes(t *testing.T) {
	paths := slices.Sorted(maps.Keys(web.OpenAPI(functions.Contract()...).Paths))
	if len(paths) < 20 {
		t.Fatalf("only %d paths are declared", len(paths))
	}
	for i := range len(paths) + 1 {
		var tests []a
		for j, path := range paths {
			if j != i {
				tests = append(tests, a{"path": somePath(path)})
			}
		}
		fault := ""
		if i < len(paths) {
			fault = "no test of a route for " + paths[i]
		}
		wantFault(t, mustRead(t, planned{"google_compute_url_map", a{"test": tests}}).routes(functions.Contract()...), fault)
	}
}

// somePath is a path of those that are declared so.
func somePath(declared string) string {
	return parameter.ReplaceAllString(declared, "0199aaaa-0000-7000-8000-000000000000")
}

// TestRoutesOfWhatIsDeclared: a made-up operation is asked for too. It needs no
// test of its own where a rule that is tested takes it.
func TestRoutesOfWhatIsDeclared(t *testing.T) {
	path := "/api/v1/works/{work_id}/parts/{part}:polish"
	made := web.Served{Function: "works", Operations: []web.Operation{{ID: "polish", Method: "POST", Path: path}}}
	rule := func(priority int, template string) a {
		return a{"priority": priority, "match_rules": []a{{"path_template_match": template}}}
	}
	tests := func(paths ...string) []a {
		list := []a{{"path": "/live"}, {"path": "/ready"}, {"path": "/startup"}}
		for _, p := range paths {
			list = append(list, a{"path": p})
		}
		return list
	}
	id, missing := "0199aaaa-0000-7000-8000-000000000000", "no test of a route for "+path
	for name, tt := range map[string]struct {
		rules []a
		tests []a
		fault string
	}{
		"nothing":                   {nil, tests(), missing},
		"a test of its own":         {nil, tests("/api/v1/works/" + id + "/parts/" + id + ":polish"), ""},
		"a rule without a test":     {[]a{rule(1, "/api/v1/works/**")}, tests("/api/v1/licenses/acquire"), missing},
		"a rule with a test":        {[]a{rule(1, "/api/v1/works/**")}, tests("/api/v1/works/overview"), ""},
		"a rule for one segment":    {[]a{rule(1, "/api/v1/works/*")}, tests("/api/v1/works/overview"), missing},
		"another rule comes first":  {[]a{rule(2, "/api/v1/works/**"), rule(1, "/api/v1/works/*/parts/*")}, tests("/api/v1/works/overview"), missing},
		"a test of another rule":    {[]a{rule(2, "/api/v1/works/**"), rule(1, "/api/v1/works/*/*")}, tests("/api/v1/works/x/y"), missing},
		"another rule comes second": {[]a{rule(1, "/api/v1/works/**"), rule(2, "/api/v1/works/*/parts/*")}, tests("/api/v1/works/overview"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := a{"test": tt.tests, "path_matcher": []a{{"route_rules": tt.rules}}}
			wantFault(t, mustRead(t, planned{"google_compute_url_map", m}).routes(made), tt.fault)
		})
	}
}

func TestExemptions(t *testing.T) {
	t.Chdir("../../..")
	var fields []planned
	for _, name := range []string{"acquired_at", "last_heartbeat_at", "expires_at", "ended_at", "purge_at"} {
		fields = append(fields, planned{"google_firestore_field", a{"collection": "sessions", "field": name}})
	}
	for _, name := range []string{"events.time", "events.recorded_at", "events.purge_at", "deliveries.made_at", "deliveries.last_attempt_at", "deliveries.purge_at"} {
		collection, field, _ := strings.Cut(name, ".")
		fields = append(fields, planned{"google_firestore_field", a{"collection": collection, "field": field}})
	}
	wantFault(t, mustRead(t, fields...).exemptions(), "")
	wantFault(t, mustRead(t, fields[:len(fields)-1]...).exemptions(), "deliveries.purge_at is a time and has an index")
	wantFault(t, mustRead(t, fields[1:]...).exemptions(), "sessions.acquired_at is a time and has an index")
	fields[0].after["collection"] = "licenses"
	wantFault(t, mustRead(t, fields...).exemptions(), "sessions.acquired_at")
}

func TestDocumented(t *testing.T) {
	plan := mustRead(t, planned{"google_kms_key_ring", a{}}, planned{"google_service_account", a{}}, planned{"google_service_account", a{}})
	good := "| `google_kms_key_ring` | 1 | x |\n| `google_service_account` | 2 | x |\n| `domain` | x |\n| `address` | x |\n"
	for name, tt := range map[string]struct{ doc, fault string }{
		"as it is":              {good, ""},
		"a wrong count":         {strings.Replace(good, "| 2 |", "| 3 |", 1), "says 3 of google_service_account, the plan has 2"},
		"a missing type":        {strings.Replace(good, "google_kms_key_ring", "google_kms_crypto_key", 1), "says 0 of google_kms_key_ring"},
		"a type that is gone":   {good + "| `google_redis_instance` | 1 | x |\n", "says 1 of google_redis_instance, the plan has 0"},
		"an unnamed variable":   {strings.Replace(good, "`domain`", "domain", 1), "no row for the variable domain"},
		"an unnamed output":     {strings.Replace(good, "`address`", "address", 1), "no row for the output address"},
		"a resource in a cell ": {good + "see `google_service_account`\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			doc := filepath.Join(t.TempDir(), "doc.md")
			if err := os.WriteFile(doc, []byte(tt.doc), 0o600); err != nil {
				t.Fatal(err)
			}
			wantFault(t, plan.documented(doc), tt.fault)
		})
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Chdir("../../..")
	wantFault(t, run(nil, options{}, os.Stdout), "name a plan")
	wantFault(t, run([]string{"no-such-plan.json"}, options{}, os.Stdout), "no-such-plan.json")
	wantFault(t, run([]string{"README.md"}, options{}, os.Stdout), "not a plan in JSON")
	wantFault(t, run([]string{writePlan(t)}, options{}, os.Stdout), "plans nothing")
	path := writePlan(t, planned{"google_kms_key_ring", a{}})
	wantFault(t, run([]string{path}, options{}, os.Stdout), path+":\n0 services instead of 6")
}
