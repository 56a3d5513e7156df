package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// answered is an answer as the HTTP client hands it over. Header lines follow
// in pairs of name and value.
func answered(status int, contentType, body string, header ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// problemOf is the problem that the answer becomes, wrapped on its way as
// errors are.
func problemOf(t *testing.T, r *http.Response) (*api.Problem, error) {
	t.Helper()
	err := fmt.Errorf("heartbeat: %w", api.CheckResponse(r))
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	return p, err
}

func document(t *testing.T, p api.Problem) string {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryCodeComesBack, with every member, and as no other code.
func TestEveryCodeComesBack(t *testing.T) {
	used, size, limit, reason := 0, 3, "organization", "displaced"
	for _, info := range api.Codes() {
		want := api.NewProblem(info.Code, "What to do.", "r-1")
		want.Errors = []api.FieldError{{Field: "client.name", Message: "is too long"}, {Message: "is not JSON"}}
		want.SeatsUsed, want.SeatsMax, want.Limit, want.Reason = &used, &size, &limit, &reason
		want.Licenses = api.List{"a", "b"}
		r := answered(info.Status, api.ContentTypeProblem, document(t, want), "Retry-After", "7")
		want.RetryAfter = 7 * time.Second

		got, err := problemOf(t, r)
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, want %+v", info.Code, *got, want)
		}
		for _, other := range api.Codes() {
			if errors.Is(err, other.Code) != (other.Code == info.Code) {
				t.Errorf("%s is %s: %t", info.Code, other.Code, errors.Is(err, other.Code))
			}
		}
		if code, ok := errors.AsType[api.Code](err); !ok || code != info.Code {
			t.Errorf("%s: the code is %q", info.Code, code)
		}
	}
}

// TestEveryMemberIsRead: a member that is added to Problem comes back, too.
func TestEveryMemberIsRead(t *testing.T) {
	var all api.Problem
	text := "{"
	for _, f := range reflect.VisibleFields(reflect.TypeOf(all)) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := f.Type.Kind()
		if kind == reflect.Pointer {
			kind = f.Type.Elem().Kind()
		}
		switch {
		case name == "-": // comes with the header
		case name == "errors":
			text += `"errors":[{"field":"f","message":"m"}],`
		case name == "your_sessions":
			text += `"your_sessions":[{"session_id":"s"}],`
		case kind == reflect.Slice:
			text += fmt.Sprintf("%q:[\"x\"],", name)
		case kind == reflect.Bool:
			text += fmt.Sprintf("%q:true,", name)
		case kind == reflect.Int:
			text += fmt.Sprintf("%q:418,", name)
		default:
			text += fmt.Sprintf("%q:\"x\",", name)
		}
	}
	got, _ := problemOf(t, answered(418, api.ContentTypeProblem, strings.TrimSuffix(text, ",")+"}", "Retry-After", "1"))
	for _, f := range reflect.VisibleFields(reflect.TypeOf(all)) {
		if reflect.ValueOf(*got).FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is not read of %s", f.Name, text)
		}
	}
}

func TestSuccessIsNoError(t *testing.T) {
	for _, status := range []int{200, 201, 204, 299} {
		r := answered(status, api.ContentTypeJSON, `{"session_id":"s"}`)
		if err := api.CheckResponse(r); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		if body, err := io.ReadAll(r.Body); err != nil || len(body) == 0 {
			t.Errorf("%d: the body is gone: %q, %v", status, body, err)
		}
	}
}

