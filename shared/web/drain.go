package web

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Cloud Run kills an instance 10 s after SIGTERM
// (https://cloud.google.com/run/docs/container-contract#instance-shutdown).
const (
	// drainLimit is how long requests in flight may go on.
	drainLimit = 8 * time.Second
	// flushLimit is how long flushing may take after that.
	flushLimit = time.Second
)

// gate counts the requests in flight, and closes.
type gate struct {
	mu     sync.Mutex
	inside int
	// empty is made when the gate closes, and closed once nobody is inside.
	empty chan struct{}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
	}
}

// shut closes the gate for good, and returns a channel that is closed once
// nobody is inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty == nil {
		g.empty = make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}

// Drain closes the App and waits until no request is in flight, or ctx is
// done (its error is returned). Requests that still come get 503 unavailable on
// a connection that closes: accepting one could only cut it off half way, and
// its retry finds a living instance.
func (a *App) Drain(ctx context.Context) error {
	select {
	case <-a.gate.shut():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DrainOnSignal makes the process end well on SIGTERM or SIGINT, which
// the Functions Framework's server leaves to the default (dead at once): it
// drains the apps, all at the same time, for 8 s at most, calls flush (which
// may be nil) with 1 s, and then exit(0). The returned stop takes it back.
func DrainOnSignal(flush func(context.Context) error, exit func(code int), apps ...*App) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			drainAll(apps, flush)
			exit(0)
		case <-stopped:
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(stopped)
		<-done
	})
}

func drainAll(apps []*App, flush func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	for _, a := range apps {
		a.gate.shut() // all gates first: draining one must not leave another open
	}
	var errs []error
	for _, a := range apps {
		errs = append(errs, a.Drain(ctx))
	}
	if flush != nil {
		flushCtx, cancelFlush := context.WithTimeout(context.Background(), flushLimit)
		defer cancelFlush()
		errs = append(errs, flush(flushCtx))
	}
	if err := errors.Join(errs...); err != nil && len(apps) > 0 {
		apps[0].log.Warn("the instance ended before its work did", slog.String("error", err.Error()))
	}
}
