package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// seen is a request as the service got it.
type seen struct{ method, path, query, key, match, auth, body string }

// service answers each request by the next of its answers, and keeps what it got.
type service struct {
	client *Client
	waited []time.Duration

	mu      sync.Mutex
	got     []seen
	answers []func(http.ResponseWriter)
}

func serve(t *testing.T, answers ...func(http.ResponseWriter)) *service {
	t.Helper()
	s := &service{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.client = New(server.URL, func(context.Context) (string, error) { return "secret", nil })
	s.client.wait = func(_ context.Context, d time.Duration) error { s.waited = append(s.waited, d); return nil }
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.next(seen{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get(api.HeaderIdempotencyKey), r.Header.Get(api.HeaderIfMatch), r.Header.Get("Authorization"), string(body),
	})(w)
}

func (s *service) next(got seen) func(http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, got)
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next
}

// requests are those that it got.
func (s *service) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func ok(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) }
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func problem(code api.Code, retryAfter string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", api.ContentTypeProblem)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		p := api.NewProblem(code, "", "request-1")
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p)
	}
}

// TestCreatesAreRepeatedUnderTheirKey: whatever became of the first attempt.
func TestCreatesAreRepeatedUnderTheirKey(t *testing.T) {
	s := serve(t, hangUp, problem(api.Unavailable, "7"), ok(`{"id":"acme"}`), ok(`{}`))
	made, err := s.client.CreateOrganization(t.Context(), api.OrganizationInput{ID: "acme", Name: "Acme"}, false)
	if err != nil || made.ID != "acme" || len(s.requests()) != 3 {
		t.Fatalf("%+v, %v after %d requests", made, err, len(s.requests()))
	}
	first := s.requests()[0]
	if len(first.key) != 36 || first.auth != "Bearer secret" || !strings.Contains(first.body, `"name":"Acme"`) || first.query != "" {
		t.Errorf("%+v", first)
	}
	if s.requests()[1] != first || s.requests()[2] != first {
		t.Errorf("not repeated to the letter: %+v", s.requests())
	}
	if s.waited[1] < 7*time.Second {
		t.Errorf("waited %s where Retry-After says 7 s", s.waited[1])
	}
	if _, err := s.client.CreateOrganization(t.Context(), api.OrganizationInput{}, true); err != nil {
		t.Fatal(err)
	}
	if last := s.requests()[3]; last.key == first.key || last.query != "dry_run=true" {
		t.Errorf("another request: %+v", last)
	}
}

