package functions_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// nobodysSession is a session id that was never given out.
const nobodysSession = "01993f5a-6c00-7000-8000-000000000001"

// scene is an organization in which ann holds one of two seats.
type scene struct {
	w    *world
	org  string
	ann  user
	held string // ann's session
}

func newScene(t *testing.T, w *world) *scene {
	t.Helper()
	org := w.licensed(t, 2)
	ann := w.user(org, "ann")
	return &scene{w: w, org: org, ann: ann, held: ann.take(t, "hw-ann").SessionID}
}

// with is a user of the scene's organization whose token is this one.
func (s *scene) with(claims fakeidp.Claims) user {
	return user{w: s.w, org: s.org, id: "odd", token: s.w.stack.IDP.IDToken(claims)}
}

func (s *scene) organization(t *testing.T, change map[string]any) {
	s.w.putOrganization(t, s.org, change)
}

func (s *scene) license(t *testing.T, change map[string]any) {
	change["max_seats"] = 2
	s.w.putLicense(t, s.org, "pro", change)
}

// refusal is one way to be refused.
type refusal struct {
	name, code string
	call       func(t *testing.T, s *scene) answer
	check      func(t *testing.T, p problem, a answer)
}

// TestEveryRefusal provokes the lines of the contract's table one by one.
// After each of them nothing has changed: the same seats are held, the same
// sessions recorded, and exactly the one seat left can be taken.
func TestEveryRefusal(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		seen := map[string]bool{ // tests of their own
			"rate_limited": true, "internal": true, "unavailable": true, "forbidden": true, "insufficient_user_authentication": true,
			"user_not_found": true, "webhook_not_found": true, "delivery_not_found": true, "key_not_found": true, "email_taken": true, "last_owner": true, "in_use": true,
			"already_exists": true, "idempotency_key_reused": true, "secret_told": true, "precondition_failed": true, "precondition_required": true,
		}
		all := append(append(identityRefusals(), acquireRefusals()...), sessionRefusals()...)
		for _, r := range append(all, formRefusals()...) {
			seen[r.code] = true
			t.Run(r.code+"/"+r.name, func(t *testing.T) {
				s := newScene(t, w)
				before := w.state(t, s.org)
				a := r.call(t, s)
				p := a.refused(t, r.code)
				if r.check != nil {
					r.check(t, p, a)
				}
				w.wantState(t, s.org, before)
				s.organization(t, map[string]any{})
				s.license(t, map[string]any{})
				if n := w.fill(t, s.org, map[string]any{"license_id": "pro"}); n != 1 {
					t.Errorf("%d seats were left, want 1", n)
				}
			})
		}
		for code := range contract {
			if !seen[code] {
				t.Errorf("nothing provokes %s", code)
			}
		}
	})
}

func identityRefusals() []refusal {
	return []refusal{
		{name: "no token", code: "unauthenticated", call: func(t *testing.T, s *scene) answer {
			return user{w: s.w}.acquire(t, "hw")
		}, check: func(t *testing.T, _ problem, a answer) {
			if got := a.header.Get("WWW-Authenticate"); strings.Contains(got, "error=") {
				t.Errorf("an error although no token was given: %s", got) // RFC 6750, section 3.1
			}
		}},
		{name: "not a token", code: "unauthenticated", call: func(t *testing.T, s *scene) answer {
			return user{w: s.w, token: "e30.e30.e30"}.acquire(t, "hw")
		}, check: func(t *testing.T, _ problem, a answer) {
			if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
				t.Errorf("WWW-Authenticate: %s", got)
			}
		}},
		{name: "another scheme", code: "unauthenticated", call: func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPost, api.PathAcquire, "", map[string]any{"hardware_id": "hw"}, func(r *http.Request) {
				r.Header.Set("Authorization", "Basic "+s.ann.token)
			})
		}},
		{name: "two tokens", code: "unauthenticated", call: func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPost, api.PathAcquire, s.ann.token, map[string]any{"hardware_id": "hw"}, func(r *http.Request) {
				r.Header.Add("Authorization", "Bearer "+s.ann.token)
			})
		}},
		{name: "no organization", code: "tenant_missing", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "odd"}).acquire(t, "hw")
		}},
		{name: "two organizations", code: "tenant_missing", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "odd", TenantID: s.org, FirebaseTenant: "acme"}).acquire(t, "hw")
		}},
		{name: "an organization that cannot be", code: "tenant_missing", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "odd", TenantID: s.org + "/licenses/pro"}).acquire(t, "hw")
		}},
		{name: "no organization, heartbeat", code: "tenant_missing", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "ann"}).beat(t, s.held)
		}},
		{name: "no organization, release", code: "tenant_missing", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "ann"}).release(t, s.held)
		}},
	}
}

