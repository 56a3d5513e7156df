package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// patience is how long a client waits for an answer.
const patience = time.Second

// client sends requests to the function processes and notes what became of them.
type client struct {
	http     *http.Client
	urls     []string
	idp      *fakeidp.IDP
	recorder *history.Recorder

	mu     sync.Mutex
	signed map[string]string
	// asking are the acquires on their way, by worker and time of call.
	asking map[asking]bool
}

type asking struct {
	worker int
	call   history.Instant
	holder history.Holder
}

// ask notes an acquire on its way; the answer says that it came back.
func (c *client) ask(a asking) (back func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking[a] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.asking, a)
	}
}

// waits says that an acquire has been at the worker for so long.
func (c *client) waits(worker int, since time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := history.Now()
	for a := range c.asking {
		if a.worker == worker && a.call.After(since) <= now {
			return true
		}
	}
	return false
}

// answer is what came back.
type answer struct {
	status  int
	body    []byte
	session api.Session
	problem api.Problem
	err     error
	sent    bool
}

// token is the ID token of a user, signed once.
func (c *client) token(org, user, role string) string {
	key := org + "\x00" + user + "\x00" + role
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.signed[key]; ok {
		return t
	}
	issued, expires := validity()
	t := c.idp.IDToken(fakeidp.Claims{UserID: user, TenantID: org, Role: role, IssuedAt: issued, ExpiresAt: expires})
	c.signed[key] = t
	return t
}

// validity is wide enough for every clock in a run: none may take a token for
// one from the future.
func validity() (issued, expires time.Time) {
	return time.Now().Add(-10 * time.Minute), time.Now().Add(50 * time.Minute)
}

func (c *client) call(ctx context.Context, worker int, method, path, token string, body any) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return answer{err: err}
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.urls[worker]+path, bytes.NewReader(text))
	if err != nil {
		return answer{err: err}
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", api.ContentTypeJSON)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{err: err, sent: !notSent(err)}
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, sent: true}
	if a.body, a.err = io.ReadAll(response.Body); a.err != nil {
		return a
	}
	return a.decoded()
}

func (a answer) decoded() answer {
	switch {
	case a.status >= http.StatusBadRequest:
		a.err = json.Unmarshal(a.body, &a.problem)
	case len(a.body) > 0:
		a.err = json.Unmarshal(a.body, &a.session)
	}
	if a.err != nil {
		a.err = fmt.Errorf("%d with a body that is not JSON: %w", a.status, a.err)
		a.status = -1
	}
	return a
}

// notSent says that nobody took the connection: the request did not happen.
func notSent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// result is what an answer means for an operation that wants the statuses given.
func (a answer) result(want map[int]history.Result) (history.Result, string) {
	switch {
	case a.status == -1:
		return history.Unexpected, a.err.Error()
	case a.err != nil && !a.sent:
		return history.NotSent, ""
	case a.err != nil:
		return history.Unknown, short(a.err.Error())
	case a.status == http.StatusServiceUnavailable:
		return history.Refused, ""
	}
	if r, ok := want[a.status]; ok && a.fits(r) {
		return r, ""
	}
	return history.Unexpected, fmt.Sprintf("%d %s", a.status, short(string(a.body)))
}

// fits checks the problem's code, where a status has several.
func (a answer) fits(r history.Result) bool {
	switch r {
	case history.Full:
		return a.problem.Code == api.NoSeatsAvailable
	case history.Ended:
		return a.problem.Code == api.SessionEnded
	case history.Inactive:
		return a.problem.Code == api.OrganizationInactive || a.problem.Code == api.LicenseInactive || a.problem.Code == api.LicenseExpired
	case history.NotFound:
		return a.problem.Code == api.SessionNotFound || a.problem.Code == api.LicenseNotFound
	default:
		return true
	}
}

func short(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	return s[:min(len(s), 240)]
}

// note completes and records an operation.
func (c *client) note(op history.Op, a answer, want map[int]history.Result) history.Op {
	op.Return = history.Now()
	op.Result, op.Detail = a.result(want)
	switch op.Result {
	case history.Granted, history.Found, history.Extended:
		op.Server, op.Expires = history.At(a.session.ServerTime.Time), history.At(a.session.ExpiresAt.Time)
		if a.session.LicenseToken != "" {
			op.Token = history.At(a.session.LicenseTokenExpiresAt.Time)
		}
		if op.Session != "" && op.Session != a.session.SessionID || !names(a.session, op.Holder) {
			op.Result, op.Detail = history.Unexpected, "an answer about somebody else: "+short(string(a.body))
		}
		op.Session = a.session.SessionID
	case history.Full:
		op.Limit = deref(a.problem.Limit)
	case history.Ended:
		op.Reason = deref(a.problem.Reason)
	case history.Inactive:
		op.Detail = string(a.problem.Code)
	default: // nothing more was said
	}
	c.recorder.Add(op)
	return op
}

