package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// exchangeLimit bounds one request of the load, far above what any may take.
const exchangeLimit = 30 * time.Second

// sample is how a number of requests went.
type sample struct {
	Requests          int
	Elapsed, P50, P99 time.Duration
}

func (s sample) perSecond() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Requests) / s.Elapsed.Seconds()
}

// repeat has n workers do something over and over for that long, each its next
// as soon as its last is done. A worker that answers false has nothing left.
func repeat(ctx context.Context, n int, length time.Duration, do func(ctx context.Context, worker int) (bool, error)) (sample, error) {
	start := time.Now()
	latencies := make([][]time.Duration, n)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range n {
		group.Go(func() error {
			for began := time.Now(); began.Sub(start) < length; {
				more, err := do(ctx, worker)
				if err != nil || !more {
					return err
				}
				now := time.Now()
				latencies[worker] = append(latencies[worker], now.Sub(began))
				began = now
			}
			return nil
		})
	}
	err := group.Wait()
	return summarize(slices.Concat(latencies...), time.Since(start)), err
}

func summarize(latencies []time.Duration, elapsed time.Duration) sample {
	slices.Sort(latencies)
	return sample{
		Requests: len(latencies), Elapsed: elapsed,
		P50: percentile(latencies, 50), P99: percentile(latencies, 99),
	}
}

// percentile is the nearest-rank percentile of sorted values; 0 of none.
func percentile[T any](sorted []T, p int) (v T) {
	if len(sorted) == 0 {
		return v
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// connection is one keep-alive HTTP/1.1 connection. http.Client would do, but
// its goroutines per connection cost as much CPU as what is measured.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

// dialAll opens n connections.
func dialAll(ctx context.Context, addr string, n int) (connections, error) {
	all := make(connections, 0, n)
	var dialer net.Dialer
	for range n {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, &connection{conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)})
	}
	return all, nil
}

type connections []*connection

// Close ends all of them.
func (all connections) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.conn.Close())
	}
	return errors.Join(errs...)
}

// anyStatus is the wish for an answer of any kind.
const anyStatus = 0

// exchange sends one request and reads the whole answer, which must have the
// status wanted.
func (c *connection) exchange(r *http.Request, want int) ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return nil, err
	}
	if err := errors.Join(r.Write(c.out), c.out.Flush()); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.in, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if want != anyStatus && response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: status %d instead of %d: %s", r.Method, r.URL.Path, response.StatusCode, want, body)
	}
	return body, nil
}

// traffic is what the workers send.
type traffic struct {
	// next is a worker's next request; nil: none is left.
	next func(worker int) *http.Request
	want int
	// seen gets each answer, if set.
	seen func(worker int, body []byte) error
}

// send lets each connection send its traffic over and over.
func (all connections) send(ctx context.Context, t traffic, length time.Duration) (sample, error) {
	return repeat(ctx, len(all), length, func(ctx context.Context, worker int) (bool, error) {
		request := t.next(worker)
		if request == nil || ctx.Err() != nil {
			return false, ctx.Err()
		}
		body, err := all[worker].exchange(request, t.want)
		if err == nil && t.seen != nil {
			err = t.seen(worker, body)
		}
		return true, err
	})
}