func acquireRefusals() []refusal {
	acquire := func(more map[string]any) func(*testing.T, *scene) answer {
		return func(t *testing.T, s *scene) answer { return s.ann.acquire(t, "hw-2", more) }
	}
	after := func(change func(t *testing.T, s *scene), more map[string]any) func(*testing.T, *scene) answer {
		return func(t *testing.T, s *scene) answer {
			change(t, s)
			return s.ann.acquire(t, "hw-2", more)
		}
	}
	byID := map[string]any{"license_id": "pro"}
	inactive := func(t *testing.T, s *scene) { s.organization(t, map[string]any{"status": "suspended"}) }
	suspended := func(t *testing.T, s *scene) { s.license(t, map[string]any{"status": "suspended"}) }
	expired := func(t *testing.T, s *scene) { s.license(t, map[string]any{"expires_at": time.Now().Add(-time.Second)}) }
	return []refusal{
		{name: "the only license", code: "organization_inactive", call: after(inactive, nil)},
		{name: "by id", code: "organization_inactive", call: after(inactive, byID)},
		{name: "the only license", code: "license_inactive", call: after(suspended, nil)},
		{name: "by id", code: "license_inactive", call: after(suspended, byID)},
		{name: "by product", code: "license_inactive", call: after(suspended, map[string]any{"product": "studio"})},
		{name: "the only license", code: "license_expired", call: after(expired, nil)},
		{name: "by id", code: "license_expired", call: after(expired, byID)},
		{name: "the holder itself", code: "license_expired", call: func(t *testing.T, s *scene) answer {
			expired(t, s)
			return s.ann.acquire(t, "hw-ann")
		}},
		{name: "unknown organization", code: "organization_not_found", call: func(t *testing.T, s *scene) answer {
			return s.with(fakeidp.Claims{UserID: "odd", TenantID: "nowhere"}).acquire(t, "hw")
		}},
		{name: "unknown id", code: "license_not_found", call: acquire(map[string]any{"license_id": "nothing"})},
		{name: "unknown product", code: "license_not_found", call: acquire(map[string]any{"product": "nothing"})},
		{name: "another organization's id", code: "license_not_found", call: acquire(map[string]any{"license_id": "acme-pro"})},
		{
			name: "two licenses", code: "license_ambiguous",
			call: after(func(t *testing.T, s *scene) { s.w.putLicense(t, s.org, "add-on", map[string]any{"product": "lab"}) }, nil),
			check: func(t *testing.T, p problem, _ answer) {
				p.wantMember(t, "licenses", []string{"add-on", "pro"})
			},
		},
		{
			name: "the organization's cap", code: "no_seats_available",
			call: after(func(t *testing.T, s *scene) { s.organization(t, map[string]any{"max_concurrent_seats": 1}) }, nil),
			check: func(t *testing.T, p problem, _ answer) {
				p.wantMember(t, "limit", "organization")
				p.wantMember(t, "seats_used", 1)
				p.wantMember(t, "seats_max", 1)
			},
		},
		{
			name: "a license without seats", code: "no_seats_available",
			call: after(func(t *testing.T, s *scene) { s.w.putLicense(t, s.org, "none", map[string]any{"max_seats": 0}) }, map[string]any{"license_id": "none"}),
			check: func(t *testing.T, p problem, _ answer) {
				p.wantMember(t, "limit", "license")
				p.wantMember(t, "seats_used", 0)
			},
		},
	}
}

func sessionRefusals() []refusal {
	bob := func(s *scene) user { return s.w.user(s.org, "bob") }
	over := func(t *testing.T, s *scene) string {
		id := bob(s).take(t, "hw").SessionID
		bob(s).release(t, id).want(t, http.StatusNoContent)
		return id
	}
	released := func(t *testing.T, p problem, _ answer) { p.wantMember(t, "reason", "released") }
	return []refusal{
		{name: "heartbeat of nobody's", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return s.ann.beat(t, nobodysSession) }},
		{name: "release of nobody's", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return s.ann.release(t, nobodysSession) }},
		{name: "heartbeat of another user's", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return bob(s).beat(t, s.held) }},
		{name: "heartbeat of another user's by an admin", code: "session_not_found", call: func(t *testing.T, s *scene) answer {
			return s.w.userAs(s.org, "eve", license.RoleAdmin).beat(t, s.held)
		}},
		{name: "heartbeat of another user's that is over", code: "session_not_found", call: func(t *testing.T, s *scene) answer {
			return s.ann.beat(t, over(t, s))
		}},
		{name: "an id that cannot be", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return s.ann.beat(t, "hw-ann") }},
		{name: "an id in braces", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return s.ann.release(t, "%7B"+s.held+"%7D") }},
		{name: "release of another user's", code: "session_not_found", call: func(t *testing.T, s *scene) answer { return bob(s).release(t, s.held) }},
		{name: "release of another user's that is over", code: "session_not_found", call: func(t *testing.T, s *scene) answer {
			return s.ann.release(t, over(t, s))
		}},
		{name: "unknown organization, heartbeat", code: "organization_not_found", call: func(t *testing.T, s *scene) answer {
			return s.w.user("nowhere", "ann").beat(t, s.held)
		}},
		{name: "heartbeat after a release", code: "session_ended", check: released, call: func(t *testing.T, s *scene) answer {
			return bob(s).beat(t, over(t, s))
		}},
		{name: "renewal after a release", code: "session_ended", check: released, call: func(t *testing.T, s *scene) answer {
			return bob(s).renew(t, over(t, s))
		}},
	}
}

