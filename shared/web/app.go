package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Options is what an [App] needs beside its routes. The zero value works: it
// logs nothing, limits nobody and knows no deadline.
type Options struct {
	// Name is the function's name in the log.
	Name string
	// Logger gets one line per request.
	Logger *slog.Logger
	// ProjectID is the Google Cloud project that traces belong to; without it
	// log lines name no trace.
	ProjectID string
	// LogKey keys the digest by which the log names users ([UserDigest]); empty
	// leaves them out.
	LogKey []byte
	// Deadline bounds a whole request, identity and body included; zero is none.
	Deadline time.Duration
	// MaxInFlight is how many requests of known callers may be worked on at a time,
	// and of how many the bodies may be read: of one organization half of it, a fifth
	// while others are inside, and of one user 16. More are turned away with 503, a
	// user's own excess with 429. Zero is no limit. Probes and public documents always
	// get in.
	MaxInFlight int
	// Limiter bounds what one user may ask; nil is no limit.
	Limiter Limiter
	// Origins are those whose pages may call in a browser, as [CheckOrigin] takes
	// them; none lets no page read anything but public documents.
	Origins []string
	// Checks are what GET /ready tries, by name.
	Checks map[string]Check
	// StartNeeds are the names of those that GET /startup tries: what a new instance
	// cannot do without. Nil is all.
	StartNeeds []string
	// Now is the clock of latencies, and of how old a sign-in is; nil is [time.Now].
	Now func() time.Time
}

// App is one function: its routes in the funnel. It is an [http.Handler],
// safe for concurrent use.
type App struct {
	name        string
	log         *slog.Logger
	tracePrefix string
	logKey      []byte
	deadline    time.Duration
	limiter     Limiter
	origins     map[string]bool
	now         func() time.Time
	table       table
	tracer      trace.Tracer
	gate        gate
	// Where requests of known callers are, in this order; each stage has places of its
	// own, so that none is full because of another.
	identifying, reading, working places
	buffers                       sync.Pool
	// Header values that never change, made once; net/http only reads them.
	noStore, noSniff, jsonType []string
}

// NewApp is the function with these routes, and GET /live and GET /ready. It
// panics unless auth has an authenticator for each kind of access that the routes
// ask for and no other, and when two routes could be meant by one request.
func NewApp(opts Options, auth Authenticators, routes ...Route) *App {
	a := &App{
		name: opts.Name, log: opts.Logger, logKey: opts.LogKey, deadline: opts.Deadline, limiter: opts.Limiter, now: opts.Now,
		tracer:  otel.Tracer("github.com/coditect-ai/coditect-licenses/shared/web"),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		noStore: []string{"no-store"}, noSniff: []string{"nosniff"}, jsonType: []string{api.ContentTypeJSON},
	}
	a.identifying.max, a.reading.max, a.working.max = opts.MaxInFlight, opts.MaxInFlight, opts.MaxInFlight
	a.origins = make(map[string]bool, len(opts.Origins))
	for _, origin := range opts.Origins {
		a.origins[origin] = true
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	if opts.ProjectID != "" {
		a.tracePrefix = "projects/" + opts.ProjectID + "/traces/"
	}
	a.table = newTable(append(auth.guard(routes), probes(opts)...))
	return a
}

// exchange is one request on its way through the funnel.
type exchange struct {
	app   *App
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	id    string
	span  trace.Span
	// theirs is what the request's traceparent names; invalid without one.
	theirs trace.SpanContext
	notes  notes
	// places are what the path could mean; pages says whether the page that asks,
	// if one does, may read the answer.
	places []place
	pages  bool
	route  *Route // nil until one is found
	call   Call
	// path is the request's as the log may say it, template that of the route.
	path, template string
	// hangUp closes the connection after the answer.
	hangUp bool
}

// ServeHTTP passes one request through the funnel. Nothing is written before
// the whole answer is known, so a failure at any step is a whole problem document.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{app: a, w: w, r: r, start: a.now(), places: a.table.at(r.URL.EscapedPath())}
	x.call.stream = &Stream{x: x}
	x.allow()
	entered := a.gate.enter()
	if entered {
		defer a.gate.leave()
	}
	ctx := x.identify(r.Context())
	buf := a.buffer()
	defer a.recycle(buf)

	answer, err := x.run(ctx, entered, buf)
	o := outcome{err: err, name: answer.Outcome}
	if x.call.stream.begun {
		x.call.stream.finish(ctx, o)
		return
	}
	if err != nil {
		answer, o = x.refuse(err, buf)
	}
	o.size = buf.Len()
	if sent := x.send(answer, buf.Bytes()); o.status == 0 {
		o.status = sent
	}
	x.trace(o)
	x.record(ctx, o)
}

