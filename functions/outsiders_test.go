package functions_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions/acquire"
	"github.com/coditect-ai/coditect-licenses/functions/admin"
	"github.com/coditect-ai/coditect-licenses/functions/heartbeat"
	"github.com/coditect-ai/coditect-licenses/functions/release"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestSerializersThatCannotLeaveOut take the same seat: null and "" for what was
// not set, and the members of an answer sent back.
func TestSerializersThatCannotLeaveOut(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	ann := w.user(w.licensed(t, 1), "ann")
	first := ann.take(t, "hw-1")
	acquire := func(body string) api.Session {
		return w.do(t, http.MethodPost, api.PathAcquire, ann.token, body).want(t, http.StatusOK).session(t)
	}
	for _, body := range []string{
		`{"hardware_id":"hw-1","instance_id":null,"license_id":null,"product":null,"client":null}`,
		`{"hardware_id":"hw-1","instance_id":"","license_id":"","product":"","client":""}`,
		`{"hardware_id":"hw-1","client":{"name":null,"version":"","hostname":null}}`,
		`{"hardware_id":" hw-1 ","instance_id":"  "}`,
		`{"hardware_id":"\thw-1\r\n","instance_id":"\t","product":"` + first.Product + ` \n"}`,
		`{"hardware_id":"hw-1","product":" "}`,
		"\ufeff" + `{"hardware_id":"hw-1"}`,
		`{"hardware_id":"` + first.HardwareID + `","instance_id":"` + first.InstanceID + `","license_id":"` + first.LicenseID + `","product":"` + first.Product + `"}`,
	} {
		if got := acquire(body); got.SessionID != first.SessionID || got.HardwareID != "hw-1" || got.InstanceID != "" {
			t.Errorf("%s took %+v", body, got)
		}
	}
	for body, field := range map[string]string{
		`{"hardware_id":null}`: "hardware_id", `{"hardware_id":"  "}`: "hardware_id", `{}`: "hardware_id",
		`{"hardware_id":"hw-1","seats_used":1}`: "seats_used", `{"hardware_id":"hw-1","instance_id":1}`: "instance_id",
	} {
		a := w.do(t, http.MethodPost, api.PathAcquire, ann.token, body)
		if a.refused(t, "invalid_request"); !strings.Contains(string(a.body), `"field":"`+field+`"`) {
			t.Errorf("%s: %s", body, a.body)
		}
	}
}

// TestOtherVerbsDoTheSame, with any body, for programs that cannot send PATCH,
// DELETE or nothing.
func TestOtherVerbsDoTheSame(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 1)
	ann := w.user(org, "ann")
	for _, body := range []any{nil, "", "{}", "null", `{"a":`, "\xff", "a=b"} {
		for _, release := range []func(id string) answer{
			func(id string) answer { return w.do(t, http.MethodDelete, api.SessionPath(id), ann.token, body) },
			func(id string) answer { return w.do(t, http.MethodPost, api.ReleasePath(id), ann.token, body) },
		} {
			session := ann.take(t, "hw")
			for _, method := range []string{http.MethodPatch, http.MethodPost} {
				a := w.do(t, method, api.HeartbeatPath(session.SessionID), ann.token, body).want(t, http.StatusOK)
				if got := a.session(t); got.SessionID != session.SessionID {
					t.Errorf("%s answers %+v", method, got)
				}
			}
			for range 2 {
				release(session.SessionID).want(t, http.StatusNoContent)
			}
			w.wantEnded(t, org, session.SessionID, license.EndReleased)
		}
	}
	session := ann.take(t, "hw")
	bob, boss := w.user(org, "bob"), w.userAs(org, "boss", license.RoleAdmin)
	w.do(t, http.MethodPost, api.HeartbeatPath(session.SessionID), bob.token, nil).refused(t, "session_not_found")
	for _, a := range []answer{bob.release(t, session.SessionID), w.do(t, http.MethodPost, api.ReleasePath(session.SessionID), bob.token, nil)} {
		a.refused(t, "session_not_found")
	}
	w.do(t, http.MethodPost, api.ReleasePath(session.SessionID), boss.token, nil).want(t, http.StatusNoContent)
	w.wantEnded(t, org, session.SessionID, license.EndRevoked)
}

// TestTextsOfTheProgramAreKeptPresentable, and never cost a seat.
func TestTextsOfTheProgramAreKeptPresentable(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 1)
	ann := w.user(org, "ann")
	session := ann.acquire(t, "hw", map[string]any{"client": map[string]any{
		"name": "Stu\x00dio\u202e\r\n", "version": "\x1b[1m" + strings.Repeat("é", 500), "hostname": "\u200b",
	}}).want(t, http.StatusCreated).session(t)
	want := license.Client{Name: "Studio", Version: "[1m" + strings.Repeat("é", 125)}
	if got := w.recorded(t, org, session.SessionID).Client; got != want {
		t.Errorf("the record has %+v", got)
	}
	ann.release(t, session.SessionID).want(t, http.StatusNoContent)
	body := "{\"hardware_id\":\"hw\",\"client\":{\"name\":\"Stud\xefo\",\"version\":\"4.10\",\"hostname\":\"\\ud83d\"}}"
	session = w.do(t, http.MethodPost, api.PathAcquire, ann.token, body).want(t, http.StatusCreated).session(t)
	want = license.Client{Name: "Stud\ufffdo", Version: "4.10", Hostname: "\ufffd"}
	if got := w.recorded(t, org, session.SessionID).Client; got != want {
		t.Errorf("the record has %+v", got)
	}
}