func formRefusals() []refusal {
	post := func(body any, change ...func(*http.Request)) func(*testing.T, *scene) answer {
		return func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPost, api.PathAcquire, s.ann.token, body, change...)
		}
	}
	typed := func(contentType string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", contentType) }
	}
	big := `{"hardware_id":"hw","client":{"name":"` + strings.Repeat("x", api.MaxBody) + `"}}`
	return []refusal{
		{name: "not JSON", code: "invalid_request", call: post("hardware_id=hw")},
		{name: "too large", code: "payload_too_large", call: post(big)},
		{name: "too large, heartbeat", code: "payload_too_large", call: func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPatch, api.HeartbeatPath(s.held), s.ann.token, big)
		}},
		{name: "too large, of unknown length", code: "payload_too_large", call: post(big, func(r *http.Request) { r.ContentLength = -1 })},
		{name: "half a body", code: "request_timeout", call: func(t *testing.T, s *scene) answer {
			return post("x", func(r *http.Request) {
				r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"hard`), stalling{t.Context()})), 100
			})(t, s)
		}},
		{name: "a form", code: "unsupported_media_type", call: post("hardware_id=hw", typed("application/x-www-form-urlencoded"))},
		{name: "no type", code: "unsupported_media_type", call: post(`{"hardware_id":"hw"}`, func(r *http.Request) { r.Header.Del("Content-Type") })},
		{name: "another charset", code: "unsupported_media_type", call: post(`{"hardware_id":"hw"}`, typed("application/json; charset=latin1"))},
		{name: "compressed", code: "unsupported_media_type", call: post(`{"hardware_id":"hw"}`, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })},
		{name: "unknown path", code: "not_found", call: func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPost, api.PathAcquire+"/", s.ann.token, map[string]any{"hardware_id": "hw"})
		}},
		{name: "wrong method", code: "method_not_allowed", call: func(t *testing.T, s *scene) answer {
			return s.w.do(t, http.MethodPost, api.SessionPath(s.held), s.ann.token, nil)
		}, check: func(t *testing.T, _ problem, a answer) {
			if got := a.header.Get("Allow"); got != "DELETE" {
				t.Errorf("Allow: %q", got)
			}
		}},
	}
}

// stalling is a body that does not come.
type stalling struct{ context.Context }

func (s stalling) Read([]byte) (int, error) {
	<-s.Done()
	return 0, s.Err()
}

// TestTooManyRequests: one user's flood is refused, another user's request is
// not, and what was refused took nothing.
func TestTooManyRequests(t *testing.T) {
	opts := devstack.Defaults()
	opts.RateLimitPerUser = 1
	clock := time.Now()
	opts.Now = func() time.Time { return clock } // nobody's allowance grows
	onEach(t, opts, func(t *testing.T, w *world) {
		org := w.licensed(t, 3)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw")
		ann.beat(t, session.SessionID).want(t, http.StatusOK)
		before := w.state(t, org)
		for _, a := range []answer{ann.acquire(t, "hw-2"), ann.beat(t, session.SessionID), ann.release(t, session.SessionID)} {
			a.refused(t, "rate_limited")
		}
		w.wantState(t, org, before)
		w.user(org, "bob").take(t, "hw")
		w.user(w.licensed(t, 1), "ann").take(t, "hw") // the same name elsewhere is somebody else
	})
}

// TestWhatNobodyExpected: an error without a meaning and a panic are told to
// nobody, and a seat whose fate is unknown is there for its holder's retry.
func TestWhatNobodyExpected(t *testing.T) {
	const secret = "a secret of the record"
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		for name, failure := range map[string]error{"an error": errors.New(secret), "a panic": nil} {
			w.outage.begin(failure, "Create")
			if failure == nil {
				w.outage.set(panicking(secret), nil)
			}
			a := ann.acquire(t, "hw")
			a.refused(t, "internal")
			if strings.Contains(string(a.body), secret) {
				t.Errorf("%s: the answer tells %s", name, a.body)
			}
			w.outage.end()
		}
		if n := len(w.state(t, org).active); n != 0 {
			t.Errorf("%d sessions recorded", n)
		}
		ann.acquire(t, "hw").want(t, http.StatusOK)
		w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
	})
}
