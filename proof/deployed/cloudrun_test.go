package deployed

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestAbandonedSeat: an expired seat goes to the next who asks, reaper or not;
// what nobody asks for, the reaper ends.
func TestAbandonedSeat(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 2)
	quick := []string{"SESSION_TTL=4s", "HEARTBEAT_INTERVAL=1s", "BACKEND_DEADLINE=1s", "TOKEN_TTL=3s", "TOKEN_MIN=3s"}
	f := c.fleet(append(quick, patient()...)...)
	ann, bob, eve := c.user(t, "ann", "acme"), c.user(t, "bob", "acme"), c.user(t, "eve", "acme")
	left := ann.session(ann.acquire(f.acquire, "hardware-of-ann"), http.StatusCreated)
	second := ann.session(ann.acquire(f.acquire, "second-hardware-of-ann"), http.StatusCreated)
	refused(t, bob.acquire(f.acquire, "hardware-of-bob"), api.NoSeatsAvailable)
	<-time.After(time.Until(second.ExpiresAt.Add(50 * time.Millisecond))) // the real server's clock decides
	ended := refused(t, ann.heartbeat(f.heartbeat, left.SessionID, ""), api.SessionEnded)
	if ended.Reason == nil || *ended.Reason != "expired" {
		t.Errorf("ended because of %v", ended.Reason)
	}
	bob.session(bob.acquire(f.acquire, "hardware-of-bob"), http.StatusCreated)
	last := eve.session(eve.acquire(f.acquire, "hardware-of-eve"), http.StatusCreated)

	<-time.After(time.Until(last.ExpiresAt.Add(50 * time.Millisecond)))
	refusals := 0
	reap := func() api.ReapReport {
		for {
			r := must(call(ann.client, http.MethodPost, f.reaper.base+"/", c.schedulerToken(audience, scheduler), ""))(t)
			if r.status != http.StatusServiceUnavailable {
				return read[api.ReapReport](t, r, http.StatusOK)
			}
			refusals++ // the emulator was slower than the short deadline: the scheduler calls again
		}
	}
	if report := reap(); refusals == 0 && (report.OrganizationsVisited != 1 || report.SessionsReaped != 2 || report.More) {
		t.Errorf("the reaper's report is %+v, want two sessions of one organization", report)
	}
	if report := reap(); report.SessionsReaped != 0 {
		t.Errorf("the second report is %+v", report)
	}
	if c.active("acme") != 0 {
		t.Error("the record still has active sessions")
	}
}

// TestReaperBehindIAM: Cloud Run takes the signature off the scheduler's token
// where its own check is on. The reaper takes that only if it is told of the
// check, and takes no other account's token in any case.
func TestReaperBehindIAM(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	client := newClient(t)
	stripped := func(email string) string {
		signed := c.schedulerToken(audience, email)
		return signed[:strings.LastIndexByte(signed, '.')+1] + "SIGNATURE_REMOVED_BY_GOOGLE"
	}
	told, untold := c.start("Reaper", "REAPER_IAM_CHECKED=true"), c.start("Reaper")
	reap := func(p *process, token string) reply {
		return must(call(client, http.MethodPost, p.base+"/", token, ""))(t)
	}
	read[api.ReapReport](t, reap(told, stripped(scheduler)), http.StatusOK)
	// What Cloud Run has checked is another token then, and ours is anybody's word.
	both := must(call(client, http.MethodPost, told.base+"/", stripped(scheduler), "", "X-Serverless-Authorization", "Bearer x"))(t)
	refused(t, both, api.Unauthenticated)
	read[api.ReapReport](t, reap(told, c.schedulerToken(audience, scheduler)), http.StatusOK)
	refused(t, reap(told, stripped("other@"+c.project+".iam.gserviceaccount.com")), api.Forbidden)
	refused(t, reap(untold, stripped(scheduler)), api.Unauthenticated)
}

