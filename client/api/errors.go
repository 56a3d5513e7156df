package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// MaxProblem is the largest problem document that [CheckResponse] reads, in
// bytes. The longest that the service writes lists every license of an
// organization; this has room for 3,900 ids of the greatest length.
const MaxProblem = 256 << 10

const (
	// untyped is the type of a problem that says no more than its status (RFC
	// 9457, section 4.2.1).
	untyped    = "about:blank"
	noDocument = "The answer is no problem document: something between this program and the license service may have sent it."
)

// Error is the code as it is on the wire. A code is an error so that it can be
// asked for: errors.Is(err, api.NoSeatsAvailable).
func (c Code) Error() string { return string(c) }

// Error is for people: what was wrong and what to do, then the status, the code
// and the request id, which support asks for. A program does not read it: it
// asks errors.Is for a code, and errors.AsType for the *Problem.
func (p *Problem) Error() string {
	facts := strconv.Itoa(p.Status)
	if p.Code != "" {
		facts += " " + string(p.Code)
	}
	if p.Instance != "" {
		facts += ", request " + p.Instance
	}
	return fmt.Sprintf("%s (%s)", cmp.Or(p.Detail, p.Title, "The request failed."), facts)
}

// Unwrap is the problem's code, so that errors.Is finds it; a code that this
// version of the package does not know is found, too. It is nil where the answer
// names none.
func (p *Problem) Unwrap() error {
	if p.Code == "" {
		return nil
	}
	return p.Code
}

// CheckResponse is nil for an answer with a 2xx status, whose body it leaves to
// the caller. Every other answer is a *Problem: from its document (RFC 9457), or
// without a code from its status alone where there is no document, as with
// another content type (a proxy's page), what is not JSON, an empty body, or
// more than [MaxProblem] bytes.
//
// A body that breaks off gives the error of reading it and no *Problem: half an
// answer is no answer, and decides nothing about a session.
//
// The caller closes the body.
func CheckResponse(response *http.Response) error {
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return nil
	}
	text, err := documentText(response)
	if err != nil {
		return fmt.Errorf("the answer with status %d broke off: %w", response.StatusCode, err)
	}
	p := &Problem{
		Type: untyped, Title: http.StatusText(response.StatusCode), Status: response.StatusCode,
		RetryAfter: retryAfter(response.Header),
	}
	var document map[string]json.RawMessage
	if json.Unmarshal(text, &document) != nil {
		p.Detail = noDocument
	}
	p.take(document)
	p.Instance = cmp.Or(p.Instance, response.Header.Get("X-Request-Id"))
	return p
}

// documentText is the body of an answer that says it is a problem document and
// has the length of one; empty otherwise.
func documentText(response *http.Response) ([]byte, error) {
	// The type counts, whatever is wrong with its parameters.
	contentType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if contentType != ContentTypeProblem {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxProblem+1))
	if len(text) > MaxProblem {
		return nil, nil
	}
	return text, err
}

// take copies the document's members. Status stays that of the answer: the
// member is only advisory (RFC 9457, section 3.1.2).
func (p *Problem) take(document map[string]json.RawMessage) {
	member(document, "type", &p.Type)
	member(document, "title", &p.Title)
	member(document, "code", &p.Code)
	member(document, "detail", &p.Detail)
	member(document, "instance", &p.Instance)
	p.Retryable = p.Code.retryable(p.Status)
	member(document, "retryable", &p.Retryable)

	member(document, "errors", &p.Errors)
	member(document, "seats_used", &p.SeatsUsed)
	member(document, "seats_max", &p.SeatsMax)
	member(document, "limit", &p.Limit)
	member(document, "your_sessions", &p.YourSessions)
	member(document, "licenses", &p.Licenses)
	member(document, "reason", &p.Reason)
}

// member copies one member. A member of another type counts as absent (RFC
// 9457, section 3.1), and so does null.
func member[T any](document map[string]json.RawMessage, name string, into *T) {
	raw := document[name]
	var value T
	if string(raw) != "null" && json.Unmarshal(raw, &value) == nil {
		*into = value
	}
}

// retryable is what to think of an answer that does not say so itself. A code
// of the contract has its own word. Otherwise a 4xx alone blames the request
// (RFC 9110, section 15.5), and of those not a timeout, nor too many requests.
func (c Code) retryable(status int) bool {
	if info := c.Info(); info.Code == c {
		return info.Retryable
	}
	blamed := status >= 400 && status <= 499
	return !blamed || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

// retryAfter is the header's delay, whole seconds or an HTTP-date (RFC 9110,
// section 10.2.3); zero without one that can be read. The date is measured
// against the answer's own, so that a wrong clock on this side does no harm; an
// answer without Date counts as sent now (section 6.6.1).
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	// What is out of range becomes the greatest number there is: 136 years.
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		sent = time.Now()
	}
	return max(0, at.Sub(sent))
}
