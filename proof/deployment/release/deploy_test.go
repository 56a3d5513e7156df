package release

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

func TestRelease(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t)
	code, _, stderr := s.run("deploy.sh", newImage)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var want []string
	where := " --project=acme --region=us-central1 --quiet"
	for _, f := range deploytest.Functions() {
		want = append(want, "run services update licenses-"+f+" --image="+newImage+" --no-traffic"+where)
	}
	for _, f := range deploytest.Functions() {
		want = append(want, "run services update-traffic licenses-"+f+" --to-revisions=licenses-"+f+"-2=10"+where)
	}
	for _, f := range deploytest.Functions() {
		want = append(want, "run services update-traffic licenses-"+f+" --to-latest"+where)
	}
	if got := s.calls(); !slices.Equal(got, want) {
		t.Errorf("gcloud was called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := s.asked.Load(); got != perRound*(2+1) {
		t.Errorf("the public address was asked %d times", got)
	}
	for _, f := range deploytest.Functions() {
		if got := s.traffic(f); got != "licenses-"+f+"-2=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
}

// TestReleaseThatFails: whatever fails, all services serve what they did.
func TestReleaseThatFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    []string
		image  string // newImage, if empty
		answer func(*releaseStage, http.ResponseWriter) bool
		set    func(*releaseStage)
		moved  bool // traffic was moved, and moved back
		stderr string
	}{
		{name: "the third deployment", env: []string{"FAIL=services update licenses-release "}, stderr: "no traffic was moved"},
		{name: "the vendor's door does not start", env: []string{"UNREADY=licenses-control"}, stderr: "licenses-control-2 is not ready"},
		{name: "deliver does not start", env: []string{"UNREADY=licenses-deliver"}, stderr: "licenses-deliver-2 is not ready"},
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
			for _, f := range deploytest.Functions() {
				before[f] = s.traffic(f)
			}
			image := tt.image
			if image == "" {
				image = newImage
			}
			code, _, stderr := s.run("deploy.sh", image)
			if code == 0 || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, want a failure that says %q\n%s", code, tt.stderr, stderr)
			}
			if moved := slices.ContainsFunc(s.calls(), func(call string) bool { return strings.Contains(call, "update-traffic") }); moved != tt.moved {
				t.Errorf("traffic was moved: %t; calls\n%s", moved, strings.Join(s.calls(), "\n"))
			}
			for _, f := range deploytest.Functions() {
				if got := s.traffic(f); got != before[f] && !strings.HasPrefix(tt.name, "somebody's traffic") {
					t.Errorf("%s has the traffic %s, had %s", f, got, before[f])
				}
			}
		})
	}
}

// TestReleaseTakesASeatAndReadsAMetric before it gets all traffic, and once more
// afterwards.
func TestReleaseTakesASeatAndReadsAMetric(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t, "CANARY_SECRET=licenses-canary")
	s.fillCanary()
	code, _, stderr := s.run("deploy.sh", newImage)
	if code != 0 || s.seats != 2+1 || s.held {
		t.Errorf("exit code %d, %d seats taken, one held: %t\n%s", code, s.seats, s.held, stderr)
	}
	if strings.Contains(stderr, "NO SEAT") || strings.Contains(stderr, "the-password") || strings.Contains(stderr, "canarys-token") {
		t.Errorf("it prints\n%s", stderr)
	}
	for _, f := range deploytest.Functions() {
		public := f != "reaper" && f != "control" && f != "deliver"
		if said := strings.Contains(stderr, "licenses-"+f+"-2: 0 of 120 answers were 5xx"); said != public {
			t.Errorf("of %s it is said: %t\n%s", f, said, stderr)
		}
	}
	s = newReleaseStage(t)
	if code, _, stderr := s.run("deploy.sh", newImage); code != 0 || s.seats != 0 || !strings.Contains(stderr, "NO SEAT IS TAKEN") {
		t.Errorf("without an account: exit code %d, %d seats\n%s", code, s.seats, stderr)
	}
}

// TestReleaseThatTheCanaryStops: customers would have had it.
func TestReleaseThatTheCanaryStops(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		account string
		answer  func(*releaseStage, http.ResponseWriter) bool
		metrics map[string]string
		stderr  string
	}{
		{name: "no account", stderr: "fill the secret licenses-canary"},
		{name: "half an account", account: `{"api_key":"the-key","email":"canary@acme.example"}`, stderr: "must hold api_key, email and password"},
		{name: "a wrong password", account: `{"api_key":"the-key","email":"canary@acme.example","password":"x"}`, stderr: "cannot sign in"},
		{
			name: "no seat", account: "good", stderr: "acquire: got 409 no_seats_available",
			answer: func(s *releaseStage, w http.ResponseWriter) bool {
				if s.asked.Load() <= perRound*2 { // what smoke.sh asks before
					return false
				}
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte(`{"code":"no_seats_available"}`))
				return true
			},
		},
		{name: "5xx of others' requests", account: "good", metrics: map[string]string{"licenses-heartbeat-2 5xx": "3"}, stderr: "licenses-heartbeat-2: 3 of 120 answers were 5xx"},
		{name: "5xx below the limit, and above it", account: "good", metrics: map[string]string{"licenses-acquire-2 5xx": "1", "licenses-release-2 5xx": "1.3"}, stderr: "licenses-release-2: 1 of 120"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newReleaseStage(t, "CANARY_SECRET=licenses-canary")
			s.failBy(tt.answer)
			s.metrics = tt.metrics
			switch tt.account {
			case "":
			case "good":
				s.fillCanary()
			default:
				s.write("canary", tt.account)
			}
			code, _, stderr := s.run("deploy.sh", newImage)
			if code == 0 || !strings.Contains(stderr, tt.stderr) || !strings.Contains(stderr, "rolled back") {
				t.Errorf("exit code %d, want a roll-back that says %q\n%s", code, tt.stderr, stderr)
			}
			for _, f := range deploytest.Functions() {
				if got := s.traffic(f); got != "licenses-"+f+"-1=100" {
					t.Errorf("%s: %s", f, got)
				}
			}
		})
	}
}

