package release

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// fakeRun is a gcloud that keeps Cloud Run's services as files in $STATE: the
// traffic as REVISION=PERCENT,…, and the newest revision, the newest ready one and
// the image. Calls are written down; those that match $FAIL fail. What is typed in
// $MEDDLE is run after the last deployment, as somebody else would.
const fakeRun = `#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$STATE/calls"
if [[ -n "${FAIL:-}" && "$*" =~ $FAIL ]]; then
	echo "ERROR: (gcloud) played failure" >&2
	exit 1
fi
option() { # option NAME ARGUMENT...: the value of --NAME=
	local a
	for a in "${@:2}"; do [[ $a != "--$1="* ]] || printf '%s' "${a#*=}"; done
}
case "$1 $2 ${3:-}" in
"auth print-access-token "*) echo operators-token; exit ;;
"secrets versions access")
	[ "$(option secret "$@")" = licenses-canary ] && cat "$STATE/canary" 2>/dev/null && exit
	echo "ERROR: (gcloud) NOT_FOUND: no version" >&2
	exit 1
	;;
esac
if [ "$1 $2 $3" = "run services list" ]; then
	service=$(option filter "$@") service=${service#metadata.name=}
	[ ! -f "$STATE/$service.traffic" ] || echo "$service"
	exit
fi
if [ "$1 $2 $3" = "run revisions list" ]; then
	service=$(option service "$@") image=$(option filter "$@")
	image=${image#*\"}
	grep -F "${image%\"}" "$STATE/$service.revisions" | tail -n 1 | cut -d " " -f 1 || true
	exit
fi
[ "$1 $2" = "run services" ]
service=$4
[ -f "$STATE/$service.traffic" ] || { echo "ERROR: (gcloud) no service $service" >&2; exit 1; }
old=$(cat "$STATE/$service.traffic")
read -r newest ready image <"$STATE/$service.newest"
case $3 in
describe)
	case $(option format "$@") in
	*traffic*) tr , '\n' <<<"$old"; echo "$service-tagged=" ;;
	*latestCreatedRevisionName*) echo "$newest $ready $image" ;;
	esac
	;;
update)
	[[ " $* " == *" --no-traffic "* ]] || echo "$service-2=100" >"$STATE/$service.traffic"
	[ "${UNREADY:-}" = "$service" ] || ready=$service-2
	echo "$service-2 $ready $(option image "$@")" >"$STATE/$service.newest"
	[[ $service != *-deliver ]] || eval "${MEDDLE:-}"
	;;
update-traffic)
	to=$(option to-revisions "$@")
	[[ " $* " != *" --to-latest "* ]] || to=$ready=100
	sum=0
	for part in ${to//,/ }; do sum=$((sum + ${part#*=})); done
	[ "$sum" -eq 100 ] || to="${old%%=*}=$((100 - sum)),$to"
	echo "$to" >"$STATE/$service.traffic"
	;;
*) exit 2 ;;
esac
`

const (
	newImage  = "us-central1-docker.pkg.dev/acme/licenses/licenses@sha256:" + newDigest
	newDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	oldImage  = "us-central1-docker.pkg.dev/acme/licenses/licenses@sha256:" + "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// perRound is how often smoke.sh asks in a round.
const perRound = 9

// releaseStage is seven services on their old revisions, and the public address.
type releaseStage struct {
	t     *testing.T
	state string
	env   []string
	asked atomic.Int64

	mu sync.Mutex // held while a script is started: the public address answers from other goroutines
	// answer may fail a request of the public address; true: it did.
	answer func(s *releaseStage, w http.ResponseWriter) bool
	script *os.Process
	// metrics are what revisions have answered, as REVISION or REVISION 5xx; a
	// revision that is not there has 120 answers, none of them 5xx.
	metrics map[string]string
	// held says whether the canary has its seat now, seats how often it took one.
	held  bool
	seats int
	// asks are the queries of Cloud Monitoring.
	asks []string
}

func newReleaseStage(t *testing.T, env ...string) *releaseStage {
	t.Helper()
	s := &releaseStage{t: t, state: t.TempDir()}
	bin := t.TempDir()
	deploytest.Program(t, filepath.Join(bin, "gcloud"), fakeRun)
	for _, f := range deploytest.Functions() {
		name := "licenses-" + f
		s.write(name+".traffic", name+"-1=100")
		s.write(name+".newest", fmt.Sprintf("%s-1 %s-1 %s", name, name, oldImage))
		s.write(name+".revisions", fmt.Sprintf("%s-0 %s\n%s-1 %s", name, newImage, name, oldImage))
	}
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.answer != nil && s.answer(s, w):
		case r.Header.Get("Authorization") == "Bearer canarys-token":
			s.answerTheCanary(w, r)
		default:
			answerAsTheService(w, r)
		}
	}))
	t.Cleanup(public.Close)
	monitoring := httptest.NewServer(http.HandlerFunc(s.monitoring))
	t.Cleanup(monitoring.Close)
	identity := httptest.NewServer(http.HandlerFunc(signIn))
	t.Cleanup(identity.Close)
	s.env = append(os.Environ(), "MONITORING_API="+monitoring.URL, "METRIC_WAIT=0", "IDENTITY_API="+identity.URL, "PATH="+bin+":"+os.Getenv("PATH"), "STATE="+s.state, "PROJECT=acme", "REGION=us-central1",
		"SERVICES=licenses", "URL="+public.URL, "CANARY_PERCENT=10", "DEPLOY=true", "DELIVER=true", "SMOKE_ROUNDS=2")
	s.env = append(s.env, env...)
	return s
}

