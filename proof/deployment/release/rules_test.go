package release

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

const rulesFile = "terraform/firestore.rules"

// TestRulesDenyEverything asks the official emulator: what comes without an
// administrator's token is refused, whoever it says it is.
func TestRulesDenyEverything(t *testing.T) {
	t.Parallel()
	servers.Firestore(t) // says what to do where there is none
	rules, err := filepath.Abs(deploytest.Path(t, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	addr, stop, err := servers.StartFirestore("--rules=" + rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	documents := "http://" + addr + "/v1/projects/rules/databases/(default)/documents"
	// An unsigned ID token, which the emulator believes: user ann of acme, its owner.
	const header, claims = "eyJhbGciOiJub25lIn0", "eyJzdWIiOiJhbm4iLCJ1c2VyX2lkIjoiYW5uIiwidGVuYW50X2lkIjoiYWNtZSIsInJvbGUiOiJvd25lciJ9"
	user := "Bearer " + header + "." + claims + "."
	const document = `{"fields":{"name":{"stringValue":"x"}}}`
	for _, call := range []struct{ method, path, body string }{
		{http.MethodPatch, "/orgs/acme", document},
		{http.MethodGet, "/orgs/acme", ""},
		{http.MethodPost, "/orgs/acme/sessions", document},
		{http.MethodGet, "/orgs/acme/sessions", ""},
		{http.MethodPatch, "/orgs/acme/licenses/acme-pro", document},
		{http.MethodGet, "/anything/else", ""},
		{http.MethodDelete, "/orgs/acme", ""},
	} {
		for _, authorization := range []string{"", user} {
			if got := askFirestore(t, call.method, documents+call.path, authorization, call.body); got != http.StatusForbidden {
				t.Errorf("%s %s as %q: %d, want 403", call.method, call.path, authorization, got)
			}
		}
		got := askFirestore(t, call.method, documents+call.path, "Bearer owner", call.body)
		if got != http.StatusOK && got != http.StatusNotFound {
			t.Errorf("%s %s as a service account: %d", call.method, call.path, got)
		}
	}
}

func askFirestore(t *testing.T, method, url, authorization, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}

// rulesAPI is Firebase Rules, as far as the script uses it
// (https://firebase.google.com/docs/reference/rules/rest).
type rulesAPI struct {
	t        *testing.T
	releases map[string]string          // name → ruleset
	rulesets map[string]json.RawMessage // name → source
	writes   []string
	fail     string // METHOD and path that answer 500
}

func (a *rulesAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer secret-token" {
		a.t.Errorf("Authorization: %q", got)
	}
	name := strings.TrimPrefix(r.URL.Path, "/v1/")
	var body struct {
		Source      json.RawMessage
		Name        string
		RulesetName string
		Release     *struct{ Name, RulesetName string }
	}
	if r.Method != http.MethodGet {
		a.writes = append(a.writes, r.Method+" "+name)
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			a.t.Errorf("%s %s: %v", r.Method, name, err)
		}
	}
	answer := func(value any) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ") // as Google does
		_ = encoder.Encode(value)
	}
	switch release, known := a.releases[name]; {
	case r.Method+" "+name == a.fail:
		http.Error(w, `{"error":"played failure"}`, http.StatusInternalServerError)
	case r.Method == http.MethodGet && known:
		answer(map[string]string{"name": name, "rulesetName": release})
	case r.Method == http.MethodGet && a.rulesets[name] != nil:
		answer(map[string]any{"name": name, "source": a.rulesets[name]})
	case r.Method == http.MethodPost && name == "projects/acme/rulesets":
		name := fmt.Sprintf("projects/acme/rulesets/new-%d", len(a.rulesets))
		a.rulesets[name] = body.Source
		answer(map[string]any{"name": name, "source": body.Source})
	case r.Method == http.MethodPost && name == "projects/acme/releases":
		a.releases[body.Name] = body.RulesetName
		answer(map[string]string{"name": body.Name, "rulesetName": body.RulesetName})
	case r.Method == http.MethodPatch && known && body.Release != nil && body.Release.Name == name:
		a.releases[name] = body.Release.RulesetName
		answer(body.Release)
	default:
		http.Error(w, `{"error":{"code":404,"status":"NOT_FOUND"}}`, http.StatusNotFound)
	}
}