// TestAnswersWithoutADocument are judged by their status, and have no code.
func TestAnswersWithoutADocument(t *testing.T) {
	const good = `{"code":"session_ended","retryable":false}`
	for name, r := range map[string]*http.Response{
		"a proxy's page":         answered(502, "text/html; charset=utf-8", "<html>session_ended</html>"),
		"another type":           answered(502, "application/json", good),
		"no type":                answered(502, "", good),
		"no media type at all":   answered(502, ";", good),
		"a type that begins so":  answered(502, api.ContentTypeProblem+"x", good),
		"an empty body":          answered(502, api.ContentTypeProblem, ""),
		"not JSON":               answered(502, api.ContentTypeProblem, "<html>"),
		"cut":                    answered(502, api.ContentTypeProblem, good[:len(good)-1]),
		"two documents":          answered(502, api.ContentTypeProblem, good+good),
		"a list":                 answered(502, api.ContentTypeProblem, "["+good+"]"),
		"a text":                 answered(502, api.ContentTypeProblem, `"session_ended"`),
		"longer than a document": answered(502, api.ContentTypeProblem, good+strings.Repeat(" ", api.MaxProblem)),
	} {
		r.Header.Set("Retry-After", "3")
		r.Header.Set("X-Request-Id", "r-7")
		p, err := problemOf(t, r)
		want := api.Problem{
			Type: "about:blank", Title: "Bad Gateway", Status: 502, Detail: p.Detail, Instance: "r-7", Retryable: true,
			RetryAfter: 3 * time.Second,
		}
		if !reflect.DeepEqual(*p, want) {
			t.Errorf("%s: %+v, want %+v", name, *p, want)
		}
		if code, ok := errors.AsType[api.Code](err); ok {
			t.Errorf("%s: it is %s", name, code)
		}
		if text := err.Error(); !strings.Contains(text, "no problem document") || !strings.Contains(text, "502") || !strings.Contains(text, "r-7") {
			t.Errorf("%s: %q helps nobody", name, text)
		}
	}
}

// TestTheLongestDocumentIsRead, to its last byte.
func TestTheLongestDocumentIsRead(t *testing.T) {
	p := api.NewProblem(api.LicenseAmbiguous, "", "r-1")
	for range 3900 {
		p.Licenses = append(p.Licenses, strings.Repeat("x", 63))
	}
	text := document(t, p)
	if len(text) > api.MaxProblem {
		t.Fatalf("%d bytes", len(text))
	}
	text += strings.Repeat(" ", api.MaxProblem-len(text))
	got, err := problemOf(t, answered(409, api.ContentTypeProblem, text))
	if !errors.Is(err, api.LicenseAmbiguous) || len(got.Licenses) != 3900 {
		t.Errorf("%d licenses, %v", len(got.Licenses), err)
	}
}

// TestReadingIsBounded: an endless body does not hold the program.
func TestReadingIsBounded(t *testing.T) {
	endless := &counted{}
	r := answered(503, api.ContentTypeProblem, "")
	r.Body = io.NopCloser(endless)
	if p, _ := problemOf(t, r); p.Status != 503 || p.Code != "" || endless.read > 2*api.MaxProblem {
		t.Errorf("%v after %d bytes", p, endless.read)
	}
}

type counted struct{ read int }

func (c *counted) Read(into []byte) (int, error) {
	c.read += len(into)
	for i := range into {
		into[i] = ' '
	}
	return len(into), nil
}

// TestHalfAnAnswerIsNoAnswer: a 404 that broke off must end nothing.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	r := answered(404, api.ContentTypeProblem, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"code":"session_not_found"`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	err := api.CheckResponse(r)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	if p, ok := errors.AsType[*api.Problem](err); ok {
		t.Errorf("it is a problem: %v", p)
	}
}

func TestContentTypeIsReadAsSuch(t *testing.T) {
	text := document(t, api.NewProblem(api.Forbidden, "No.", "r-1"))
	for _, contentType := range []string{
		"application/problem+json", "Application/Problem+JSON", "application/problem+json; charset=utf-8",
		"application/problem+json;charset", " application/problem+json ;a=b",
	} {
		if _, err := problemOf(t, answered(403, contentType, text)); !errors.Is(err, api.Forbidden) {
			t.Errorf("%s: %v", contentType, err)
		}
	}
}

// TestRetryable: the document's word, else the code's, else the status's.
func TestRetryable(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   bool
	}{
		{409, `{"code":"no_seats_available","retryable":true}`, true},
		{409, `{"code":"no_seats_available","retryable":false}`, false},
		{503, `{"code":"unavailable","retryable":false}`, false},
		{404, `{"code":"not_found","retryable":true}`, true},

		{409, `{"code":"no_seats_available"}`, true},
		{409, `{"code":"no_seats_available","retryable":null}`, true},
		{409, `{"code":"no_seats_available","retryable":"no"}`, true},
		{409, `{"code":"no_seats_available","Retryable":false}`, true},
		{410, `{"code":"session_ended"}`, false},
		{503, `{"code":"session_ended"}`, false},

		{409, `{"code":"seat_reserved","retryable":true}`, true},
		{503, `{"code":"retired","retryable":false}`, false},
		{409, `{"code":"seat_reserved"}`, false},
		{503, `{"code":"retired"}`, true},
		{400, `{}`, false},
		{401, ``, false},
		{403, ``, false},
		{404, `{"retryable":1}`, false},
		{407, ``, false},
		{408, ``, true},
		{410, ``, false},
		{429, ``, true},
		{499, ``, false},
		{500, ``, true},
		{502, ``, true},
		{520, ``, true},
		{302, ``, true},
	} {
		if p, _ := problemOf(t, answered(tt.status, api.ContentTypeProblem, tt.body)); p.Retryable != tt.want {
			t.Errorf("%d %s: retryable %t, want %t", tt.status, tt.body, p.Retryable, tt.want)
		}
	}
}

