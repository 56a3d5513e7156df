package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

const secret = "10.0.0.7:6379 said NOAUTH"

// TestHandlerErrors has every error a handler can return, bare and wrapped.
func TestHandlerErrors(t *testing.T) {
	down := errors.New(secret)
	for _, tt := range []struct {
		name string
		err  error
		code api.Code
	}{
		{"unauthenticated", license.ErrUnauthenticated, api.Unauthenticated},
		{"tenant", license.ErrTenant, api.TenantMissing},
		{"forbidden", license.ErrForbidden, api.Forbidden},
		{"organization inactive", license.ErrOrganizationInactive, api.OrganizationInactive},
		{"license inactive", license.ErrLicenseInactive, api.LicenseInactive},
		{"license expired", license.ErrLicenseExpired, api.LicenseExpired},
		{"organization not found", license.ErrOrganizationNotFound, api.OrganizationNotFound},
		{"license not found", license.ErrLicenseNotFound, api.LicenseNotFound},
		{"session not found", license.ErrSessionNotFound, api.SessionNotFound},
		{"no seats", &license.NoSeatsError{Limit: license.LimitLicense, Used: 3, Max: 3}, api.NoSeatsAvailable},
		{"ambiguous", &license.AmbiguousError{}, api.LicenseAmbiguous},
		{"ended", &license.SessionEndedError{Reason: license.EndExpired}, api.SessionEnded},
		{"ended before it was told", &license.SessionEndedError{Reason: license.EndFailed}, api.SessionNotFound},
		{"backend", &license.UnavailableError{Backend: "redis", Err: down}, api.Unavailable},
		{"deadline", context.DeadlineExceeded, api.Unavailable},
		{"backend and an end", errors.Join(license.ErrSessionNotFound, &license.UnavailableError{Backend: "redis", Err: down}), api.Unavailable},
		{"backend because of a refusal", &license.UnavailableError{Backend: "kms", Err: license.ErrForbidden}, api.Unavailable},
		{"own cancellation", context.Canceled, api.Internal},
		{"anything else", down, api.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("%s: %w", secret, tt.err)} {
				b := newBench(t, nil)
				b.heartbeat.err = err
				w := b.heartbeatNow()
				if strings.Contains(w.Body.String(), "NOAUTH") {
					t.Error("the answer leaks the internal text")
				}
				problem(t, w, tt.code)
				if line := b.lines(t)[0]; line["code"] != string(tt.code) || line["error"] != err.Error() {
					t.Errorf("log line = %v", line)
				}
			}
		})
	}
}

func TestNoSeatsMembers(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{0, "1"}, {-time.Second, "1"}, {1, "1"}, {time.Second, "1"}, {time.Second + 1, "2"}, {90 * time.Second, "90"}, {1<<63 - 1, "9223372037"}} {
		b := newBench(t, nil)
		b.acquire.err = &license.NoSeatsError{Limit: license.LimitOrganization, Used: 0, Max: 0, RetryAfter: tt.after}
		w := b.do(http.MethodPost, api.PathAcquire, `{"hardware_id":"hw-1"}`)
		if body := w.Body.String(); !strings.Contains(body, `"seats_used":0`) || !strings.Contains(body, `"seats_max":0`) || !strings.Contains(body, `"limit":"organization"`) {
			t.Errorf("body = %s", body)
		}
		problem(t, w, api.NoSeatsAvailable)
		if got := w.Header().Get("Retry-After"); got != tt.want {
			t.Errorf("Retry-After for %v = %q, want %q", tt.after, got, tt.want)
		}
	}
}

func TestMembersOnlyWhereTheyBelong(t *testing.T) {
	b := newBench(t, nil)
	b.heartbeat.err = license.ErrSessionNotFound
	body := b.heartbeatNow().Body.String()
	for _, member := range []string{"errors", "seats_used", "seats_max", "limit", "licenses", "reason"} {
		if strings.Contains(body, `"`+member+`"`) {
			t.Errorf("%s in %s", member, body)
		}
	}
}