// source is the text that a release points to.
func (a *rulesAPI) source(release string) string {
	var source struct{ Files []struct{ Content string } }
	if err := json.Unmarshal(a.rulesets[a.releases[release]], &source); err != nil || len(source.Files) != 1 {
		a.t.Errorf("%s points to %s: %v", release, a.rulesets[a.releases[release]], err)
		return ""
	}
	return source.Files[0].Content
}

func TestPublishRules(t *testing.T) {
	t.Parallel()
	const standard, named = "projects/acme/releases/cloud.firestore", "projects/acme/releases/cloud.firestore/licenses"
	other := json.RawMessage(`{"files":[{"name":"firestore.rules","content":"allow read;"}]}`)
	for _, tt := range []struct {
		name, database, release string
		before                  bool // a release is there, of other rules
		fail                    string
		writes                  []string
	}{
		{name: "the first", database: "(default)", release: standard, writes: []string{"POST projects/acme/rulesets", "POST projects/acme/releases"}},
		{name: "others were there", database: "(default)", release: standard, before: true, writes: []string{"POST projects/acme/rulesets", "PATCH " + standard}},
		{name: "a named database", database: "licenses", release: named, before: true, writes: []string{"POST projects/acme/rulesets", "PATCH " + named}},
		{name: "nobody may read", database: "(default)", release: standard, fail: "GET " + standard},
		{name: "a ruleset is refused", database: "(default)", release: standard, fail: "POST projects/acme/rulesets", writes: []string{"POST projects/acme/rulesets"}},
		{name: "the release is refused", database: "licenses", release: named, before: true, fail: "PATCH " + named, writes: []string{"POST projects/acme/rulesets", "PATCH " + named}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := &rulesAPI{t: t, releases: map[string]string{}, rulesets: map[string]json.RawMessage{"projects/acme/rulesets/old": other}, fail: tt.fail}
			if tt.before {
				api.releases[tt.release] = "projects/acme/rulesets/old"
			}
			out, err := publishRules(t, api, tt.database, deploytest.Path(t, rulesFile))
			if (err != nil) != (tt.fail != "") || !slices.Equal(api.writes, tt.writes) {
				t.Fatalf("%v, writes %q, want %q\n%s", err, api.writes, tt.writes, out)
			}
			if tt.fail != "" {
				if !strings.Contains(out, tt.fail+": 500") {
					t.Errorf("it does not say what failed:\n%s", out)
				}
				return
			}
			if got, want := api.source(tt.release), deploytest.Text(t, rulesFile); got != want {
				t.Errorf("published\n%s\nwant\n%s", got, want)
			}
			api.writes = nil
			if out, err := publishRules(t, api, tt.database, deploytest.Path(t, rulesFile)); err != nil || len(api.writes) != 0 {
				t.Errorf("the second time: %v, writes %q\n%s", err, api.writes, out)
			}
		})
	}
}

// TestPublishRulesToTheLetter: whatever is in the file arrives.
func TestPublishRulesToTheLetter(t *testing.T) {
	t.Parallel()
	const text = "// \"quoted\" 'single' \\back\\slash\\n\n\tmatch /{a=**} { allow read: if a.matches('^\\\\d<>&$'); } // ä\n"
	file := filepath.Join(t.TempDir(), "odd.rules")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	api := &rulesAPI{t: t, releases: map[string]string{}, rulesets: map[string]json.RawMessage{}}
	if out, err := publishRules(t, api, "(default)", file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := api.source("projects/acme/releases/cloud.firestore"); got != text {
		t.Errorf("published\n%s\nwant\n%s", got, text)
	}
}

// publishRules runs the script; the token must not be an argument of any program.
func publishRules(t *testing.T, api *rulesAPI, database, file string) (string, error) {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	bin := t.TempDir()
	deploytest.Program(t, filepath.Join(bin, "gcloud"), "#!/bin/sh\necho secret-token\n")
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	deploytest.Program(t, filepath.Join(bin, "curl"), "#!/bin/sh\nprintf '%s\\n' \"$@\" >>"+bin+"/arguments\nexec "+curl+" \"$@\"\n")
	cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/firestore-rules.sh"), file)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PROJECT=acme", "DATABASE="+database, "RULES_API="+server.URL)
	out, err := cmd.CombinedOutput()
	if arguments := strings.Join(deploytest.Lines(t, filepath.Join(bin, "arguments")), " "); arguments == "" || strings.Contains(arguments, "secret-token") {
		t.Errorf("curl's arguments: %q", arguments)
	}
	if strings.Contains(string(out), "secret-token") {
		t.Error("the token was printed")
	}
	return string(out), err
}
