package observability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// day is a day of the service: everything that the metrics and
// alerts are about happens once, on the real functions, and is logged.
type day struct {
	*testing.T
	stack  *devstack.Stack
	record record.Record
	log    *dayLog
	// down names the methods of the record that fail now.
	mu   sync.Mutex
	down []string
}

// dayLog is written to by many.
type dayLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *dayLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// liveDay returns the day's lines as Cloud Logging would have them.
func liveDay(t *testing.T) []entry {
	t.Helper()
	d := &day{T: t, log: &dayLog{}}
	opts := devstack.Defaults()
	opts.Log = telemetry.NewLogger(d.log, slog.LevelInfo)
	memory := record.NewMemory().TellEvents()
	d.record = litter{&recordtest.Faulty{Record: memory, Before: d.outage}}
	opts.Record, opts.Administration, opts.Outbox, opts.RateLimitPerUser = d.record, memory, memory, perSecond
	var err error
	if d.stack, err = devstack.Start(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.stack.Close() })
	d.customers()
	d.receivers(memory)
	d.strangers()
	d.outages()
	d.impossible()
	d.wrongClock()
	d.loss()
	return d.entries()
}

func (d *day) outage(_ context.Context, method string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.down, method) {
		return recordtest.Outage(nil)
	}
	return nil
}

func (d *day) setDown(methods ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = methods
}

// customers fill a license, are refused, work and leave; the reaper runs.
func (d *day) customers() {
	first := d.acquire("ann", http.StatusCreated)
	d.acquire("ann", http.StatusOK)
	second := d.acquire("bob", http.StatusCreated)
	d.acquire("cem", http.StatusCreated)
	d.acquire("dan", http.StatusConflict)
	d.beat("ann", first, http.StatusOK)
	d.do(http.MethodPatch, api.HeartbeatPath(first)+"?token=renew", d.token("ann"), "", http.StatusOK)
	d.release("bob", second)
	d.beat("bob", second, http.StatusGone)
	d.reap(http.StatusOK)
	d.stack.Redis.Advance(devstack.Defaults().SessionTTL + time.Second)
	d.reap(http.StatusOK) // ends the sessions of ann and cem
}

// receivers take events, or do not for so long that those are given up.
func (d *day) receivers(memory *record.Memory) {
	d.Helper()
	takes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer takes.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	acme, now := license.ServiceCaller("acme"), time.Now()
	for id, url := range map[string]string{"crm": takes.URL, "gone": gone.URL} {
		act := record.Act{Actor: "eve@vendor.example", At: now}
		if _, err := memory.CreateWebhook(d.Context(), acme, act, webhook.Webhook{ID: id, URL: url, Enabled: true}); err != nil {
			d.Fatal(err)
		}
	}
	found, err := memory.Events(d.Context(), acme, 100)
	if err == nil {
		err = memory.TakeEvents(d.Context(), acme, found.Events, now.Add(-webhook.GiveUp-time.Hour))
	}
	if err != nil {
		d.Fatal(err)
	}
	d.release("gil", d.acquire("gil", http.StatusCreated))
	w := httptest.NewRecorder()
	d.stack.RunDeliver(w, httptest.NewRequestWithContext(d.Context(), http.MethodPost, api.PathDeliver, nil))
	if w.Code != http.StatusOK {
		d.Fatalf("deliver: %d %s", w.Code, w.Body)
	}
}

// strangers are refused at the door.
func (d *day) strangers() {
	d.do(http.MethodPost, api.PathAcquire, "no-token", `{"hardware_id":"hw"}`, http.StatusUnauthorized)
	d.do(http.MethodGet, "/wp-login.php", "", "", http.StatusNotFound)
	d.do(http.MethodGet, api.PathJWKS, "", "", http.StatusOK)
	nobodys := d.stack.IDP.IDToken(fakeidp.Claims{UserID: "lou"}) // of no organization
	d.do(http.MethodPost, api.PathAcquire, nobodys, `{"hardware_id":"hw"}`, http.StatusForbidden)
	for d.status(http.MethodPost, api.PathAcquire, d.token("max"), `{}`) != http.StatusTooManyRequests {
	}
}

// perSecond is what one user of the day may ask for: little, so that somebody who
// does not stop soon has asked too often.
const perSecond = 10

// outages of the record and of the KMS, seen by clients and not.
func (d *day) outages() {
	d.setDown("Create")
	d.acquire("eve", http.StatusServiceUnavailable)
	d.setDown()
	session := d.acquire("fay", http.StatusCreated)
	d.stack.KMS.SetBefore(func(context.Context, string) error { return errors.New("down") })
	d.revoke(d.signingKey()) // the next key is made at once, and cannot be
	d.reap(http.StatusOK)
	d.stack.KMS.SetBefore(nil)
	d.reap(http.StatusOK) // makes it
	d.setDown("End")
	d.release("fay", session)
	d.setDown()
}

// impossible has a ledger that sells seats twice.
func (d *day) impossible() {
	broken, err := seats.New(liar{d.stack.Service.Ledger}, d.stack.Service.Record, seats.Options{
		SessionTTL: devstack.Defaults().SessionTTL, Log: d.stack.Service.Log,
	})
	if err != nil {
		d.Fatal(err)
	}
	caller := license.Caller{OrganizationID: "globex", UserID: "gus", Role: license.RoleMember}
	_, err = broken.Acquire(d.Context(), caller, seats.Request{
		Terms: license.NewTerms(
			license.Organization{ID: "globex", MaxConcurrentSeats: 4, Status: license.StatusActive},
			license.License{ID: "globex-team", MaxSeats: 5, Status: license.StatusActive}, "gus",
		),
		Holder: license.Holder{UserID: "gus", HardwareID: "hw"},
	}, func(context.Context, ledger.Hold) error { return nil })
	if err != nil {
		d.Fatal(err)
	}
}

