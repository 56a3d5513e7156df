package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// BodyRule says what body an operation takes.
type BodyRule int

// The rules. A body where none is taken is refused: its sender believes that it
// does something.
const (
	BodyNone BodyRule = iota
	BodyOptional
	BodyRequired
	// BodyIgnored: a body of any form is as good as none, as long as it is not too
	// large. For requests whose refusal would cost a seat: some HTTP libraries cannot
	// leave a body out.
	BodyIgnored
)

// read: the body means something.
func (b BodyRule) read() bool { return b == BodyOptional || b == BodyRequired }

// body reads the request's body into buf, as the operation allows.
func (x *exchange) body(rule BodyRule, buf *bytes.Buffer) ([]byte, error) {
	if rule == BodyIgnored {
		return nil, x.ignoreBody(buf)
	}
	if x.r.ContentLength != 0 {
		if err := x.readBody(rule, buf); err != nil {
			return nil, err
		}
	}
	switch {
	case buf.Len() == 0 && rule == BodyRequired:
		return nil, invalid("is required: send a JSON object")
	case buf.Len() > 0 && rule == BodyNone:
		return nil, invalid("must be empty: this request takes no body")
	}
	return buf.Bytes(), nil
}

// readBody reads a body that is, or (its length not being declared) may be there.
func (x *exchange) readBody(rule BodyRule, buf *bytes.Buffer) error {
	declared := x.r.ContentLength
	if declared > 0 {
		if err := acceptable(x.r.Header, rule); err != nil {
			return err
		}
	}
	if declared > api.MaxBody {
		return x.tooLarge()
	}
	if err := x.receive(buf); err != nil {
		return err
	}
	if declared < 0 && buf.Len() > 0 {
		if err := acceptable(x.r.Header, rule); err != nil {
			return err
		}
	}
	if buf.Len() > api.MaxBody {
		return x.tooLarge()
	}
	return nil
}

// ignoreBody lets a request go on whose body means nothing, whether it comes or not.
// net/http reads what a handler left of a body before it sends the answer, so that one
// that stalls would hold up the answer, unless the connection is to be closed.
// (Full duplex is no way out: net/http then panics at the connection's next request,
// or takes the rest of the body for one.)
func (x *exchange) ignoreBody(buf *bytes.Buffer) error {
	switch declared := x.r.ContentLength; {
	case declared == 0:
		return nil
	case declared > api.MaxBody:
		return x.tooLarge()
	}
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(time.Now().Add(ignoredPatience)) // the network's time, which no test's clock moves
	_, err := buf.ReadFrom(io.LimitReader(x.r.Body, api.MaxBody+1))
	switch {
	case buf.Len() > api.MaxBody:
		return x.tooLarge()
	case err != nil:
		x.hangUp = true
	default:
		_ = control.SetReadDeadline(time.Time{}) // as in receive
	}
	return nil
}

// ignoredPatience is how long a body is read that nobody needs: the usual one, of a
// few bytes, has come with the request. Of one that has not, the connection is not
// used again, and nothing waits for it.
const ignoredPatience = 100 * time.Millisecond

// outliving is ctx of a request whose ignored body did not come: without its
// cancellation, but with its deadline. net/http takes such a body for a client that
// left. If it did leave, a heartbeat does no harm and a release does good.
func (x *exchange) outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	if !x.hangUp {
		return ctx, func() {}
	}
	alone := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(alone, deadline)
	}
	return alone, func() {}
}

// tooLarge refuses the body, and does not wait for the rest of it.
func (x *exchange) tooLarge() error {
	x.hangUp = true
	return &fault{code: api.PayloadTooLarge}
}

// bodyLimit is how long a body may take to come, however it trickles: the largest
// has 16 KiB, which the slowest modem sends in that time.
const bodyLimit = 2 * time.Second

// hurry gives the client bodyLimit to send its body, and no longer than the
// request has; the server itself would wait for ever, also for a body that nobody
// reads. net/http lifts the limit before the connection's next request.
func (x *exchange) hurry(ctx context.Context) {
	if x.r.ContentLength == 0 {
		return
	}
	until := time.Now().Add(bodyLimit) // the network's time, which no test's clock moves
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	// Not every writer can; then its server's own timeouts hold.
	_ = http.NewResponseController(x.w).SetReadDeadline(until)
}

// receive reads one byte more than the limit at most. Once the body is whole
// the connection's deadline is taken back: net/http would take a deadline that
// passes for a client that left, and cancel the request.
func (x *exchange) receive(buf *bytes.Buffer) error {
	_, err := buf.ReadFrom(io.LimitReader(x.r.Body, api.MaxBody+1))
	if err == nil {
		if buf.Len() <= api.MaxBody {
			_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{})
		}
		return nil
	}
	x.hangUp = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &fault{code: api.RequestTimeout, cause: err}
	}
	return &fault{code: api.InvalidRequest, fields: oneField("", "could not be read to its end"), cause: err}
}

// acceptable checks the headers of a body: JSON in UTF-8, not compressed.
func acceptable(h http.Header, rule BodyRule) error {
	if !rule.read() {
		return nil // refused for another reason, whatever its type
	}
	types := h["Content-Type"]
	if len(types) != 1 || !isJSON(types[0]) || !isPlain(h["Content-Encoding"]) {
		return &fault{code: api.UnsupportedMediaType}
	}
	return nil
}

func isJSON(contentType string) bool {
	if contentType == api.ContentTypeJSON {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != api.ContentTypeJSON {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// isPlain: no coding is named but the one that changes nothing (RFC 9110, section
// 12.5.3), which some HTTP libraries name.
func isPlain(encodings []string) bool {
	for _, coding := range strings.Split(strings.Join(encodings, ","), ",") {
		if coding = strings.Trim(coding, " \t"); coding != "" && !strings.EqualFold(coding, "identity") {
			return false
		}
	}
	return true
}
