package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestACrowd: many at once get exactly the seats there are.
func TestACrowd(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		const seats, crowd = 5, 16
		org := w.licensed(t, seats)
		w.user(org, "early").acquire(t, "hw").want(t, http.StatusCreated)
		var mu sync.Mutex
		got := map[int]int{}
		race(t, crowd, func(i int) error {
			a := w.user(org, fmt.Sprintf("u-%d", i)).acquire(t, "hw")
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
			return nil
		})
		if got[http.StatusCreated] != seats-1 || got[http.StatusConflict] != crowd-seats+1 {
			t.Errorf("answers by status: %v", got)
		}
		if s := w.state(t, org); s.held != seats || len(s.active) != seats {
			t.Errorf("held and recorded: %+v", s)
		}
	})
}

// TestContentionEndsInASeatOrARefusal: many more than there are seats come and
// go; with all backends well nobody is told that the service is unavailable.
func TestContentionEndsInASeatOrARefusal(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		const seats, crowd, rounds = 5, 48, 4
		org := w.licensed(t, seats)
		var mu sync.Mutex
		got := map[int]int{}
		race(t, crowd, func(i int) error {
			u := w.user(org, fmt.Sprintf("u-%d", i))
			for range rounds {
				a := u.acquire(t, "hw")
				mu.Lock()
				got[a.status]++
				mu.Unlock()
				var s api.Session
				if a.status != http.StatusCreated {
					continue
				}
				if err := json.Unmarshal(a.body, &s); err != nil {
					return err
				}
				if r := u.release(t, s.SessionID); r.status != http.StatusNoContent {
					return fmt.Errorf("release: %d %s", r.status, r.body)
				}
			}
			return nil
		})
		if got[http.StatusCreated]+got[http.StatusConflict] != crowd*rounds {
			t.Errorf("answers by status: %v", got)
		}
		if s := w.state(t, org); s.held != 0 || len(s.active) != 0 {
			t.Errorf("held and recorded: %+v", s)
		}
	})
}

// TestOneHolderManyTimes: windows that start together share one seat, also the last.
func TestOneHolderManyTimes(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		var mu sync.Mutex
		created, ids := 0, map[string]bool{}
		race(t, 8, func(int) error {
			a := w.user(org, "ann").acquire(t, "hw")
			if a.status != http.StatusCreated && a.status != http.StatusOK {
				return fmt.Errorf("%d %s", a.status, a.body)
			}
			var s api.Session
			if err := json.Unmarshal(a.body, &s); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			ids[s.SessionID] = true
			if a.status == http.StatusCreated {
				created++
			}
			return nil
		})
		if len(ids) != 1 || created != 1 {
			t.Errorf("sessions %v, %d of them new", ids, created)
		}
		if s := w.state(t, org); s.held != 1 || len(s.active) != 1 || !ids[s.active[0]] {
			t.Errorf("held and recorded: %+v", s)
		}
	})
}

// TestReleaseAndHeartbeatAtOnce: once a release is acknowledged no heartbeat
// succeeds, whoever was first.
func TestReleaseAndHeartbeatAtOnce(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		for range 5 {
			id := ann.take(t, "hw").SessionID
			race(t, 4, func(i int) error {
				if i%2 == 0 {
					if a := ann.release(t, id); a.status != http.StatusNoContent {
						return fmt.Errorf("release: %d %s", a.status, a.body)
					}
				} else if a := ann.beat(t, id); a.status != http.StatusOK && a.status != http.StatusGone {
					return fmt.Errorf("heartbeat: %d %s", a.status, a.body)
				}
				return nil
			})
			ann.beat(t, id).refused(t, "session_ended").wantMember(t, "reason", "released")
			w.wantEnded(t, org, id, license.EndReleased)
		}
	})
}

