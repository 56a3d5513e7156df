package devstack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(m)) }

func stack(t *testing.T, opts devstack.Options) *devstack.Stack {
	t.Helper()
	s, err := devstack.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// request is a call as from this machine; change it as needed.
func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func serve(s *devstack.Stack, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Local().ServeHTTP(w, r)
	return w
}

// object sends a request and reads the JSON object that must come back.
func object(t *testing.T, s *devstack.Stack, status int, method, path, body string) map[string]any {
	t.Helper()
	w := serve(s, request(t, method, path, body))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, status)
	}
	return out
}

// TestSeeds are the organizations every local run begins with.
func TestSeeds(t *testing.T) {
	s := stack(t, devstack.Defaults())
	type seat struct {
		product string
		seats   int
	}
	for org, want := range map[string]struct {
		seats    int
		licenses map[string]seat
	}{
		"acme":   {100, map[string]seat{"acme-pro": {"studio", 3}}},
		"globex": {4, map[string]seat{"globex-team": {"studio", 5}, "globex-lab": {"lab", 5}}},
	} {
		e, err := s.Service.Record.Entitlements(t.Context(), license.ServiceCaller(org))
		if err != nil || e.Organization.MaxConcurrentSeats != want.seats || e.Organization.Status != license.StatusActive {
			t.Errorf("%s: %+v, %v", org, e.Organization, err)
		}
		got := map[string]seat{}
		for _, l := range e.Licenses {
			got[l.ID] = seat{l.Product, l.MaxSeats}
		}
		if !reflect.DeepEqual(got, want.licenses) {
			t.Errorf("%s: licenses %v, want %v", org, got, want.licenses)
		}
	}
}

