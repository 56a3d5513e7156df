package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
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
	// least is the severity the line has at least; zero raises nothing.
	least slog.Level
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
	raise(ctx, slog.LevelError)
}

// Degraded notes that the request goes on without what failed, and which
// backend that was: the line becomes a warning and counts as a failure of that
// backend, although the client is answered with a success. name says what could
// not be done.
func Degraded(ctx context.Context, name string, err error) {
	Annotate(ctx, slog.String(name, err.Error()), backend(err))
	raise(ctx, slog.LevelWarn)
}

func raise(ctx context.Context, least slog.Level) {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.least = max(n.least, least)
	}
}

// backend names the backend that failed with err. Of any other error it makes a
// zero Attr, which no handler writes.
func backend(err error) slog.Attr {
	name := license.Backend(err)
	if name == "" {
		return slog.Attr{}
	}
	return slog.String("backend", name)
}

// Seats notes how full a license is; percent is that of the tightest limit known.
func Seats(ctx context.Context, used, maximum int, percent float64) {
	Annotate(ctx, seats(used, maximum, percent)...)
}

func seats(used, maximum int, percent float64) []slog.Attr {
	return []slog.Attr{slog.Int("seats_used", used), slog.Int("seats_max", maximum), slog.Float64("seats_percent", percent)}
}

func (n *notes) taken() (attrs []slog.Attr, least slog.Level) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attrs, n.least
}

// outcome is how a request ended.
type outcome struct {
	status int
	code   api.Code // empty for success
	name   string   // the handler's word for a success
	size   int
	err    error
}

// word is the outcome in the log: the handler's own for a success, and one of
// three for what was not.
func (o outcome) word() string {
	switch {
	case o.status == statusClientGone:
		return "gone"
	case o.status >= http.StatusInternalServerError:
		return "failed"
	case o.status >= http.StatusBadRequest:
		return "refused"
	case o.name == "":
		return "answered"
	}
	return o.name
}

// record writes the request's one log line, in the form Cloud Logging reads
// (https://cloud.google.com/logging/docs/structured-logging).
func (x *exchange) record(ctx context.Context, o outcome) {
	a := x.app
	notes, least := x.notes.taken()
	level := x.level(o)
	if least > slog.LevelInfo {
		level = max(level, least)
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 24)
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
		slog.String("outcome", o.word()),
	)
	if x.route != nil {
		attrs = append(attrs, slog.String("operation", x.route.op.ID))
	}
	attrs = x.traceAttrs(attrs)
	if o.code != "" {
		attrs = append(attrs, slog.String("code", string(o.code)))
	}
	if org := x.call.Caller.OrganizationID; org != "" {
		attrs = append(attrs, slog.String("organization_id", org))
	}
	if x.call.Caller.UserID != "" && len(a.logKey) > 0 {
		attrs = append(attrs, slog.String("user_digest", UserDigest(a.logKey, x.call.Caller)))
	}
	attrs = append(attrs, notes...)
	attrs = errorAttrs(attrs, o)
	//nolint:sloglint // the title is one of a few: an operation and a status
	a.log.LogAttrs(ctx, level, x.title(o.status), attrs...)
}

// digestLength is how many bytes of a digest are written: 96 bits tell all users
// of the world apart.
const digestLength = 12

// UserDigest is the caller's name in the log: the same for one user of one
// organization wherever the key is the same, and nothing to whoever has not the key.
// HMAC-SHA256 (RFC 2104), cut (section 5), in base64url.
func UserDigest(key []byte, c license.Caller) string {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(c.OrganizationID + "\x00" + c.UserID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:digestLength])
}

// traceAttrs ties the line to its trace, and names the one it was asked in.
func (x *exchange) traceAttrs(attrs []slog.Attr) []slog.Attr {
	if x.theirs.IsValid() {
		attrs = append(attrs, slog.String("linked_trace", x.theirs.TraceID().String()))
	}
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

func errorAttrs(attrs []slog.Attr, o outcome) []slog.Attr {
	if o.err == nil {
		return attrs
	}
	attrs = append(attrs, slog.String("error", o.err.Error()))
	if o.status >= http.StatusInternalServerError { // a client that left is no backend's failure
		attrs = append(attrs, backend(o.err))
	}
	if e, ok := errors.AsType[*license.NoSeatsError](o.err); ok {
		attrs = append(attrs, slog.String("limit", string(e.Limit)))
		if e.Limit != license.LimitUser { // alerts on full pools read these
			attrs = append(attrs, seats(e.Used, e.Max, license.Fullness(e.Used, e.Max))...)
		}
	}
	if p, ok := errors.AsType[*panicError](o.err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	return attrs
}

// level: what we did wrong is an error; what may be an attack or a broken client
// is a warning; other refusals are everyday; a healthy probe is noise.
func (x *exchange) level(o outcome) slog.Level {
	switch {
	case o.status >= http.StatusInternalServerError:
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