// TestTheClientLeaves while KMS signs its token: its seat is given back all the same.
func TestTheClientLeaves(t *testing.T) {
	onEach(t, byRoot(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		cem := w.user(org, "cem")
		cem.release(t, cem.take(t, "hw").SessionID).want(t, http.StatusNoContent) // the keys are known
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		w.stack.KMS.SetBefore(func(ctx context.Context, _ string) error {
			leave()
			<-ctx.Done()
			return ctx.Err()
		})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+api.PathAcquire, strings.NewReader(`{"hardware_id":"hw"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.user(org, "ann").token)
		r.Header.Set("Content-Type", "application/json")
		if response, err := w.http.Client().Do(r); err == nil {
			_ = response.Body.Close()
			t.Fatalf("answered %s after the client had left", response.Status)
		}
		eventually(t, func() bool { s := w.state(t, org); return s.held == 0 && len(s.active) == 0 })
		w.kmsUp()
		w.user(org, "bob").take(t, "hw")
	})
}

// TestManyLicenses: more than one script can be told of at once.
func TestManyLicenses(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 3)
		ends := time.Now().Add(3 * time.Minute).UTC().Truncate(time.Second)
		for i := range 40 {
			lic := license.License{ID: fmt.Sprintf("l-%d", i), Product: "studio", MaxSeats: 1, Status: license.StatusActive, ExpiresAt: ends}
			if err := w.record.PutLicense(t.Context(), license.ServiceCaller(org), lic); err != nil {
				t.Fatal(err)
			}
		}
		ann := w.user(org, "ann")
		var ids []string
		for _, l := range []string{"l-0", "l-20", "l-39"} {
			ids = append(ids, ann.take(t, "hw", map[string]any{"license_id": l}).SessionID)
			w.user(org, "bob").acquire(t, "hw", map[string]any{"license_id": l}).refused(t, "no_seats_available").wantMember(t, "limit", "license")
		}
		w.user(org, "bob").acquire(t, "hw", map[string]any{"license_id": "l-1"}).refused(t, "no_seats_available").wantMember(t, "limit", "organization")
		for _, id := range ids {
			if s := ann.beat(t, id).want(t, http.StatusOK).session(t); s.LicenseToken == "" || s.SeatsUsed != 1 {
				t.Errorf("heartbeat: %+v", s)
			}
			if s := ann.renew(t, id).want(t, http.StatusOK).session(t); !s.LicenseTokenExpiresAt.Equal(ends) {
				t.Errorf("the token outlives the license: %v, %v", s.LicenseTokenExpiresAt, ends)
			}
			ann.release(t, id).want(t, http.StatusNoContent)
		}
		w.user(org, "bob").take(t, "hw", map[string]any{"license_id": "l-1"})
	})
}

// TestTheLogKeepsSecrets: one line per request, and in none of them a token, a
// machine's fingerprint or anything of a person but what the log is for.
func TestTheLogKeepsSecrets(t *testing.T) {
	var log logBuffer
	opts := byRoot()
	opts.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	ann := w.user(org, "ann-of-secrets")
	s := ann.take(t, "secret-hardware", map[string]any{"instance_id": "secret-instance", "client": map[string]any{"hostname": "secret-host"}})
	renewed := ann.renew(t, s.SessionID).session(t)
	ann.acquire(t, "secret-hardware", map[string]any{"instance_id": "other-secret"}).refused(t, "no_seats_available")
	w.do(t, http.MethodPost, api.PathAcquire, ann.token, `{"hardware_id":"secret-hardware","secret-member":1}`).refused(t, "invalid_request")
	w.do(t, http.MethodPatch, api.HeartbeatPath("secret-session"), ann.token, nil).refused(t, "session_not_found")
	user{w: w, token: ann.token + "x"}.beat(t, s.SessionID).refused(t, "unauthenticated")
	w.kmsDown(codes.Unavailable)
	ann.renew(t, s.SessionID).want(t, http.StatusOK) // without a token
	ann.release(t, s.SessionID).want(t, http.StatusNoContent)
	w.reap(t)
	w.killRedis()
	ann.acquire(t, "secret-hardware").refused(t, "unavailable")

	w.close() // the line of a request follows its answer: wait for the last
	if n := strings.Count(log.String(), `"request_id":`); n != 10 {
		t.Errorf("%d lines for 10 requests:\n%s", n, log.String())
	}
	for _, secret := range []string{ann.token, s.LicenseToken, renewed.LicenseToken, "secret-", "-secret", "@example.com", "eyJ"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %.40q:\n%s", secret, log.String())
		}
	}
	for _, wanted := range []string{org, s.SessionID, `"code":"no_seats_available"`, `"function":"reaper"`} {
		if !strings.Contains(log.String(), wanted) {
			t.Errorf("the log lacks %s", wanted)
		}
	}
}

// logBuffer is written to by requests and read by the test.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await is the first line that holds part. A request's line is written after
// its answer was sent, so the client may be the quicker one.
func (l *logBuffer) await(t *testing.T, part string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for line := range strings.Lines(l.String()) {
			if strings.Contains(line, part) {
				return line
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no line with %s in:\n%s", part, l)
		case <-tick.C:
		}
	}
}
