package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// held lets a request in and keeps it there until it is let go.
type held struct {
	*bench
	inside, letGo chan struct{}
	answer        chan *httptest.ResponseRecorder
}

func hold(t *testing.T) *held {
	h := &held{bench: newBench(t, nil), inside: make(chan struct{}), letGo: make(chan struct{}), answer: make(chan *httptest.ResponseRecorder, 1)}
	h.heartbeat.do = func(context.Context) { close(h.inside); <-h.letGo }
	go func() { h.answer <- h.heartbeatNow() }()
	<-h.inside
	return h
}

func TestDrainWaitsForRequests(t *testing.T) {
	h := hold(t)
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.app.Drain(soon); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain with a request in flight = %v, want the context's error", err)
	}
	problemWhileDraining(t, h.app)
	drained := make(chan error)
	go func() { drained <- h.app.Drain(t.Context()) }()
	close(h.letGo)
	if err := <-drained; err != nil {
		t.Errorf("Drain = %v", err)
	}
	if w := <-h.answer; w.Code != 200 {
		t.Errorf("the request in flight got %d", w.Code)
	}
	if err := h.app.Drain(t.Context()); err != nil {
		t.Errorf("Drain of the drained = %v", err)
	}
}

// TestDrainWaitsForTheLast of several requests.
func TestDrainWaitsForTheLast(t *testing.T) {
	b := newBench(t, func(o *web.Options) { o.Logger = nil })
	inside := make(chan chan struct{})
	b.heartbeat.do = func(context.Context) {
		letGo := make(chan struct{})
		inside <- letGo
		<-letGo
	}
	answered := make(chan int)
	enter := func() chan struct{} {
		go func() { answered <- b.heartbeatNow().Code }()
		return <-inside
	}
	first, last := enter(), enter()
	now, cancel := context.WithCancel(t.Context())
	cancel()
	_ = b.app.Drain(now) // closes the gate
	close(first)
	<-answered
	if err := b.app.Drain(now); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain with one of two in flight = %v", err)
	}
	close(last)
	<-answered
	if err := b.app.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func problemWhileDraining(t *testing.T, app *web.App) {
	t.Helper()
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", nil))
	problem(t, w, api.Unavailable)
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open")
	}
}

// TestDrainedAnswersHaveLeft: when Drain returns, the client has its answer,
// although the handler's own goroutine may not have returned to net/http.
func TestDrainedAnswersHaveLeft(t *testing.T) {
	b := newBench(t, nil)
	flushed := &flushes{ResponseRecorder: httptest.NewRecorder()}
	b.app.ServeHTTP(flushed, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live", nil))
	if !strings.Contains(flushed.atFlush, `"ok"`) {
		t.Errorf("flushed %q, want the whole answer", flushed.atFlush)
	}
}

type flushes struct {
	*httptest.ResponseRecorder
	atFlush string
}

func (f *flushes) Flush() { f.atFlush = f.Body.String() }

func TestSignalDrainsFlushesAndExits(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		h, idle := hold(t), newBench(t, nil)
		exited := make(chan int, 1)
		var order []string
		flush := func(ctx context.Context) error {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("flush has no deadline")
			}
			order = append(order, "flush")
			return errors.New("nobody listens")
		}
		h.heartbeat.answer.Body = "done"
		stop := web.DrainOnSignal(flush, func(code int) { order = append(order, "exit"); exited <- code }, idle.app, h.app)
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		for !drains(t, idle.app) { // until the signal has arrived
			runtime.Gosched()
		}
		select {
		case <-exited:
			t.Fatal("it ended with a request in flight")
		default:
		}
		close(h.letGo)
		if code := <-exited; code != 0 || strings.Join(order, " ") != "flush exit" {
			t.Errorf("exit code %d after %v", code, order)
		}
		if w := <-h.answer; w.Code != 200 {
			t.Errorf("the request in flight got %d", w.Code)
		}
		stop()
		stop()
		if line := idle.lines(t); line[len(line)-1]["error"] != "nobody listens" {
			t.Errorf("the log has %v", line)
		}
	}
}

func drains(t *testing.T, app *web.App) bool {
	t.Helper()
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live", nil))
	return w.Code == http.StatusServiceUnavailable
}

func TestStopTakesTheSignalBack(t *testing.T) {
	b := newBench(t, nil)
	stop := web.DrainOnSignal(nil, func(int) { t.Error("it ended") }, b.app)
	stop()
	if drains(t, b.app) {
		t.Error("the app is closed")
	}
}

// TestAPanicLeavesTheGate: a request that failed is not in flight for ever.
func TestAPanicLeavesTheGate(t *testing.T) {
	b := newBench(t, nil)
	b.heartbeat.do = func(context.Context) { panic("boom") }
	b.heartbeatNow()
	if err := b.app.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHalfClosedClient: a client that only reads any more is not told 200.
func TestHalfClosedClient(t *testing.T) {
	b := newBench(t, nil)
	b.heartbeat.do = func(ctx context.Context) { <-ctx.Done() }
	b.heartbeat.err = context.Canceled
	server := httptest.NewServer(b.app)
	defer server.Close()
	conn, reader := raw(t, server.Listener.Addr().String(), head("PATCH", api.HeartbeatPath(sessionID), 0, token))
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(reader)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
		t.Errorf("answer = %.40q, %v", answer, err)
	}
}