func TestAmbiguousListsLicenses(t *testing.T) {
	for _, ids := range [][]string{nil, {}, {"a", "b"}} {
		b := newBench(t, nil)
		b.acquire.err = &license.AmbiguousError{LicenseIDs: ids}
		w := b.do(http.MethodPost, api.PathAcquire, `{"hardware_id":"hw-1"}`)
		if len(ids) == 0 && !strings.Contains(w.Body.String(), `"licenses":[]`) {
			t.Errorf("body = %s", w.Body)
		}
		if p := problem(t, w, api.LicenseAmbiguous); !slices.Equal([]string(p.Licenses), ids) {
			t.Errorf("licenses = %v, want %v", p.Licenses, ids)
		}
	}
}

func TestEndedTellsItsReason(t *testing.T) {
	for _, reason := range []license.EndReason{
		license.EndExpired, license.EndReleased, license.EndRevoked, license.EndDisplaced, license.EndLicenseExpired, license.EndLicenseSuspended,
	} {
		b := newBench(t, nil)
		b.heartbeat.err = &license.SessionEndedError{Reason: reason}
		p := problem(t, b.heartbeatNow(), api.SessionEnded)
		if p.Reason == nil || *p.Reason != string(reason) {
			t.Errorf("reason = %v, want %s", p.Reason, reason)
		}
	}
}

// TestTheReasonIsNotAnAdministrator, unless it was one: the text is each reason's own.
func TestTheReasonIsNotAnAdministrator(t *testing.T) {
	for reason, says := range map[license.EndReason]string{
		license.EndExpired: "without a heartbeat", license.EndReleased: "given back", license.EndRevoked: "administrator",
		license.EndDisplaced: "may have gone to someone else", license.EndLicenseExpired: "license has run out",
		license.EndLicenseSuspended: "license was suspended",
	} {
		b := newBench(t, nil)
		b.heartbeat.err = &license.SessionEndedError{Reason: reason}
		detail := problem(t, b.heartbeatNow(), api.SessionEnded).Detail
		if !strings.Contains(detail, says) || strings.Contains(detail, "administrator") != (reason == license.EndRevoked) {
			t.Errorf("%s: %q", reason, detail)
		}
	}
}

// TestRetryAfter: never earlier than the hint, later only where a crowd would
// come back at once, and the promised second where there is one.
func TestRetryAfter(t *testing.T) {
	least := func(int) int { return 0 }
	most := func(n int) int { return n - 1 }
	for _, tt := range []struct {
		code        api.Code
		hint        time.Duration
		least, most int
	}{
		{api.Unavailable, 0, 1, api.RetrySpread},
		{api.Unavailable, -time.Second, 1, api.RetrySpread},
		{api.Unavailable, 1, 1, api.RetrySpread},
		{api.Unavailable, 7500 * time.Millisecond, 8, 7 + api.RetrySpread},
		{api.Unavailable, 8 * time.Second, 8, 7 + api.RetrySpread},
		{api.RateLimited, time.Millisecond, 1, api.RetrySpread},
		{api.RateLimited, 90 * time.Second, 90, 89 + api.RetrySpread},
		{api.NoSeatsAvailable, 90 * time.Second, 90, 90},
		{api.NoSeatsAvailable, 90*time.Second + 1, 91, 91},
		{api.SessionEnded, 0, 0, 0},
		{api.Internal, 0, 0, 0},
		{api.Internal, -time.Second, 0, 0},
	} {
		if got := web.RetryAfter(tt.code, tt.hint, least); got != tt.least {
			t.Errorf("%s, hint %v: at least %d, want %d", tt.code, tt.hint, got, tt.least)
		}
		if got := web.RetryAfter(tt.code, tt.hint, most); got != tt.most {
			t.Errorf("%s, hint %v: at most %d, want %d", tt.code, tt.hint, got, tt.most)
		}
	}
}

// TestRetryAfterIsSpread, with a hint as without.
func TestRetryAfterIsSpread(t *testing.T) {
	b := newBench(t, nil)
	for hint, least := range map[time.Duration]int{0: 1, 7500 * time.Millisecond: 8} {
		b.heartbeat.err = &license.UnavailableError{Backend: "redis", RetryAfter: hint, Err: errors.New("down")}
		seen := map[int]bool{}
		for range 500 { // one of ten values is missed once in 10^22 runs
			n, err := strconv.Atoi(b.heartbeatNow().Header().Get("Retry-After"))
			if err != nil || n < least || n >= least+api.RetrySpread {
				t.Fatalf("Retry-After = %d, %v; want %d to %d", n, err, least, least+api.RetrySpread-1)
			}
			seen[n] = true
		}
		if len(seen) != api.RetrySpread {
			t.Errorf("Retry-After took only the values %v: all clients come back at once", seen)
		}
	}
}