// TestMetricsThatAreLate are waited for, and are no failure if they do not come.
func TestMetricsThatAreLate(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t)
	s.metrics = map[string]string{"licenses-acquire-2": ""}
	if code, _, stderr := s.run("failures.sh", "licenses-acquire-2", "licenses-release-2"); code != 0 || !strings.Contains(stderr, "licenses-acquire-2: no answers to show") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	s.env = append(s.env, "MONITORING_API=http://127.0.0.1:1")
	if code, _, stderr := s.run("failures.sh", "licenses-acquire-2"); code == 0 || !strings.Contains(stderr, "does not answer") {
		t.Errorf("nobody answers: exit code %d\n%s", code, stderr)
	}
}

// TestReleaseWithoutDeliver is about the six services that there are; a roll-back looks
// itself, and does nothing if it is not told.
func TestReleaseWithoutDeliver(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t, "DELIVER=false")
	if err := os.Remove(filepath.Join(s.state, "licenses-deliver.traffic")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := s.run("deploy.sh", newImage); code != 0 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := s.run("rollback.sh", newImage); code != 0 || s.traffic("admin") != "licenses-admin-0=100" {
		t.Errorf("exit code %d, admin has %s\n%s", code, s.traffic("admin"), stderr)
	}
	for _, call := range s.calls() {
		if strings.Contains(call, "licenses-deliver") {
			t.Errorf("gcloud was called %s", call)
		}
	}
	s = newReleaseStage(t, "FAIL=run services list")
	if code, _, _ := s.run("rollback.sh", newImage); code == 0 || len(s.calls()) != 0 {
		t.Errorf("nobody knows whether there is deliver: exit code %d, calls %q", code, s.calls())
	}
	s = newReleaseStage(t, "DELIVER=true")
	_ = os.Remove(filepath.Join(s.state, "licenses-deliver.traffic"))
	if code, _, stderr := s.run("deploy.sh", newImage); code == 0 || !strings.Contains(stderr, "licenses-deliver is not there") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestRollbackThatFails says loudly what is left to do, and does the rest.
func TestRollbackThatFails(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t, "FAIL=update-traffic licenses-heartbeat .*--to-revisions=licenses-heartbeat-1=100")
	s.failBy(unhealthy("acquire", "100"))
	code, _, stderr := s.run("deploy.sh", newImage)
	byHand := "gcloud run services update-traffic licenses-heartbeat --project=acme --region=us-central1 --to-revisions=licenses-heartbeat-1=100"
	if code == 0 || !strings.Contains(stderr, "THE ROLLBACK FAILED TOO") || !strings.Contains(stderr, byHand) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range []string{"acquire", "release", "reaper", "control", "admin", "deliver"} {
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
	if code, _, stderr := s.run("deploy.sh", newImage); code != 0 || len(s.calls()) != 2*len(deploytest.Functions()) || s.asked.Load() != perRound {
		t.Errorf("exit code %d, %d calls, %d requests\n%s", code, len(s.calls()), s.asked.Load(), stderr)
	}
	s = newReleaseStage(t, "DEPLOY=false")
	code, stdout, stderr := s.run("deploy.sh", newImage)
	if code != 0 || strings.TrimSpace(stdout) != newImage || len(s.calls()) != 0 {
		t.Errorf("exit code %d, %q, calls %q\n%s", code, stdout, s.calls(), stderr)
	}
}

func TestRollbackByHand(t *testing.T) {
	t.Parallel()
	s := newReleaseStage(t)
	if code, _, stderr := s.run("rollback.sh", newImage); code != 0 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range deploytest.Functions() {
		if got := s.traffic(f); got != "licenses-"+f+"-0=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
	if code, stdout, _ := s.run("rollback.sh"); code != 0 || !strings.Contains(stdout, "licenses-") {
		t.Errorf("exit code %d; the list is %q", code, stdout)
	}

	s = newReleaseStage(t)
	s.write("licenses-reaper.revisions", "licenses-reaper-1 "+oldImage)
	if code, _, stderr := s.run("rollback.sh", newImage); code == 0 || !strings.Contains(stderr, "licenses-reaper has no revision") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, f := range deploytest.Functions() {
		if got := s.traffic(f); got != "licenses-"+f+"-1=100" {
			t.Errorf("%s: %s", f, got)
		}
	}
}