// TestUnsignedTokens are refused here as they are in the cloud.
func TestUnsignedTokens(t *testing.T) {
	s := stack(t, devstack.Defaults())
	good := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme"}`)["id_token"].(string)
	for name, token := range map[string]string{
		"alg none": fakeidp.Unsigned(good, s.IDP.KeyID()), "signature cut off": good[:strings.LastIndexByte(good, '.')+1], "another signature": good[:len(good)-8] + "AAAAAAAA",
	} {
		if got := acquire(t, s, token); got != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := acquire(t, s, good); got != http.StatusCreated {
		t.Errorf("the real one: %d", got)
	}
}

func acquire(t *testing.T, s *devstack.Stack, token string) int {
	t.Helper()
	r := request(t, http.MethodPost, api.PathAcquire, `{"hardware_id":"hw"}`)
	r.Header.Set("Authorization", "Bearer "+token)
	return serve(s, r).Code
}

// TestEveryOptionIsTaken: the pace, the clock, the log.
func TestEveryOptionIsTaken(t *testing.T) {
	var log bytes.Buffer
	at := time.Now().Add(-time.Hour)
	s := stack(t, devstack.Options{
		SessionTTL: time.Minute, HeartbeatInterval: 7 * time.Second, TokenTTL: 2 * time.Minute, RateLimitPerUser: 1,
		Now: func() time.Time { return at }, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	token := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme","ttl_seconds":7200}`)["id_token"].(string)
	r := request(t, http.MethodPost, api.PathAcquire, `{"hardware_id":"hw"}`)
	r.Header.Set("Authorization", "Bearer "+token)
	w := serve(s, r)
	var got api.Session
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if d := got.ExpiresAt.Sub(got.ServerTime.Time); d != time.Minute {
		t.Errorf("the session lives %v", d)
	}
	if d := got.LicenseTokenExpiresAt.Sub(got.ServerTime.Time); d > 2*time.Minute || d < 119*time.Second {
		t.Errorf("the token lives %v", d)
	}
	if got.HeartbeatIntervalSeconds != 7 {
		t.Errorf("heartbeat every %d s", got.HeartbeatIntervalSeconds)
	}
	if n := strings.Count(log.String(), `"function":"acquire"`); n != 1 {
		t.Errorf("the log:\n%s", log.String())
	}
	if acquire(t, s, token) != http.StatusOK || acquire(t, s, token) != http.StatusTooManyRequests {
		t.Error("no rate limit")
	}
}

// TestOnRealServers: the stack over redis-server, the emulator and another
// process's KMS stand-in.
func TestOnRealServers(t *testing.T) {
	signer, err := fakekms.New(fakekms.Config{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- signer.Serve(listener) }()
	t.Cleanup(func() {
		signer.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	opts := devstack.Defaults()
	opts.Redis, opts.Firestore, opts.KMS = servers.Redis(t).Addr(), warmEmulator(t), listener.Addr().String()
	s := stack(t, opts)
	if s.Redis != nil || s.KMS != nil {
		t.Error("a stand-in was started beside the real server")
	}
	token := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme"}`)["id_token"].(string)
	if got := acquire(t, s, token); got != http.StatusCreated {
		t.Errorf("acquire: %d", got)
	}
	if signer.Calls(fakekms.MethodDecrypt) == 0 { // an earlier run may have made the key
		t.Error("somebody else decrypted the signing key")
	}
	if n, err := s.Service.Record.CountActive(t.Context(), license.ServiceCaller("acme")); n != 1 || err != nil {
		t.Errorf("%d sessions recorded, %v", n, err)
	}
}

// TestASecondRunOnOneEmulator cannot decrypt the first one's signing key, and makes
// another.
func TestASecondRunOnOneEmulator(t *testing.T) {
	opts := devstack.Defaults()
	opts.Firestore = warmEmulator(t)
	first := stack(t, opts)
	before, err := first.Service.Record.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := stack(t, opts)
	after, err := second.Service.Record.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range before.Delegations {
		if !slices.ContainsFunc(after.Delegations, func(now record.Delegation) bool { return now.KeyID == d.KeyID && !now.RevokedAt.IsZero() }) {
			t.Errorf("%s is not revoked", d.KeyID)
		}
	}
	if err := second.Service.Tokens.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// warmEmulator has answered once: its first call may take it longer than the
// stack's own deadline allows.
func warmEmulator(t *testing.T) string {
	t.Helper()
	addr := servers.Firestore(t)
	client, err := record.Dial(t.Context(), record.Target{ProjectID: "warm-up", Emulator: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute}).PutOrganization(t.Context(), license.ServiceCaller("acme"), license.Organization{}); err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestWhatIsNotThere: the start fails, names what is missing, and leaves
// nothing running (TestMain looks).
func TestWhatIsNotThere(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	for want, opts := range map[string]devstack.Options{
		"redis at " + nobody:              {Redis: nobody, SessionTTL: time.Minute, TokenTTL: time.Minute},
		"Firestore emulator at " + nobody: {Firestore: nobody, SessionTTL: time.Minute, TokenTTL: time.Minute},
		"SessionTTL":                      {},
		"invalid":                         {Redis: "not an address", SessionTTL: time.Minute, TokenTTL: time.Minute},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		s, err := devstack.Start(ctx, opts)
		cancel()
		if err == nil {
			t.Errorf("%+v: started", opts)
			_ = s.Close()
		} else if want != "invalid" && !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// TestBare: stacks of several processes start whatever is down, know no
// organization, and take the tokens of one issuer.
func TestBare(t *testing.T) {
	issuer := stack(t, devstack.Defaults())
	server := httptest.NewServer(issuer.IDP.Handler())
	defer server.Close()
	const nobody = "127.0.0.1:1"
	s := stack(t, devstack.Options{
		Redis: nobody, Firestore: nobody, KMS: nobody, IDP: strings.TrimPrefix(server.URL, "http://"), Bare: true,
		SessionTTL: time.Minute, TokenTTL: time.Minute, BackendDeadline: 50 * time.Millisecond, RequestDeadline: 2 * time.Second,
	})
	token := object(t, issuer, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme"}`)["id_token"].(string)
	if got := acquire(t, s, token); got != http.StatusServiceUnavailable {
		t.Errorf("with nothing there: %d", got)
	}
	if got := acquire(t, s, token+"x"); got != http.StatusUnauthorized {
		t.Errorf("with a damaged token: %d", got)
	}
	r := request(t, http.MethodPost, api.PathReap, "")
	r.Header.Set("Authorization", "Bearer "+issuer.SchedulerToken())
	if got := serve(s, r).Code; got != http.StatusServiceUnavailable {
		t.Errorf("the reaper, with nothing there: %d", got)
	}
}

// TestBareKnowsNobody: what is not seeded is not found.
func TestBareKnowsNobody(t *testing.T) {
	s := stack(t, devstack.Options{Bare: true, SessionTTL: time.Minute, TokenTTL: time.Minute})
	token := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme"}`)["id_token"].(string)
	if got := acquire(t, s, token); got != http.StatusNotFound {
		t.Errorf("acme: %d", got)
	}
}

// TestOnStep: the protocol passes its boundaries through the hook.
func TestOnStep(t *testing.T) {
	var steps []seats.Step
	opts := devstack.Defaults()
	opts.OnStep = func(_ context.Context, s seats.Step) error { steps = append(steps, s); return nil }
	s := stack(t, opts)
	token := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"acme"}`)["id_token"].(string)
	if got := acquire(t, s, token); got != http.StatusCreated {
		t.Fatal(got)
	}
	want := []seats.Step{seats.StepOpened, seats.StepStaged, seats.StepLoaded, seats.StepReserved, seats.StepRecorded, seats.StepSigned}
	if !slices.Equal(steps, want) {
		t.Errorf("passed %v, want %v", steps, want)
	}
}

func TestCloseTwice(t *testing.T) {
	s, err := devstack.Start(t.Context(), devstack.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRunReaper and the helper call it with a token it takes.
func TestRunReaper(t *testing.T) {
	s := stack(t, devstack.Defaults())
	first := object(t, s, http.StatusOK, http.MethodPost, "/dev/scheduler", "")
	if first["organizations_visited"] != 2.0 || first["more"] != false {
		t.Errorf("the first run: %v", first)
	}
	w := httptest.NewRecorder()
	s.RunReaper(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"organizations_visited":0`) {
		t.Errorf("the second: %d %s", w.Code, w.Body)
	}
}