func TestPanicIsAWholeProblem(t *testing.T) {
	for name, v := range map[string]any{
		"text": "boom " + secret, "error": errors.New("boom"), "abort": http.ErrAbortHandler,
		"value": struct{ Token string }{token},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.heartbeat.do = func(context.Context) { panic(v) }
			w := b.heartbeatNow()
			if strings.Contains(w.Body.String(), "boom") {
				t.Error("the answer tells what panicked")
			}
			problem(t, w, api.Internal)
			line := b.lines(t)[0]
			if stack, _ := line["stack"].(string); !strings.Contains(stack, "errors_test.go") || line["severity"] != "ERROR" {
				t.Errorf("log line = %v", line)
			}
			if strings.Contains(b.log.String(), token) {
				t.Error("the log has the value that was panicked with")
			}
		})
	}
}

// halfWritten panics while it is being encoded, after output has begun.
type halfWritten struct {
	Before string `json:"before"`
	After  bomb   `json:"after"`
}

type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("boom") }

type unencodable struct {
	Before string   `json:"before"`
	After  chan int `json:"after"`
}

func TestNothingOfABrokenAnswerIsSent(t *testing.T) {
	for name, body := range map[string]any{
		"panic": halfWritten{Before: "partial"}, "error": unencodable{Before: "partial"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.heartbeat.answer.Body = body
			b.heartbeat.answer.Header = http.Header{"Location": {"/elsewhere"}}
			w := b.heartbeatNow()
			if strings.Contains(w.Body.String(), "partial") || w.Header().Get("Location") != "" {
				t.Errorf("the answer has remains of the handler's: %v %s", w.Header(), w.Body)
			}
			problem(t, w, api.Internal)
		})
	}
}

func TestHandlerStatusOutOfRange(t *testing.T) {
	for _, status := range []int{-1, 1, 101, 199, 600} {
		b := newBench(t, nil)
		b.heartbeat.answer.Status = status
		problem(t, b.heartbeatNow(), api.Internal)
	}
}

func TestDeadline(t *testing.T) {
	b := newBench(t, withDeadline(1))
	b.heartbeat.do = func(ctx context.Context) { <-ctx.Done() }
	b.heartbeat.err = errors.New("rpc error: code = DeadlineExceeded")
	problem(t, b.heartbeatNow(), api.Unavailable)

	b.heartbeat.err = license.ErrLicenseExpired
	problem(t, b.heartbeatNow(), api.LicenseExpired)
}

// TestClientGone: what the handler reports of a cancelled call is no failure of ours.
func TestClientGone(t *testing.T) {
	for name, cause := range map[string]error{
		"bare": context.Canceled, "opaque": errors.New("rpc error"),
		"backend": &license.UnavailableError{Backend: "redis", Err: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			b.heartbeat.do = func(context.Context) { cancel() }
			b.heartbeat.err = cause
			w := b.heartbeatNow(func(r *http.Request) { *r = *r.WithContext(ctx) })
			problem(t, w, api.Unavailable)
			line := b.lines(t)[0]
			if line["severity"] != "INFO" || line["httpRequest"].(map[string]any)["status"] != float64(499) {
				t.Errorf("log line = %v", line)
			}
		})
	}
}

// TestClientGoneKeepsWhatIsCertain: an answer that was found stays the answer.
func TestClientGoneKeepsWhatIsCertain(t *testing.T) {
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.heartbeat.do = func(context.Context) { cancel() }
	b.heartbeat.err = license.ErrSessionNotFound
	problem(t, b.heartbeatNow(func(r *http.Request) { *r = *r.WithContext(ctx) }), api.SessionNotFound)
	b.heartbeat.err = nil
	b.heartbeat.do = func(context.Context) { panic("boom") }
	problem(t, b.heartbeatNow(func(r *http.Request) { *r = *r.WithContext(ctx) }), api.Internal)
}
