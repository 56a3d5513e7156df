// Package control calls the vendor's door of the license service.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/pace"
)

const (
	// attemptTimeout is longer than the service takes for any answer, a cold start included.
	attemptTimeout = 20 * time.Second
	// attempts and longestWait bound how long somebody sits before a terminal.
	attempts    = 4
	longestWait = 30 * time.Second
	// maxAnswer is far above a page of the largest documents.
	maxAnswer = 16 << 20
)

// Client calls one endpoint in the name of one account.
type Client struct {
	endpoint string
	tokens   tokens
	http     *http.Client
	wait     func(ctx context.Context, d time.Duration) error
}

// New makes a client of an endpoint that [CheckEndpoint] has passed. It asks token for
// an ID token when one is needed, and for another when the service takes the first no more.
func New(endpoint string, token func(context.Context) (string, error)) *Client {
	return &Client{endpoint: endpoint, tokens: tokens{get: token}, http: newHTTP(), wait: Wait}
}

// Endpoint is the address that is asked.
func (c *Client) Endpoint() string { return c.endpoint }

// newHTTP follows no redirect: the ID token is for the endpoint alone.
func newHTTP() *http.Client {
	return &http.Client{
		Timeout:       attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tokens keep an ID token until the service takes it no more. Most commands end long
// before it does; a watch may go on for longer than the hour that Google's tokens live.
type tokens struct {
	get func(context.Context) (string, error)

	mu   sync.Mutex
	kept string
}

// token is the one that is kept, or else a new one.
func (t *tokens) token(ctx context.Context) (token string, old bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept != "" {
		return t.kept, true, nil
	}
	t.kept, err = t.get(ctx)
	return t.kept, false, err
}

// drop forgets a token, unless another has taken its place.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == token {
		t.kept = ""
	}
}

// Wait waits for so long, or until the context ends, whose error it then returns.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// UncertainError is of a change that may have been done all the same: its answer did not
// arrive, or says that something broke.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string {
	return "it may have been done all the same: " + e.Err.Error()
}

// Unwrap is what went wrong.
func (e *UncertainError) Unwrap() error { return e.Err }

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any
	// repeatable: sent twice, it does what it does once.
	repeatable bool
}

// call sends a request and reads its answer.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var answer T
	body, err := c.send(ctx, r)
	if err != nil || len(body) == 0 {
		return answer, err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("the answer is not what this version reads: %w", err)
	}
	return answer, nil
}

// send sends a request. A token that served before and is refused has run out: it is
// replaced, once. Whoever is refused has changed nothing.
func (c *Client) send(ctx context.Context, r request) ([]byte, error) {
	token, old, err := c.tokens.token(ctx)
	if err != nil {
		return nil, err
	}
	body, err := c.persist(ctx, r, token)
	// Cloud Run's IAM check refuses with no document, so the status says it.
	if p, ok := errors.AsType[*api.Problem](err); !old || !ok || p.Status != http.StatusUnauthorized {
		return body, err
	}
	c.tokens.drop(token)
	if token, _, err = c.tokens.token(ctx); err != nil {
		return nil, err
	}
	return c.persist(ctx, r, token)
}

// persist repeats a request while that can help and does no harm.
func (c *Client) persist(ctx context.Context, r request, token string) ([]byte, error) {
	for failures := 1; ; failures++ {
		body, err := c.attempt(ctx, r, token)
		if err == nil {
			return body, nil
		}
		pause, again := retry(err, r.repeatable, failures)
		if !again || ctx.Err() != nil {
			return nil, certainty(err, r.repeatable)
		}
		if c.wait(ctx, pause) != nil {
			return nil, certainty(err, r.repeatable)
		}
	}
}

// retry is how long to wait before the request is sent again, if it is. One that was
// sent too often has done nothing; what else went wrong may have been done.
func retry(err error, repeatable bool, failures int) (time.Duration, bool) {
	var after time.Duration
	if p, ok := errors.AsType[*api.Problem](err); ok {
		after = p.RetryAfter
		broken := p.Status >= http.StatusInternalServerError
		repeatable = p.Retryable && (repeatable && broken || p.Status == http.StatusTooManyRequests)
	}
	return pace.Retry(failures, after, 0, rand.Float64()), //nolint:gosec // jitter, and no secret
		repeatable && failures < attempts && after <= longestWait
}

// certainty says of a failed change whether it is certain that nothing was done.
func certainty(err error, repeatable bool) error {
	p, answered := errors.AsType[*api.Problem](err)
	if repeatable || answered && p.Status < http.StatusInternalServerError {
		return err
	}
	return &UncertainError{err}
}

// attempt sends the request once and reads the answer to its end.
func (c *Client) attempt(ctx context.Context, r request, token string) ([]byte, error) {
	return answer(c.open(ctx, r, token)) //nolint:bodyclose // answer closes it
}

// open sends the request once. The answer is the caller's to read and to close.
func (c *Client) open(ctx context.Context, r request, token string) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, c.endpoint+r.path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		sent.Header[name] = values
	}
	if r.body != nil {
		sent.Header.Set("Content-Type", api.ContentTypeJSON)
	}
	sent.Header.Set("Authorization", "Bearer "+token)
	sent.URL.RawQuery = r.query.Encode()
	return c.http.Do(sent)
}

func answer(response *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := api.CheckResponse(response); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(response.Body, maxAnswer))
}