// TestChangesAreNotRepeated once they may have been done: the second time they would be
// refused, as if somebody else had changed it.
func TestChangesAreNotRepeated(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){"no answer": hangUp, "unavailable": problem(api.Unavailable, "1"), "internal": problem(api.Internal, "")} {
		s := serve(t, answer)
		_, err := s.client.ChangeLicense(t.Context(), "acme", "pro", `"1"`, api.LicensePatch{}, false)
		if _, uncertain := errors.AsType[*UncertainError](err); !uncertain || len(s.requests()) != 1 {
			t.Errorf("%s: %v after %d requests", name, err, len(s.requests()))
		}
		if got := s.requests()[0]; got.match != `"1"` || got.key != "" || got.method != http.MethodPatch {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// What was sent too often was not done.
	s := serve(t, problem(api.RateLimited, "2"), ok(""))
	if err := s.client.DeleteLicense(t.Context(), "acme", "pro", `"1"`, true); err != nil || len(s.requests()) != 2 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	// Nor was what was refused.
	s = serve(t, problem(api.PreconditionFailed, ""))
	err := s.client.DeleteLicense(t.Context(), "acme", "pro", `"1"`, false)
	if _, uncertain := errors.AsType[*UncertainError](err); uncertain || !errors.Is(err, api.PreconditionFailed) {
		t.Errorf("%v", err)
	}
}

// TestPatienceEnds after some attempts, before a long wait, and when the person does.
func TestPatienceEnds(t *testing.T) {
	s := serve(t, hangUp, problem(api.Internal, ""), problem(api.RateLimited, "2"), problem(api.Unavailable, "1"))
	if _, err := s.client.Organization(t.Context(), "acme"); !errors.Is(err, api.Unavailable) || len(s.requests()) != attempts {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	s = serve(t, problem(api.Unavailable, "31"))
	if _, err := s.client.Organization(t.Context(), "acme"); !errors.Is(err, api.Unavailable) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = serve(t, problem(api.Unavailable, "1"))
	s.client.wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, err := s.client.Organization(ctx, "acme"); !errors.Is(err, api.Unavailable) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	s = serve(t, problem(api.OrganizationNotFound, ""))
	if _, err := s.client.Organization(t.Context(), "acme"); !errors.Is(err, api.OrganizationNotFound) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}

// TestListsAreReadToTheirEnd or to what is asked for.
func TestListsAreReadToTheirEnd(t *testing.T) {
	first, second := ok(`{"entries":[{"id":"3"},{"id":"2"}],"after":"2"}`), ok(`{"entries":[{"id":"1"}]}`)
	for limit, want := range map[int]string{
		0: "3 2 1; limit=200 after=2&limit=200", 3: "3 2 1; limit=3 after=2&limit=1", 2: "3 2; limit=2", 500: "3 2 1; limit=200 after=2&limit=200",
	} {
		s := serve(t, first, second)
		list, err := s.client.Audit(t.Context(), "acme", AuditFilter{}, limit)
		var ids, queries []string
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		for _, r := range s.requests() {
			queries = append(queries, r.query)
		}
		if got := strings.Join(ids, " ") + "; " + strings.Join(queries, " "); err != nil || got != want {
			t.Errorf("limit %d: %s, %v; want %s", limit, got, err, want)
		}
	}
}

// TestIDsStayInTheirPlace: one with a slash in it names nothing else.
func TestIDsStayInTheirPlace(t *testing.T) {
	s := serve(t, ok("{}"), ok(`{"licenses":[]}`))
	if _, err := s.client.License(t.Context(), "a/b", "c?d"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Licenses(t.Context(), "../x"); err != nil {
		t.Fatal(err)
	}
	if s.requests()[0].path != "/api/v1/control/organizations/a%2Fb/licenses/c%3Fd" || s.requests()[1].path != "/api/v1/control/organizations/..%2Fx/licenses" {
		t.Errorf("%+v", s.requests())
	}
}

// TestTheTokenGoesNowhereElse: redirects are not followed.
func TestTheTokenGoesNowhereElse(t *testing.T) {
	elsewhere := serve(t)
	s := serve(t, func(w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere.client.endpoint)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	_, err := s.client.Organization(t.Context(), "acme")
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusTemporaryRedirect || len(elsewhere.requests()) != 0 {
		t.Errorf("%v, %d requests elsewhere", err, len(elsewhere.requests()))
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the token is told: %v", err)
	}
}

// TestOneTokenServesACommand, and a failure to get one is told.
func TestOneTokenServesACommand(t *testing.T) {
	asked := 0
	s := serve(t, ok("{}"), ok(`{"id":"acme"}`))
	s.client.tokens.get = func(context.Context) (string, error) { asked++; return "secret", nil }
	for range 2 {
		if _, err := s.client.Organization(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	broken := errors.New("broken")
	s = serve(t)
	s.client.tokens.get = func(context.Context) (string, error) { return "", broken }
	if _, err := s.client.Organization(t.Context(), "acme"); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestATokenThatHasRunOutIsReplaced once: a watch goes on for longer than a token lives. A
// new one that is refused is told at once.
func TestATokenThatHasRunOutIsReplaced(t *testing.T) {
	answers := []func(http.ResponseWriter){ok("{}"), problem(api.Unauthenticated, ""), ok(`{"id":"acme"}`)}
	s := serve(t, append(answers, slices.Repeat(answers[1:2], 2)...)...)
	asked := 0
	s.client.tokens.get = func(context.Context) (string, error) { asked++; return fmt.Sprint("secret-", asked), nil }
	for range 2 {
		if _, err := s.client.Organization(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	if last := s.requests()[2]; asked != 2 || last.auth != "Bearer secret-2" {
		t.Errorf("asked %d times, %+v", asked, last)
	}
	if _, err := s.client.Organization(t.Context(), "acme"); !errors.Is(err, api.Unauthenticated) || len(s.requests()) != 5 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	fresh := serve(t, problem(api.Unauthenticated, ""))
	if _, err := fresh.client.Organization(t.Context(), "acme"); !errors.Is(err, api.Unauthenticated) || len(fresh.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(fresh.requests()))
	}
}

// TestAnswersThatAreNone are errors.
func TestAnswersThatAreNone(t *testing.T) {
	for _, body := range []string{"<html>", `{"id":7}`, `["acme"]`} {
		s := serve(t, ok(body))
		if o, err := s.client.Organization(t.Context(), "acme"); err == nil {
			t.Errorf("%s is %+v", body, o)
		}
	}
}

func TestWait(t *testing.T) {
	if err := Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func ExampleUncertainError() {
	fmt.Println(&UncertainError{io.ErrUnexpectedEOF})
	// Output: it may have been done all the same: unexpected EOF
}