type liar struct{ ledger.Ledger }

func (l liar) Reserve(ctx context.Context, caller license.Caller, r ledger.Reservation) (ledger.Hold, error) {
	h, err := l.Ledger.Reserve(ctx, caller, r)
	if err == nil {
		h.PoolsUsed[0] += 5
	}
	return h, err
}

// wrongClock has an instance beside the others whose clock is an hour ahead.
func (d *day) wrongClock() {
	session := d.acquire("hal", http.StatusCreated)
	opts := devstack.Defaults()
	opts.Log, opts.Record, opts.Redis, opts.Bare = telemetry.NewLogger(d.log, slog.LevelInfo), d.record, d.stack.Redis.Addr(), true
	opts.LedgerClock = func() time.Time { return d.stack.Redis.Now().Add(time.Hour) }
	stack, err := devstack.Start(d.Context(), opts)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = stack.Close() }()
	instance := &day{T: d.T, log: d.log, stack: stack}
	instance.acquire("kim", http.StatusServiceUnavailable)
	instance.beat("hal", session, http.StatusOK)
	d.release("hal", session)
}

// litter is a record in which somebody has broken a document.
type litter struct{ record.Record }

func (l litter) ActiveSessions(ctx context.Context, caller license.Caller, part int, after string, visit func(record.Page) error) error {
	return l.Record.ActiveSessions(ctx, caller, part, after, func(p record.Page) error {
		p.Unreadable = append(p.Unreadable, "0b-broken-by-hand")
		return visit(p)
	})
}

// loss of Redis: first of its data, then of itself.
func (d *day) loss() {
	d.stack.Redis.Lose()
	d.acquire("ida", http.StatusCreated)
	d.stack.Redis.Close()
	d.acquire("jim", http.StatusServiceUnavailable)
	d.reap(http.StatusServiceUnavailable)
}

func (d *day) acquire(user string, want int) (session string) {
	d.Helper()
	body := d.do(http.MethodPost, api.PathAcquire, d.token(user), `{"hardware_id":"hw-secret"}`, want)
	var s api.Session
	if err := json.Unmarshal(body, &s); err != nil {
		d.Fatal(err)
	}
	return s.SessionID
}

func (d *day) beat(user, session string, want int) {
	d.Helper()
	d.do(http.MethodPatch, api.HeartbeatPath(session), d.token(user), "", want)
}

func (d *day) release(user, session string) {
	d.Helper()
	d.do(http.MethodDelete, api.SessionPath(session), d.token(user), "", http.StatusNoContent)
}

func (d *day) reap(want int) {
	d.Helper()
	d.do(http.MethodPost, api.PathReap, d.stack.SchedulerToken(), "", want)
}

// signingKey is the kid of a delegation that is published.
func (d *day) signingKey() string {
	d.Helper()
	var set struct {
		Keys []struct {
			KeyID       string   `json:"kid"`
			Certificate []string `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(d.do(http.MethodGet, api.PathJWKS, "", "", http.StatusOK), &set); err != nil {
		d.Fatal(err)
	}
	for _, key := range set.Keys {
		if len(key.Certificate) > 0 {
			return key.KeyID
		}
	}
	d.Fatal("no delegation is published")
	return ""
}

func (d *day) revoke(kid string) {
	d.Helper()
	d.do(http.MethodPost, "/internal/v1/keys/"+kid+"/revoke", d.stack.SchedulerToken(), "", http.StatusOK)
}

func (d *day) token(user string) string {
	now := time.Now()
	return d.stack.IDP.IDToken(fakeidp.Claims{UserID: user, TenantID: "acme", Email: user + "@acme.example", IssuedAt: now, ExpiresAt: now.Add(time.Hour)})
}

func (d *day) do(method, path, bearer, body string, want int) []byte {
	d.Helper()
	w := d.send(method, path, bearer, body)
	if w.Code != want {
		d.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, want)
	}
	return w.Body.Bytes()
}

func (d *day) status(method, path, bearer, body string) int {
	return d.send(method, path, bearer, body).Code
}

func (d *day) send(method, path, bearer, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(d.Context(), method, path, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	d.stack.Handler().ServeHTTP(w, r)
	return w
}

// entries are the lines as Cloud Run hands them on: severity, httpRequest, time
// and trace become fields of the entry, the rest is its jsonPayload
// (https://cloud.google.com/logging/docs/structured-logging).
func (d *day) entries() (out []entry) {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	for line := range strings.Lines(d.log.buf.String()) {
		payload := map[string]any{}
		if err := json.Unmarshal([]byte(line), &payload); err != nil {
			d.Fatalf("a line is not JSON: %s", line)
		}
		e := entry{logID: "run.googleapis.com/stdout", fields: map[string]any{"resource.type": "cloud_run_revision"}}
		function, _ := payload["function"].(string)
		if function == "" {
			function = "acquire" // a line of the parts that all functions share
		}
		e.fields["resource.labels.service_name"] = "licenses-" + function
		for name, value := range payload {
			switch {
			case name == "severity":
				e.fields[name] = value
			case name == "httpRequest":
				for inner, v := range value.(map[string]any) {
					e.fields["httpRequest."+inner] = v
				}
			case name == "time" || strings.HasPrefix(name, "logging.googleapis.com/"):
			default:
				e.fields["jsonPayload."+name] = value
			}
		}
		out = append(out, e)
	}
	return out
}
