package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

const (
	// defaultDeadline bounds a call of Google: it answers in tens of milliseconds, and a
	// request that waits for it has a few seconds in all.
	defaultDeadline = 3 * time.Second
	// retryAfter is how long stale keys are used before the next attempt.
	retryAfter = 30 * time.Second
	// maxStale is how long keys are used past their lifetime when they cannot be
	// renewed. Google publishes a key about a day before its first use and keeps it
	// as long after the last: in a day of outage no genuine token is refused.
	maxStale = 24 * time.Hour
	// readerAge is the lifetime given to the library that reads from here. It
	// keeps no keys of its own for longer, so this cache alone decides.
	readerAge = 30 * time.Second
	// maxKeysBytes bounds the document; the real ones are under 10 KiB.
	maxKeysBytes = 1 << 20
)

var errClosed = errors.New("the verifier is closed")

// keyCache keeps one of Google's key documents and is the [http.RoundTripper]
// through which the verifying library reads it. Unlike the caches of those
// libraries it bounds each fetch, shares it between all who wait, survives a
// waiter that gives up, keeps the last good keys when a fetch fails or brings
// nonsense, and follows the given clock.
type keyCache struct {
	url    string
	client *http.Client
	check  func([]byte) error
	rules  refresh.Rules
	keys   refresh.Value[[]byte]

	// Fetches and connections belong to the cache, not to the request that
	// started them: they end with close.
	lifetime context.Context
	stop     context.CancelFunc
	mu       sync.Mutex // close comes before or after a start, never in between
	work     sync.WaitGroup
}

func newKeyCache(url string, client *http.Client, check func([]byte) error, deadline time.Duration, now func() time.Time) *keyCache {
	own := *client
	// The keys are wherever the URL says, and nowhere else.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	lifetime, stop := context.WithCancel(context.Background())
	// With old keys at hand only the request that asks for new ones waits.
	rules := refresh.Rules{Now: now, Deadline: deadline, Stale: maxStale, Pause: retryAfter, Spare: true}
	return &keyCache{url: url, client: &own, check: check, rules: rules, lifetime: lifetime, stop: stop}
}

// close ends fetches and connections and waits for them.
func (k *keyCache) close() {
	k.mu.Lock()
	k.stop()
	k.mu.Unlock()
	k.work.Wait()
}

// enter says that work begins, unless the cache is closed; work.Done ends it.
func (k *keyCache) enter() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lifetime.Err() != nil {
		return errClosed
	}
	k.work.Add(1)
	return nil
}

// get answers the key document: from memory while fresh, else by a fetch, else
// the stale one.
func (k *keyCache) get(ctx context.Context) ([]byte, error) {
	body, err := k.keys.Get(ctx, &k.rules, k.fetch)
	if err != nil {
		return nil, fmt.Errorf("google's keys cannot be had: %w", err)
	}
	return body, nil
}

// fetch downloads the document unless the cache is closed, or until it is.
func (k *keyCache) fetch(ctx context.Context) ([]byte, time.Duration, error) {
	if err := k.enter(); err != nil {
		return nil, 0, err
	}
	defer k.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(k.lifetime, cancel)() //nolint:contextcheck // the cache ends the download, whoever asked for it
	return k.download(ctx)
}

// download fetches the document and answers it with its lifetime.
func (k *keyCache) download(ctx context.Context) ([]byte, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBytes+1))
	if err != nil {
		return nil, 0, err
	}
	if len(body) > maxKeysBytes {
		return nil, 0, errNoKeys
	}
	return body, freshFor(resp.Header), k.check(body)
}

// RoundTrip answers the one request this cache is for, out of [keyCache.get].
func (k *keyCache) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.String() != k.url {
		return nil, errors.New("only Google's keys can be read here")
	}
	body, err := k.get(req.Context())
	if err != nil {
		return nil, err
	}
	seconds := strconv.Itoa(int(readerAge / time.Second))
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"max-age=" + seconds}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}

// dial is one end of a connection whose other end is this cache.
func (k *keyCache) dial() (net.Conn, error) {
	if err := k.enter(); err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go func() {
		defer k.work.Done()
		k.serve(ours)
	}()
	return theirs, nil
}
