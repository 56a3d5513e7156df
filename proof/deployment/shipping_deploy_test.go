package deployment_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
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
	[[ $service != *-reaper ]] || eval "${MEDDLE:-}"
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

var shippingFunctions = []string{"acquire", "heartbeat", "release", "reaper"}

const (
	shippingImage    = "us-central1-docker.pkg.dev/acme/licenses/licenses@sha256:" + shippingHex
	shippingHex      = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	shippingOldImage = "us-central1-docker.pkg.dev/acme/licenses/licenses@sha256:" + "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// releaseStage is four services on their old revisions, and the public address.
type releaseStage struct {
	t     *testing.T
	state string
	env   []string
	asked atomic.Int64

	mu sync.Mutex // held while a script is started: the public address answers from other goroutines
	// answer may fail a request of the public address; true: it did.
	answer func(s *releaseStage, w http.ResponseWriter) bool
	script *os.Process
}

func newReleaseStage(t *testing.T, env ...string) *releaseStage {
	t.Helper()
	s := &releaseStage{t: t, state: t.TempDir()}
	bin := t.TempDir()
	shippingProgram(t, filepath.Join(bin, "gcloud"), fakeRun)
	for _, f := range shippingFunctions {
		name := "licenses-" + f
		s.write(name+".traffic", name+"-1=100")
		s.write(name+".newest", fmt.Sprintf("%s-1 %s-1 %s", name, name, shippingOldImage))
		s.write(name+".revisions", fmt.Sprintf("%s-0 %s\n%s-1 %s", name, shippingImage, name, shippingOldImage))
	}
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.answer == nil || !s.answer(s, w) {
			answerAsTheService(w, r)
		}
	}))
	t.Cleanup(public.Close)
	s.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "STATE="+s.state, "PROJECT=acme", "REGION=us-central1",
		"SERVICES=licenses", "URL="+public.URL, "CANARY_PERCENT=10", "DEPLOY=true", "SMOKE_ROUNDS=2")
	s.env = append(s.env, env...)
	return s
}

// answerAsTheService says what smoke.sh wants to hear; [TestSmoke] holds that
// against the real service.
func answerAsTheService(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/live", "/ready":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status": "ok", "checks": {"redis": "ok"}}`)
	case "/.well-known/jwks.json":
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = io.WriteString(w, `{"keys": [{"alg": "RS256"}]}`)
	case "/openapi.json":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"openapi": "3.1.0"}`)
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code": "unauthenticated"}`)
	}
}

