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
	if got := s.asked.Load(); got != 7*(2+1) {
		t.Errorf("the public address was asked %d times", got)
	}
	for _, f := range deploytest.Functions() {
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
		image  string // newImage, if empty
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
	if code, _, stderr := s.run("deploy.sh", newImage); code != 0 || len(s.calls()) != 8 || s.asked.Load() != 7 {
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
