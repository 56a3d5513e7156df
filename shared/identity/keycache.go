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
)

const (
	// fetchTimeout bounds one fetch: Google answers in tens of milliseconds, and
	// a request that waits for it has a few seconds in all.
	fetchTimeout = 3 * time.Second
	// retryAfter is how long stale keys are used before the next attempt.
	retryAfter = 30 * time.Second
	// maxStale is how long keys are used past their lifetime when they cannot
	// be renewed. Google publishes a key about a day before its first use and
	// keeps it as long after the last: a day of outage loses nobody's token.
	maxStale = 24 * time.Hour
	// readerAge is the lifetime given to the library that reads from here. It
	// keeps no keys of its own for longer, so this cache alone decides.
	readerAge = 30 * time.Second
	// maxKeysBytes bounds the document; the real ones are under 10 KiB.
	maxKeysBytes = 1 << 20
)

var errClosed = errors.New("the verifier is closed")

// keyCache keeps one of Google's key documents and is the [http.RoundTripper]
// through which the verifying library reads it. Other than the caches of those
// libraries it bounds each fetch, shares it between all who wait, survives a
// waiter that gives up, keeps the last good keys when a fetch fails or
// brings nonsense, and follows the given clock.
type keyCache struct {
	url    string
	client *http.Client
	check  func([]byte) error
	now    func() time.Time

	// Fetches belong to the cache, not to the request that started them: their
	// context ends with close.
	lifetime context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup

	mu     sync.Mutex
	body   []byte
	renew  time.Time // when to fetch again
	usable time.Time // until when body may be used at all
	flight *fetch    // the fetch under way, if any
}

// fetch is one attempt; body and err are set before done is closed.
type fetch struct {
	done chan struct{}
	body []byte
	err  error
}

func newKeyCache(url string, client *http.Client, check func([]byte) error, now func() time.Time) *keyCache {
	own := *client
	// The keys are wherever the URL says, and nowhere else.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	lifetime, stop := context.WithCancel(context.Background())
	return &keyCache{url: url, client: &own, check: check, now: now, lifetime: lifetime, stop: stop}
}

// close ends fetches and connections and waits for their goroutines.
func (k *keyCache) close() {
	k.mu.Lock()
	k.stop()
	k.mu.Unlock()
	k.work.Wait()
}

// get answers the key document: from memory while fresh, else by a fetch, else
// the stale one. Whoever starts the fetch waits for it (at most fetchTimeout,
// or until ctx ends); others wait only when there is nothing stale to use.
func (k *keyCache) get(ctx context.Context) ([]byte, error) {
	k.mu.Lock()
	now, body := k.now(), k.body
	if !now.Before(k.usable) {
		body = nil
	}
	if body != nil && now.Before(k.renew) {
		k.mu.Unlock()
		return body, nil
	}
	started := k.start() //nolint:contextcheck // a fetch outlives who started it
	flight := k.flight
	k.mu.Unlock()
	if body != nil && !started {
		return body, nil
	}
	return flight.wait(ctx, body)
}

// wait answers what the fetch brings, or else stale when there is such.
func (f *fetch) wait(ctx context.Context, stale []byte) ([]byte, error) {
	var err error
	select {
	case <-f.done:
		if err = f.err; err == nil {
			return f.body, nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	if stale != nil {
		return stale, nil
	}
	return nil, fmt.Errorf("google's keys cannot be had: %w", err)
}

// start begins a fetch unless one is under way and reports whether it did. The
// caller holds mu; flight is set afterwards.
func (k *keyCache) start() bool {
	if k.flight != nil {
		return false
	}
	k.flight = &fetch{done: make(chan struct{})}
	if k.lifetime.Err() != nil {
		k.flight.err = errClosed
		close(k.flight.done)
		return true
	}
	flight := k.flight
	k.work.Go(func() { k.run(flight) })
	return true
}

// run performs the fetch and publishes its outcome.
func (k *keyCache) run(f *fetch) {
	ctx, cancel := context.WithTimeout(k.lifetime, fetchTimeout)
	defer cancel()
	body, fresh, err := k.download(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if err == nil {
		k.body, k.renew, k.usable = body, now.Add(fresh), now.Add(fresh+maxStale)
	} else {
		k.renew = now.Add(retryAfter)
	}
	f.body, f.err = body, err
	k.flight = nil
	close(f.done)
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
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lifetime.Err() != nil {
		return nil, errClosed
	}
	ours, theirs := net.Pipe()
	k.work.Go(func() { k.serve(ours) })
	return theirs, nil
}
