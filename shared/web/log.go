package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/api"
)

// maxLoggedPath bounds the path in a log line, in bytes.
const maxLoggedPath = 128

// statusClientGone is what the log says when the client left before its answer
// (nginx's number; no answer carries it).
const statusClientGone = 499

type notesKey struct{}

// notes collects attributes for the request's log line.
type notes struct {
	mu    sync.Mutex
	attrs []slog.Attr
	alarm bool
}

// Annotate adds attributes to the one log line of the request that ctx belongs
// to; elsewhere it does nothing. Never anything secret or personal: no tokens,
// hardware ids or e-mail addresses.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	n, ok := ctx.Value(notesKey{}).(*notes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attrs = append(n.attrs, attrs...)
}

// Alarm makes the request's log line an error although its answer is a success:
// for work that went on without what failed, and that somebody should look at.
func Alarm(ctx context.Context) {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.alarm = true
	}
}

func (n *notes) alarmed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alarm
}

func (n *notes) taken() []slog.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attrs
}

// outcome is how a request ended.
type outcome struct {
	status int
	code   api.Code // empty for success
	size   int
	err    error
}

// record writes the request's one log line, in the form Cloud Logging reads
// (https://cloud.google.com/logging/docs/structured-logging).
func (x *exchange) record(ctx context.Context, o outcome) {
	a := x.app
	level := x.level(o)
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.Attr{Key: "httpRequest", Value: slog.GroupValue(
			slog.String("requestMethod", clip(x.r.Method, 16)),
			slog.String("requestUrl", x.path),
			slog.Int("status", o.status),
			slog.String("responseSize", strconv.Itoa(o.size)),
			slog.String("latency", seconds(a.now().Sub(x.start))),
		)},
		slog.String("function", a.name),
		slog.String("request_id", x.id),
	)
	attrs = x.traceAttrs(attrs)
	if o.code != "" {
		attrs = append(attrs, slog.String("code", string(o.code)))
	}
	if org := x.call.Caller.OrganizationID; org != "" {
		attrs = append(attrs, slog.String("organization_id", org))
	}
	attrs = append(attrs, x.notes.taken()...)
	attrs = errorAttrs(attrs, o.err)
	//nolint:sloglint // the title is one of a few: an operation and a status
	a.log.LogAttrs(ctx, level, x.title(o.status), attrs...)
}

// traceAttrs ties the line to its trace.
func (x *exchange) traceAttrs(attrs []slog.Attr) []slog.Attr {
	sc := x.span.SpanContext()
	if x.app.tracePrefix == "" || !sc.IsValid() {
		return attrs
	}
	return append(attrs,
		slog.String("logging.googleapis.com/trace", x.app.tracePrefix+sc.TraceID().String()),
		slog.String("logging.googleapis.com/spanId", sc.SpanID().String()),
		slog.Bool("logging.googleapis.com/trace_sampled", sc.IsSampled()),
	)
}

func errorAttrs(attrs []slog.Attr, err error) []slog.Attr {
	if err == nil {
		return attrs
	}
	attrs = append(attrs, slog.String("error", err.Error()))
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	return attrs
}

// level: what we did wrong is an error; what may be an attack or a broken client
// is a warning; other refusals are everyday; a healthy probe is noise.
func (x *exchange) level(o outcome) slog.Level {
	switch {
	case o.status >= http.StatusInternalServerError, x.notes.alarmed():
		return slog.LevelError
	case o.status == http.StatusUnauthorized, o.status == http.StatusForbidden, o.status == http.StatusTooManyRequests:
		return slog.LevelWarn
	case o.status < http.StatusBadRequest && x.route != nil && x.route.op.probe:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// title is the line's message: the operation and its status.
func (x *exchange) title(status int) string {
	name := "request"
	if x.route != nil {
		name = x.route.op.ID
	}
	return name + " " + strconv.Itoa(status)
}

// seconds is a duration as Cloud Logging parses it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) + "s"
}

// panicError is a panic that was caught, for the log alone.
type panicError struct {
	text  string
	stack []byte
}

// newPanic keeps what was panicked with if that is a message, and only its type
// if it is a value: it could hold anything.
func newPanic(v any) *panicError {
	p := &panicError{stack: debug.Stack()}
	switch v := v.(type) {
	case error:
		p.text = v.Error()
	case string:
		p.text = v
	default:
		p.text = fmt.Sprintf("a %T", v)
	}
	return p
}

func (p *panicError) Error() string { return "panic: " + p.text }