// TestTheVendorsDoorBehindIAM: the same of the vendor's staff.
func TestTheVendorsDoorBehindIAM(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	client := newClient(t)
	stripped := func(email string) string {
		signed := c.schedulerToken(doorAudience, email)
		return signed[:strings.LastIndexByte(signed, '.')+1] + "SIGNATURE_REMOVED_BY_GOOGLE"
	}
	told, untold := c.start("Control", "STAFF_IAM_CHECKED=true"), c.start("Control")
	look := func(p *process, token string, header ...string) reply {
		return must(call(client, http.MethodGet, p.base+api.PathOrganizations, token, "", header...))(t)
	}
	read[api.OrganizationList](t, look(told, stripped(seller)), http.StatusOK)
	read[api.OrganizationList](t, look(told, c.schedulerToken(doorAudience, seller)), http.StatusOK)
	refused(t, look(told, stripped(seller), "X-Serverless-Authorization", "Bearer x"), api.Unauthenticated)
	refused(t, look(told, stripped("bob@vendor.example.com")), api.Forbidden)
	refused(t, look(untold, stripped(seller)), api.Unauthenticated)
}

// TestRevokedTokens: with CHECK_REVOKED the acquire function asks Identity
// Platform, as the service account.
func TestRevokedTokens(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 2)
	p := c.start("Acquire", "CHECK_REVOKED=true")
	ann, bob := c.user(t, "ann", "acme"), c.user(t, "bob", "acme")
	ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
	c.idp.Revoke("", "ann", time.Now().Add(time.Minute))
	refused(t, ann.acquire(p, "hardware-of-ann"), api.Unauthenticated)
	bob.session(bob.acquire(p, "hardware-of-bob"), http.StatusCreated)
}

// TestRevokedAdministrators: the same of who administers, whose tokens would let him end
// others' sessions for an hour.
func TestRevokedAdministrators(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 2)
	p := c.start("Admin", "CHECK_REVOKED=true")
	oda, abe := c.person(t, "oda", "acme", "owner", time.Time{}), c.person(t, "abe", "acme", "admin", time.Time{})
	read[api.SessionList](t, oda.call(p, http.MethodGet, pathAdminSessions, ""), http.StatusOK)
	c.idp.Revoke("", "oda", time.Now().Add(time.Minute))
	refused(t, oda.call(p, http.MethodGet, pathAdminSessions, ""), api.Unauthenticated)
	read[api.SessionList](t, abe.call(p, http.MethodGet, pathAdminSessions, ""), http.StatusOK)
}

// TestTracesLeaveBeforeTheProcess: the spans of the last request are sent while
// the process ends, and hold nothing of the caller's.
func TestTracesLeaveBeforeTheProcess(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1)
	var mu sync.Mutex
	var spans bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&spans, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	p := c.start("Acquire", signingByRoot, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=600000")
	ann := c.user(t, "ann", "acme")
	ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
	p.signal(syscall.SIGTERM)
	if code := p.ended(killLimit); code != 0 {
		t.Errorf("exit code %d", code)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{api.PathAcquire, "AsymmetricSign", "evalsha"} {
		if !strings.Contains(spans.String(), want) {
			t.Errorf("no span about %s", want)
		}
	}
	for _, secret := range c.secrets() {
		if strings.Contains(spans.String(), secret) {
			t.Errorf("a span holds %q", secret)
		}
	}
}

// TestManifestIsAlone: the buildpack fails on a test or a main beside it.
func TestManifestIsAlone(t *testing.T) {
	t.Parallel()
	files := must(filepath.Glob("../../*.go"))(t)
	if len(files) != 1 || filepath.Base(files[0]) != "functions.go" {
		t.Errorf("Go files at the root: %q, want functions.go alone", files)
	}
	// The buildpack looks for this import to choose its template.
	if text := must(os.ReadFile("../../functions.go"))(t); !bytes.Contains(text, []byte(`"github.com/GoogleCloudPlatform/functions-framework-go/functions"`)) {
		t.Error("functions.go does not import the framework's functions package")
	}
}
