package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Stream is an answer that is sent while it is made, for what no memory holds. Nothing of it
// can be taken back: whatever can be refused is refused before the first Write, and what
// breaks after it cuts the connection, so that nobody takes a part for the whole.
type Stream struct {
	x           *exchange
	contentType string
	begun, gone bool
	size        int
}

// Stream is this request's, of a media type. A handler that has written to it returns an
// [Answer] of which the Outcome alone counts.
func (c Call) Stream(contentType string) *Stream {
	c.stream.contentType = contentType
	return c.stream
}

// Write sends p at once: whoever reads slowly slows down who writes, and nothing gathers in
// between. The answer to a HEAD has no body: http.ErrBodyNotAllowed, which a handler returns
// as it is.
func (s *Stream) Write(p []byte) (int, error) {
	control := http.NewResponseController(s.x.w)
	_ = control.SetWriteDeadline(time.Now().Add(sendLimit)) // not every writer can
	if !s.begun {
		s.begin()
	}
	if s.x.r.Method == http.MethodHead {
		return 0, http.ErrBodyNotAllowed
	}
	n, err := s.x.w.Write(p)
	if s.size += n; err == nil {
		err = control.Flush()
	}
	if errors.Is(err, http.ErrNotSupported) {
		err = nil
	}
	s.gone = err != nil // or reads so slowly that nobody waits
	return n, err
}

func (s *Stream) begin() {
	s.begun = true
	h := s.x.w.Header()
	h["X-Request-Id"] = []string{s.x.id}
	h["X-Content-Type-Options"] = s.x.app.noSniff
	h["Cache-Control"] = s.x.app.noStore
	h["Content-Type"] = []string{s.contentType}
	s.x.w.WriteHeader(http.StatusOK)
}

// finish ends a request whose answer was streamed.
func (s *Stream) finish(ctx context.Context, o outcome) {
	o.status, o.size = http.StatusOK, s.size
	if errors.Is(o.err, http.ErrBodyNotAllowed) {
		o.err = nil
	}
	if o.err != nil {
		o.code = translate(o.err).code
		if o.status = o.code.Info().Status; s.gone {
			o.status, o.code = statusClientGone, api.Unavailable
		}
	}
	s.x.trace(o)
	s.x.record(ctx, o)
	if o.err != nil {
		panic(http.ErrAbortHandler) // net/http cuts the connection, and says nothing of it
	}
	_ = http.NewResponseController(s.x.w).SetWriteDeadline(time.Time{}) // the connection's next answer has its own
}