// TestCodesToCome: a program of today meets the service of tomorrow.
func TestCodesToCome(t *testing.T) {
	p, err := problemOf(t, answered(423, api.ContentTypeProblem,
		`{"code":"seat_reserved","title":"Reserved","detail":"Ask Ann.","instance":"r-1","retryable":true,"reserved_for":"ann","limit":"share"}`))
	if !errors.Is(err, api.Code("seat_reserved")) || !p.Retryable || p.Detail != "Ask Ann." || p.Limit == nil || *p.Limit != "share" {
		t.Errorf("%+v", p)
	}
	for _, c := range api.Codes() {
		if errors.Is(err, c.Code) {
			t.Errorf("it is %s", c.Code)
		}
	}
}

// TestMembersOfAnotherType count as absent; the others are kept.
func TestMembersOfAnotherType(t *testing.T) {
	p, err := problemOf(t, answered(409, api.ContentTypeProblem, `{"type":1,"title":null,"status":"409","code":"no_seats_available",
		"detail":["x"],"instance":{},"errors":"x","seats_used":"3","seats_max":3.5,"limit":7,"licenses":{"a":1},"reason":false}`, "X-Request-Id", "r-9"))
	want := api.Problem{
		Type: "about:blank", Title: "Conflict", Status: 409, Code: api.NoSeatsAvailable, Instance: "r-9", Retryable: true,
	}
	if !reflect.DeepEqual(*p, want) || !errors.Is(err, api.NoSeatsAvailable) {
		t.Errorf("%+v, want %+v", *p, want)
	}
}

// TestTheStatusIsTheAnswers: what a document says of it is only advisory.
func TestTheStatusIsTheAnswers(t *testing.T) {
	if p, err := problemOf(t, answered(502, api.ContentTypeProblem, `{"status":410,"code":"session_ended"}`)); p.Status != 502 || !errors.Is(err, api.SessionEnded) {
		t.Errorf("%+v", p)
	}
}

func TestRetryAfterIsRead(t *testing.T) {
	const sent = "Mon, 23 Nov 2026 10:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		"120":                            2 * time.Minute,
		" 9 ":                            0, // net/http has cut the blanks
		"-1":                             0,
		"+1":                             0,
		"1.5":                            0,
		"1s":                             0,
		"soon":                           0,
		"99999999999999999999999999":     (1<<32 - 1) * time.Second,
		"Mon, 23 Nov 2026 10:00:42 GMT":  42 * time.Second,
		"Monday, 23-Nov-26 10:00:42 GMT": 42 * time.Second,
		"Mon Nov 23 10:00:42 2026":       42 * time.Second,
		"Mon, 23 Nov 2026 09:59:59 GMT":  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":  1<<63 - 1,
	} {
		if p, _ := problemOf(t, answered(503, "", "", "Retry-After", value, "Date", sent)); p.RetryAfter != want {
			t.Errorf("%q: %v, want %v", value, p.RetryAfter, want)
		}
	}
}

// TestRetryAfterWithoutDate: an answer that does not say when it was sent was
// sent now.
func TestRetryAfterWithoutDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().UTC().Add(42 * time.Second).Format(http.TimeFormat)
		if p, _ := problemOf(t, answered(503, "", "", "Retry-After", at)); p.RetryAfter != 42*time.Second {
			t.Errorf("%v", p.RetryAfter)
		}
	})
}

// TestErrorIsForPeople: what to do, and what to tell support.
func TestErrorIsForPeople(t *testing.T) {
	for want, p := range map[string]api.Problem{
		"All seats are taken. (409 no_seats_available, request r-1)": api.NewProblem(api.NoSeatsAvailable, "All seats are taken.", "r-1"),
		"Forbidden (403)":           {Title: "Forbidden", Status: 403},
		"The request failed. (599)": {Status: 599},
	} {
		if got := p.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