// identify gives the request its id, and a trace of its own: a client must not
// choose what is sampled (at a price), nor put its request into another's trace or
// log. Its W3C traceparent (Cloud Run's, if it sends none) is a link of the span and
// an attribute of the log line, so that one can be found from the other. The id is
// that of the trace; a UUID while there is no tracing.
func (x *exchange) identify(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, notesKey{}, &x.notes)
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer)}
	theirs := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(x.r.Header))
	if x.theirs = trace.SpanContextFromContext(theirs); x.theirs.IsValid() {
		// Without its state, in which a client may write what it likes.
		x.theirs = x.theirs.WithTraceState(trace.TraceState{})
		options = append(options, trace.WithLinks(trace.Link{SpanContext: x.theirs}))
	}
	ctx, x.span = x.app.tracer.Start(ctx, "request", options...)
	if sc := x.span.SpanContext(); sc.HasTraceID() {
		x.id = sc.TraceID().String()
	} else {
		x.id = uuid.NewString()
	}
	return ctx
}

// run takes the request to its handler and the answer into buf.
func (x *exchange) run(ctx context.Context, entered bool, buf *bytes.Buffer) (answer Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanic(v)
		}
	}()
	if !entered {
		x.hangUp = true
		return Answer{}, &fault{code: api.Unavailable, cause: errors.New("the instance is shutting down")}
	}
	if x.app.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.app.deadline)
		defer cancel()
	}
	answer, err = x.handle(ctx, buf)
	if err == nil {
		err = encode(&answer, buf)
	}
	if err != nil && ctx.Err() != nil {
		// A call that was cut short may report any error: the reason is that it was cut
		// short.
		err = &interrupted{err: err, cause: ctx.Err()}
	}
	return answer, err
}

// handle is the funnel: route, identity, limit, role, body, admission, call. The
// body is read before the request has a place where it is worked on: who does not
// send it must not keep out those who do.
func (x *exchange) handle(ctx context.Context, buf *bytes.Buffer) (Answer, error) {
	x.hurry(ctx)
	x.path = clip(x.r.URL.EscapedPath(), maxLoggedPath)
	if x.pages && x.asksFirst() {
		return x.preflight(), nil
	}
	route, err := x.match()
	if err != nil {
		return Answer{}, err
	}
	x.route = route
	if route.auth == nil {
		body, err := x.body(route.op.Body, buf)
		if err != nil {
			return Answer{}, err
		}
		return route.call(ctx, x.call, body)
	}
	if err := x.admit(ctx, route); err != nil {
		return Answer{}, err
	}
	body, err := x.bodyOfCaller(route.op.Body, buf)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := x.outliving(ctx)
	defer cancel()
	leave, err := x.app.working.enter(x.call.Caller)
	if err != nil {
		return Answer{}, crowded(err)
	}
	defer leave()
	return route.call(ctx, x.call, body)
}

// admit lets in callers who are known and may do this, as often as they may.
func (x *exchange) admit(ctx context.Context, route *Route) error {
	leave, err := x.app.identifying.enterAnybody()
	if err != nil {
		return crowded(err)
	}
	defer leave()
	if err := x.authenticate(ctx, route); err != nil {
		return err
	}
	return route.op.admits(x.call.Caller, x.start)
}

// bodyOfCaller reads the request's body in a place of its caller's.
func (x *exchange) bodyOfCaller(rule BodyRule, buf *bytes.Buffer) ([]byte, error) {
	if x.r.ContentLength != 0 && rule != BodyIgnored {
		leave, err := x.app.reading.enter(x.call.Caller)
		if err != nil {
			x.hangUp = true // nothing is to be heard from this body
			return nil, stalled(err)
		}
		defer leave()
	}
	return x.body(rule, buf)
}