// names says that the answer is about this holder's own seat.
func names(s api.Session, h history.Holder) bool {
	return s.OrganizationID == h.Org && s.LicenseID == h.License && s.UserID == h.User && s.HardwareID == h.Hardware
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// acquire asks for a seat for the holder.
func (c *client) acquire(ctx context.Context, worker int, h history.Holder) history.Op {
	op := history.Op{Kind: history.Acquire, Holder: h, Worker: worker}
	token := c.token(h.Org, h.User, "member")
	op.Call = history.Now()
	defer c.ask(asking{worker, op.Call, h})()
	a := c.call(ctx, worker, http.MethodPost, api.PathAcquire, token, api.AcquireRequest{HardwareID: h.Hardware, LicenseID: h.License})
	return c.note(op, a, map[int]history.Result{
		http.StatusCreated: history.Granted, http.StatusOK: history.Found, http.StatusConflict: history.Full,
		http.StatusForbidden: history.Inactive,
	})
}

// heartbeat extends the holder's own session.
func (c *client) heartbeat(ctx context.Context, worker int, h history.Holder, session string) history.Op {
	op := history.Op{Kind: history.Heartbeat, Holder: h, Session: session, Worker: worker}
	token := c.token(h.Org, h.User, "member")
	op.Call = history.Now()
	a := c.call(ctx, worker, http.MethodPatch, api.SessionPath(session)+"/heartbeat", token, nil)
	return c.note(op, a, map[int]history.Result{
		http.StatusOK: history.Extended, http.StatusGone: history.Ended, http.StatusNotFound: history.NotFound,
		http.StatusForbidden: history.Inactive,
	})
}

// release gives the holder's own session back.
func (c *client) release(ctx context.Context, worker int, h history.Holder, session string) history.Op {
	op := history.Op{Kind: history.Release, Holder: h, Session: session, Worker: worker}
	token := c.token(h.Org, h.User, "member")
	op.Call = history.Now()
	a := c.call(ctx, worker, http.MethodDelete, api.SessionPath(session), token, nil)
	return c.note(op, a, map[int]history.Result{http.StatusNoContent: history.Released, http.StatusNotFound: history.NotFound})
}

// revoke ends anybody's session, as an administrator of its organization.
func (c *client) revoke(ctx context.Context, worker int, h history.Holder, session string) history.Op {
	op := history.Op{Kind: history.Revoke, Holder: h, Session: session, By: "admin", Worker: worker}
	token := c.token(h.Org, "admin", "admin")
	op.Call = history.Now()
	a := c.call(ctx, worker, http.MethodDelete, api.SessionPath(session), token, nil)
	return c.note(op, a, map[int]history.Result{http.StatusNoContent: history.Released, http.StatusNotFound: history.NotFound})
}

// reap runs the reaper once.
func (c *client) reap(ctx context.Context, worker int) history.Op {
	op := history.Op{Kind: history.Reap, Worker: worker}
	claims := devstack.SchedulerClaims()
	claims.IssuedAt, claims.ExpiresAt = validity()
	token := c.idp.SchedulerToken(claims)
	op.Call = history.Now()
	a := c.call(ctx, worker, http.MethodPost, api.PathReap, token, nil)
	var report api.ReapReport
	op.Complete = a.status == http.StatusOK && json.Unmarshal(a.body, &report) == nil && !report.More
	return c.note(op, a, map[int]history.Result{http.StatusOK: history.Reaped})
}

// stranger is the user who has no business with anybody's session.
const stranger = "mallory"

// intrude sends a request about somebody else's session or license.
func (c *client) intrude(ctx context.Context, worker int, org string, victim history.Holder, session, method string) {
	op := history.Op{Kind: history.Intrude, Holder: victim, Session: session, By: method + " " + org + "/" + stranger, Intruder: org, Worker: worker, Want: history.NotFound}
	token := c.token(org, stranger, "member")
	path, body := api.SessionPath(session), any(nil)
	switch method {
	case http.MethodPatch:
		path += "/heartbeat"
	case http.MethodPost:
		path, body = api.PathAcquire, api.AcquireRequest{HardwareID: "hw", LicenseID: victim.License}
	}
	op.Call = history.Now()
	a := c.call(ctx, worker, method, path, token, body)
	op.Return = history.Now()
	op.Result, op.Detail = a.result(map[int]history.Result{
		http.StatusOK: history.Extended, http.StatusCreated: history.Granted, http.StatusNoContent: history.Released,
		http.StatusGone: history.Ended, http.StatusNotFound: history.NotFound, http.StatusConflict: history.Full,
	})
	if a.problem.Code == api.OrganizationInactive {
		op.Result, op.Detail = history.Inactive, string(a.problem.Code)
	}
	c.recorder.Add(op)
}