// TestPagesSendWhatIsRead: a browser lets a page send every header that an operation
// reads, and read the revision that a change needs. Those that hold seats have neither.
func TestPagesSendWhatIsRead(t *testing.T) {
	const origin = "https://console.example.com"
	opts := web.Options{Origins: []string{origin}}
	nobody := func(context.Context, string) (license.Caller, error) {
		return license.Caller{}, license.ErrUnauthenticated
	}
	doors := map[http.Handler][]web.Operation{
		admin.New(opts, admin.Deps{Authenticate: nobody}):         admin.Operations(),
		acquire.New(opts, acquire.Deps{Authenticate: nobody}):     acquire.Operations(),
		heartbeat.New(opts, heartbeat.Deps{Authenticate: nobody}): heartbeat.Operations(),
		release.New(opts, release.Deps{Authenticate: nobody}):     release.Operations(),
	}
	changes := 0
	for door, operations := range doors {
		for _, op := range operations {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, regexp.MustCompile(`{\w+}`).ReplaceAllString(op.Path, "x"), nil)
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", op.Method)
			answer := httptest.NewRecorder()
			door.ServeHTTP(answer, r)
			allowed, exposed := answer.Header().Get("Access-Control-Allow-Headers"), answer.Header().Get("Access-Control-Expose-Headers")
			if strings.HasPrefix(op.Path, "/api/v1/admin/") {
				for _, header := range op.Headers {
					if !strings.Contains(allowed, header.Name) {
						t.Errorf("%s: a page may send %q, not %s", op.ID, allowed, header.Name)
					}
					if changes++; header.Name == api.HeaderIfMatch && !strings.Contains(exposed, "ETag") {
						t.Errorf("%s: a page may read %q, and no revision", op.ID, exposed)
					}
				}
			} else if allowed != "Authorization, Content-Type, traceparent" || exposed != "Retry-After, X-Request-Id, Location" {
				t.Errorf("%s: a page may send %q and read %q", op.ID, allowed, exposed)
			}
		}
	}
	if changes < 8 {
		t.Errorf("only %d operations read headers", changes)
	}
}

// TestUnknownOrganizationsLeaveNothing: neither in the record nor in Redis, whatever
// is asked for, and also when the record is away.
func TestUnknownOrganizationsLeaveNothing(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		known := w.user(w.licensed(t, 1), "ann").take(t, "hw")
		const nowhere = "nowhere-at-all"
		w.reap(t) // the first run loads the ledgers of all
		var mu sync.Mutex
		var called []string
		w.outage.set(func(_ context.Context, method string) error {
			mu.Lock()
			defer mu.Unlock()
			called = append(called, method)
			return nil
		}, nil)
		for _, role := range []license.Role{license.RoleMember, license.RoleOwner} {
			eve := w.userAs(nowhere, "eve", role)
			for _, id := range []string{nobodysSession, known.SessionID} {
				for _, a := range []answer{
					eve.acquire(t, "hw"), eve.acquire(t, "hw", map[string]any{"license_id": "acme-pro"}), eve.acquire(t, "hw", map[string]any{"product": "studio"}),
					eve.beat(t, id), eve.renew(t, id), w.do(t, http.MethodPost, api.HeartbeatPath(id), eve.token, nil),
					eve.release(t, id), w.do(t, http.MethodPost, api.ReleasePath(id), eve.token, nil),
				} {
					a.refused(t, "organization_not_found")
				}
			}
		}
		w.reap(t)
		mu.Lock()
		defer mu.Unlock()
		for _, method := range []string{"OpenEpoch", "Create", "End"} {
			if slices.Contains(called, method) {
				t.Errorf("the record was asked to %s", method)
			}
		}
		if keys := w.keys(t, "*"+nowhere+"*"); len(keys) > 0 {
			t.Errorf("Redis has %q", keys)
		}
	})
}

// keys are those of Redis that fit a pattern.
func (w *world) keys(t *testing.T, pattern string) []string {
	t.Helper()
	var addr string
	if w.server != nil {
		addr = w.server.Addr()
	} else {
		addr = w.stack.Redis.Addr()
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	keys, err := client.Keys(t.Context(), pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestSignInMistakesAreNamed to the caller, in the header and in the body.
func TestSignInMistakesAreNamed(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	for token, kind := range map[string]string{
		"undefined":                 "never set",
		"ya29.secret":               "access token",
		"AMf-vB-secret":             "refresh token",
		"secret":                    "not a JWT",
		w.stack.SchedulerToken():    "Google itself",
		strings.Repeat("a", 33<<10): "longer than 32 KiB",
	} {
		a := w.do(t, http.MethodPost, api.PathAcquire, token, map[string]any{"hardware_id": "hw"})
		a.refused(t, "unauthenticated")
		challenge := a.header.Get("WWW-Authenticate")
		if !strings.Contains(challenge, `error="invalid_token", error_description="`) || !strings.Contains(challenge, kind) || !strings.Contains(string(a.body), kind) {
			t.Errorf("%.20s: %s %s", token, challenge, a.body)
		}
		if strings.Contains(challenge+string(a.body), token) && token != "undefined" {
			t.Errorf("%.20s is quoted", token)
		}
	}
}