// failBy makes the public address fail.
func (s *releaseStage) failBy(answer func(*releaseStage, http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// localService is the real service, all four functions.
func localService(t *testing.T) http.Handler {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{
		SessionTTL: 6 * time.Minute, HeartbeatInterval: 2 * time.Minute, TokenTTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack.Local()
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
	cmd := exec.CommandContext(s.t.Context(), shippingScript(s.t, script), args...)
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
	return strings.Join(shippingLines(s.t, filepath.Join(s.state, "licenses-"+function+".traffic")), "\n")
}

// calls are those of gcloud that change something.
func (s *releaseStage) calls() []string {
	return slices.DeleteFunc(shippingLines(s.t, filepath.Join(s.state, "calls")), func(call string) bool {
		return strings.HasPrefix(call, "run services describe ")
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

func TestRelease(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t)
	code, _, stderr := s.run("deploy.sh", shippingImage)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var want []string
	where := " --project=acme --region=us-central1 --quiet"
	for _, f := range shippingFunctions {
		want = append(want, "run services update licenses-"+f+" --image="+shippingImage+" --no-traffic"+where)
	}
	for _, f := range shippingFunctions {
		want = append(want, "run services update-traffic licenses-"+f+" --to-revisions=licenses-"+f+"-2=10"+where)
	}
	for _, f := range shippingFunctions {
		want = append(want, "run services update-traffic licenses-"+f+" --to-latest"+where)
	}
	if got := s.calls(); !slices.Equal(got, want) {
		t.Errorf("gcloud was called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := s.asked.Load(); got != 7*(2+1) {
		t.Errorf("the public address was asked %d times", got)
	}
	for _, f := range shippingFunctions {
		if got := s.traffic(f); got != "licenses-"+f+"-2=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
}

// TestReleaseThatFails: whatever fails, all four services serve what they did.
func TestReleaseThatFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    []string
		image  string // shippingImage, if empty
		answer func(*releaseStage, http.ResponseWriter) bool
		set    func(*releaseStage)
		moved  bool // traffic was moved, and moved back
		stderr string
	}{
		{name: "the third deployment", env: []string{"FAIL=services update licenses-release "}, stderr: "no traffic was moved"},
		{name: "a startup probe", env: []string{"UNREADY=licenses-heartbeat"}, stderr: "licenses-heartbeat-2 is not ready"},
		{name: "the smoke test, of a part", answer: unhealthy("heartbeat", "10"), moved: true, stderr: "rolled back"},
		{name: "the smoke test, of all", answer: unhealthy("acquire", "100"), moved: true, stderr: "rolled back"},
		{name: "the third shift", env: []string{"FAIL=update-traffic licenses-release --to-latest"}, moved: true, stderr: "rolled back"},
		{
			name: "a split before", answer: unhealthy("acquire", "100"), moved: true, stderr: "rolled back",
			set: func(s *releaseStage) { s.write("licenses-reaper.traffic", "licenses-reaper-0=30,licenses-reaper-1=70") },
		},
		{name: "a tag", image: "us-central1-docker.pkg.dev/acme/licenses/licenses:latest", stderr: "is not a digest"},
		{name: "a share that is none", env: []string{"CANARY_PERCENT=all"}, stderr: "CANARY_PERCENT"},
		{
			name: "a service that is not there", stderr: "licenses-release is not there",
			set: func(s *releaseStage) { _ = os.Remove(filepath.Join(s.state, "licenses-release.traffic")) },
		},
		{
			name: "somebody's newer revision", stderr: "licenses-acquire has a newer revision",
			env: []string{`MEDDLE=echo licenses-acquire-3 licenses-acquire-3 other >"$STATE/licenses-acquire.newest"`},
		},
		{
			name: "somebody's traffic", stderr: "licenses-acquire has other traffic",
			env: []string{`MEDDLE=echo licenses-acquire-1=60,licenses-acquire-9=40 >"$STATE/licenses-acquire.traffic"`},
		},
		{
			name: "the build is cancelled", moved: true, stderr: "rolled back",
			answer: func(s *releaseStage, _ http.ResponseWriter) bool {
				_ = s.script.Signal(syscall.SIGTERM)
				return false
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newReleaseStage(t, tt.env...)
			s.failBy(tt.answer)
			if tt.set != nil {
				tt.set(s)
			}
			before := map[string]string{}
			for _, f := range shippingFunctions {
				before[f] = s.traffic(f)
			}
			image := tt.image
			if image == "" {
				image = shippingImage
			}
			code, _, stderr := s.run("deploy.sh", image)
			if code == 0 || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, want a failure that says %q\n%s", code, tt.stderr, stderr)
			}
			if moved := slices.ContainsFunc(s.calls(), func(call string) bool { return strings.Contains(call, "update-traffic") }); moved != tt.moved {
				t.Errorf("traffic was moved: %t; calls\n%s", moved, strings.Join(s.calls(), "\n"))
			}
			for _, f := range shippingFunctions {
				if got := s.traffic(f); got != before[f] && !strings.HasPrefix(tt.name, "somebody's traffic") {
					t.Errorf("%s has the traffic %s, had %s", f, got, before[f])
				}
			}
		})
	}
}

// TestRollbackThatFails says loudly what is left to do, and does the rest.
func TestRollbackThatFails(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t, "FAIL=update-traffic licenses-heartbeat .*--to-revisions=licenses-heartbeat-1=100")
	s.failBy(unhealthy("acquire", "100"))
	code, _, stderr := s.run("deploy.sh", shippingImage)
	byHand := "gcloud run services update-traffic licenses-heartbeat --project=acme --region=us-central1 --to-revisions=licenses-heartbeat-1=100"
	if code == 0 || !strings.Contains(stderr, "THE ROLLBACK FAILED TOO") || !strings.Contains(stderr, byHand) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range []string{"acquire", "release", "reaper"} {
		if got := s.traffic(f); got != "licenses-"+f+"-1=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
}

// TestReleaseWithoutACanary shifts at once; without a deployment it only says
// which image there is.
func TestReleaseWithoutACanary(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t, "CANARY_PERCENT=0")
	if code, _, stderr := s.run("deploy.sh", shippingImage); code != 0 || len(s.calls()) != 8 || s.asked.Load() != 7 {
		t.Errorf("exit code %d, %d calls, %d requests\n%s", code, len(s.calls()), s.asked.Load(), stderr)
	}
	s = newReleaseStage(t, "DEPLOY=false")
	code, stdout, stderr := s.run("deploy.sh", shippingImage)
	if code != 0 || strings.TrimSpace(stdout) != shippingImage || len(s.calls()) != 0 {
		t.Errorf("exit code %d, %q, calls %q\n%s", code, stdout, s.calls(), stderr)
	}
}

func TestRollbackByHand(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t)
	if code, _, stderr := s.run("rollback.sh", shippingImage); code != 0 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range shippingFunctions {
		if got := s.traffic(f); got != "licenses-"+f+"-0=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
	if code, stdout, _ := s.run("rollback.sh"); code != 0 || !strings.Contains(stdout, "licenses-") {
		t.Errorf("exit code %d; the list is %q", code, stdout)
	}

	s = newReleaseStage(t)
	s.write("licenses-reaper.revisions", "licenses-reaper-1 "+shippingOldImage)
	if code, _, stderr := s.run("rollback.sh", shippingImage); code == 0 || !strings.Contains(stderr, "licenses-reaper has no revision") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range shippingFunctions {
		if got := s.traffic(f); got != "licenses-"+f+"-1=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
}

// TestSmoke: the real service passes, and anything else in its place does not.
func TestSmoke(t *testing.T) {
	t.Parallel()
	service := localService(t)
	smoke := func(t *testing.T, h http.Handler) (string, error) {
		server := httptest.NewServer(h)
		defer server.Close()
		out, err := exec.CommandContext(t.Context(), shippingScript(t, "smoke.sh"), server.URL+"/").CombinedOutput()
		return string(out), err
	}
	if out, err := smoke(t, service); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	const session = "/api/v1/licenses/sessions/00000000-0000-7000-8000-000000000000"
	for _, tt := range []struct {
		path, contentType, body string
		status                  int
	}{
		{"/live", "application/json", `{"status":"ok"}`, http.StatusServiceUnavailable},
		{"/live", "text/html", `{"status":"ok"}`, http.StatusOK}, // somebody else's page
		{"/ready", "application/json", `{"status":"failed","checks":{"redis":"failed"}}`, http.StatusServiceUnavailable},
		{"/.well-known/jwks.json", "application/jwk-set+json", `{"keys":[]}`, http.StatusOK},
		{"/openapi.json", "application/json", `{}`, http.StatusOK},
		{"/api/v1/licenses/acquire", "application/json", `{}`, http.StatusCreated}, // without a token!
		{"/api/v1/licenses/acquire", "text/html", `<h1>401</h1>`, http.StatusUnauthorized},
		{session + "/heartbeat", "application/problem+json", `{"code":"not_found"}`, http.StatusNotFound}, // a wrong route
		{session, "application/problem+json", `{"code":"unauthenticated"}`, http.StatusInternalServerError},
	} {
		out, err := smoke(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != tt.path {
				service.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", tt.contentType)
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		if err == nil || !strings.Contains(out, tt.path+": got") {
			t.Errorf("%s answers %d %s: %v\n%s", tt.path, tt.status, tt.body, err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), shippingScript(t, "smoke.sh"), "http://127.0.0.1:1").CombinedOutput(); err == nil {
		t.Errorf("nobody is there, and it passes\n%s", out)
	}
}
