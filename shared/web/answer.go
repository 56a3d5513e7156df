package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// maxKeptBuffer is the largest buffer that goes back to the pool, in bytes: one
// huge answer must not stay in memory for ever.
const maxKeptBuffer = 64 << 10

func (a *App) buffer() *bytes.Buffer {
	buf, _ := a.buffers.Get().(*bytes.Buffer)
	buf.Reset()
	return buf
}

func (a *App) recycle(buf *bytes.Buffer) {
	if buf.Cap() <= maxKeptBuffer {
		a.buffers.Put(buf)
	}
}

// encode puts the answer's body into buf, which may still hold the request's:
// by now that has been decoded. It sets the status.
func encode(answer *Answer, buf *bytes.Buffer) error {
	buf.Reset()
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	if answer.Status < 200 || answer.Status > 599 {
		return fmt.Errorf("the handler answered with status %d", answer.Status)
	}
	switch body := answer.Body.(type) {
	case nil:
		return nil
	case []byte:
		buf.Write(body)
		return nil
	default:
		enc := json.NewEncoder(buf)
		enc.SetEscapeHTML(false)
		return enc.Encode(body)
	}
}

// interrupted is an error of a request that was out of time or whose client
// was gone. Definite refusals keep their meaning.
type interrupted struct{ err, cause error }

func (e *interrupted) Error() string   { return e.err.Error() + " (" + e.cause.Error() + ")" }
func (e *interrupted) Unwrap() []error { return []error{e.err, e.cause} }

// refuse turns an error into its problem document.
//
// A client that left gets 503 all the same: its connection may only be half
// closed, and a client that still reads would take an empty 200 for a success.
// The log calls it 499, as nothing failed on our side.
func (x *exchange) refuse(err error, buf *bytes.Buffer) (Answer, outcome) {
	f := translate(err)
	_, panicked := errors.AsType[*panicError](err)
	gone := f.code.Info().Status >= http.StatusInternalServerError && !panicked &&
		errors.Is(x.r.Context().Err(), context.Canceled)
	if gone {
		f = &fault{code: api.Unavailable}
	}
	answer := Answer{Status: f.code.Info().Status, Header: f.header(), Body: f.problem(x.id)}
	o := outcome{status: answer.Status, code: f.code, err: err}
	if gone {
		o.status = statusClientGone
	}
	if encodeErr := encode(&answer, buf); encodeErr != nil {
		o.err = errors.Join(err, encodeErr) // cannot be: a problem always has a JSON form
	}
	return answer, o
}

// send writes the answer, and returns its status.
func (x *exchange) send(answer Answer, body []byte) int {
	h := x.w.Header()
	for name, values := range answer.Header {
		h[name] = values
	}
	h["X-Request-Id"] = []string{x.id}
	h["X-Content-Type-Options"] = x.app.noSniff
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = x.app.noStore
	}
	if answer.Body != nil {
		if h["Content-Type"] == nil {
			h["Content-Type"] = x.app.jsonType
		}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	if x.hangUp {
		h.Set("Connection", "close")
	}
	control := http.NewResponseController(x.w)
	_ = control.SetWriteDeadline(time.Now().Add(sendLimit)) // not every writer can
	x.w.WriteHeader(answer.Status)
	if len(body) > 0 && x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body) // fails only when the client is gone
	}
	// net/http would send only after the handler returned, when the process may
	// already be on its way out: a drained request is one whose answer left.
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{}) // the connection's next answer has its own
	return answer.Status
}

// sendLimit is how long a client may take to read its answer, after which the
// connection is given up: one that does not read would keep the request for ever.
const sendLimit = 10 * time.Second

// trace finishes the request's span.
func (x *exchange) trace(o outcome) {
	if x.span.IsRecording() {
		if x.route != nil {
			x.span.SetName(x.route.op.ID)
			x.span.SetAttributes(attribute.String("http.route", x.template))
		}
		x.span.SetAttributes(attribute.Int("http.response.status_code", o.status))
		if o.status >= http.StatusInternalServerError {
			x.span.SetStatus(codes.Error, string(o.code))
		}
	}
	x.span.End()
}