// monitoring answers as Cloud Monitoring does to a query in PromQL
// (https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.location.prometheus.api.v1/query).
func (s *releaseStage) monitoring(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query().Get("query")
	s.asks = append(s.asks, query)
	m := regexp.MustCompile(`revision_name="([^"]+)"(,response_code_class="5xx")?`).FindStringSubmatch(query)
	if m == nil || r.URL.Path != "/v1/projects/acme/location/global/prometheus/api/v1/query" || r.Header.Get("Authorization") != "Bearer operators-token" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	key, value := m[1], "120"
	if m[2] != "" {
		key, value = m[1]+" 5xx", ""
	}
	if set, ok := s.metrics[key]; ok {
		value = set
	}
	if value == "" {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1764508800.5,%q]}]}}`, value)
}

// signIn is Identity Platform's, for the one account.
func signIn(w http.ResponseWriter, r *http.Request) {
	var body struct{ Email, Password string }
	err := json.NewDecoder(r.Body).Decode(&body)
	if err != nil || r.URL.Path != "/v1/accounts:signInWithPassword" || r.URL.Query().Get("key") != "the-key" || body.Email != "canary@acme.example" || body.Password != "the-password" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, "{\n  \"kind\": \"identitytoolkit#VerifyPasswordResponse\",\n  \"idToken\": \"canarys-token\"\n}\n")
}

// fillCanary puts the account into the secret.
func (s *releaseStage) fillCanary() {
	s.write("canary", `{"api_key": "the-key", "email": "canary@acme.example", "password": "the-password"}`)
}

// answerAsTheService says what smoke.sh wants to hear; [TestSmoke] holds that
// against the real service.
func answerAsTheService(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/live":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status": "ok"}`)
	case "/nothing-is-here":
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"code": "not_found"}`)
	case "/.well-known/jwks.json":
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = io.WriteString(w, `{"keys": [{"alg": "ES256"}]}`)
	case "/openapi.json":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"openapi": "3.1.0"}`)
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code": "unauthenticated"}`)
	}
}

// answerTheCanary says what seat.sh wants to hear; [TestSeat] holds that against the
// real service.
func (s *releaseStage) answerTheCanary(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		s.held, s.seats = true, s.seats+1
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"session_id":"0199aaaa-0000-7000-8000-000000000000","license_token":"a.b.c"}`)
	case http.MethodDelete:
		s.held = false
		w.WriteHeader(http.StatusNoContent)
	default:
		if !s.held {
			w.WriteHeader(http.StatusGone)
		}
	}
}

// failBy makes the public address fail.
func (s *releaseStage) failBy(answer func(*releaseStage, http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *releaseStage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.state, name), []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a script and returns its exit code and what it printed.
func (s *releaseStage) run(script string, args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(s.t.Context(), deploytest.Path(s.t, "scripts/release/"+script), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &out, &errs
	s.mu.Lock()
	err := cmd.Start()
	s.script = cmd.Process
	s.mu.Unlock()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code says it
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func (s *releaseStage) traffic(function string) string {
	return strings.Join(deploytest.Lines(s.t, filepath.Join(s.state, "licenses-"+function+".traffic")), "\n")
}

// calls are those of gcloud that change something.
func (s *releaseStage) calls() []string {
	return slices.DeleteFunc(deploytest.Lines(s.t, filepath.Join(s.state, "calls")), func(call string) bool {
		return strings.HasPrefix(call, "run services describe ") || strings.HasPrefix(call, "run services list ") || !strings.HasPrefix(call, "run ")
	})
}

// unhealthy answers 503 while the new revision has this traffic.
func unhealthy(function, traffic string) func(*releaseStage, http.ResponseWriter) bool {
	return func(s *releaseStage, w http.ResponseWriter) bool {
		if !strings.Contains(s.traffic(function), "licenses-"+function+"-2="+traffic) {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
}
