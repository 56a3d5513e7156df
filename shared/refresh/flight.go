package refresh

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// ErrLeft is the answer to a caller whose own context ended before the work did.
// The error wraps the context's own as well. The work goes on for the others.
var ErrLeft = errors.New("left before the work ended")

// errNoAnswer is what work leaves behind that ended its goroutine (runtime.Goexit).
var errNoAnswer = errors.New("the work ended without an answer")

// Panic is what every waiting caller panics with when the work panicked. Each
// caller so reports the fault as if the work had been its own.
type Panic struct {
	// Value is what the work panicked with, Stack where.
	Value any
	Stack []byte
}

// Error implements error: some of those who recover print errors only.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n\n%s", p.Value, p.Stack) }

// Flight runs work once for all callers who ask for the same key while it is
// under way. It keeps no answer. The zero Flight is ready; it is safe for
// concurrent use.
type Flight[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V] // those under way
}

// Do answers what work answers, or joins the work that another caller began for
// this key. The work runs on a goroutine of its own, under the values of the
// first caller's ctx and a deadline of its own: no caller can cancel it. A
// caller whose ctx ends waits no longer and gets [ErrLeft].
func (f *Flight[K, V]) Do(ctx context.Context, key K, deadline time.Duration, work func(context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	c, ok := f.calls[key]
	if !ok {
		c = begin(ctx, deadline, work, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.calls, key)
		})
		if f.calls == nil {
			f.calls = map[K]*call[V]{}
		}
		f.calls[key] = c
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.answer()
	case <-ctx.Done():
		var none V
		return none, left(ctx)
	}
}

// call is work under way. Its other fields are set before done is closed.
type call[V any] struct {
	done     chan struct{}
	value    V
	err      error
	panicked *Panic
}

// begin starts the work. land runs when the work has ended, however it ended,
// and before anyone is told.
func begin[V any](ctx context.Context, deadline time.Duration, work func(context.Context) (V, error), land func()) *call[V] {
	c := &call[V]{done: make(chan struct{}), err: errNoAnswer}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	go func() {
		defer close(c.done)
		defer land()
		defer cancel()
		defer func() {
			if v := recover(); v != nil {
				c.panicked = &Panic{Value: v, Stack: debug.Stack()}
			}
		}()
		c.value, c.err = work(ctx)
	}()
	return c
}

// answer is the outcome of a call that is done.
func (c *call[V]) answer() (V, error) {
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.value, c.err
}

func left(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrLeft, ctx.Err()) }
