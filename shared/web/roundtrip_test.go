package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// received is what a program makes of an answer's bytes.
func received(t *testing.T, w *httptest.ResponseRecorder) (*api.Problem, error) {
	t.Helper()
	var wire bytes.Buffer
	sent := w.Result()
	defer func() { _ = sent.Body.Close() }()
	if err := sent.Write(&wire); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(&wire), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	err = api.CheckResponse(response)
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	if p.Instance != w.Header().Get("X-Request-Id") || !strings.Contains(err.Error(), p.Instance) {
		t.Errorf("%q does not name the request %q", err, p.Instance)
	}
	return p, err
}

// same checks that the error is the code's, no other's, and means what it means.
func same(t *testing.T, p *api.Problem, err error, code api.Code) {
	t.Helper()
	for _, other := range api.Codes() {
		if is := errors.Is(err, other.Code); is != (other.Code == code) {
			t.Errorf("%v is %s: %t, want %s", err, other.Code, is, code)
		}
	}
	info := code.Info()
	if p.Status != info.Status || p.Type != info.Type || p.Title != info.Title || p.Retryable != info.Retryable {
		t.Errorf("%+v, want %+v", *p, info)
	}
}

// domainErrors are an example of each error of shared/license, by its name
// there, and the code that it has on the wire.
func domainErrors() map[string]struct {
	err  error
	code api.Code
} {
	return map[string]struct {
		err  error
		code api.Code
	}{
		"ErrUnauthenticated":      {license.ErrUnauthenticated, api.Unauthenticated},
		"UnauthenticatedError":    {&license.UnauthenticatedError{Problem: "The token is old", Remedy: "Get a fresh one."}, api.Unauthenticated},
		"ErrTenant":               {license.ErrTenant, api.TenantMissing},
		"ErrForbidden":            {license.ErrForbidden, api.Forbidden},
		"ErrSignInTooOld":         {license.ErrSignInTooOld, api.SignInTooOld},
		"ErrOrganizationInactive": {license.ErrOrganizationInactive, api.OrganizationInactive},
		"ErrLicenseInactive":      {license.ErrLicenseInactive, api.LicenseInactive},
		"ErrLicenseExpired":       {license.ErrLicenseExpired, api.LicenseExpired},
		"ErrOrganizationNotFound": {license.ErrOrganizationNotFound, api.OrganizationNotFound},
		"ErrLicenseNotFound":      {license.ErrLicenseNotFound, api.LicenseNotFound},
		"ErrUserNotFound":         {license.ErrUserNotFound, api.UserNotFound},
		"ErrWebhookNotFound":      {license.ErrWebhookNotFound, api.WebhookNotFound},
		"ErrDeliveryNotFound":     {license.ErrDeliveryNotFound, api.DeliveryNotFound},
		"ErrKeyNotFound":          {license.ErrKeyNotFound, api.KeyNotFound},
		"ErrEmailTaken":           {license.ErrEmailTaken, api.EmailTaken},
		"ErrLastOwner":            {license.ErrLastOwner, api.LastOwner},
		"ErrInUse":                {license.ErrInUse, api.InUse},
		"ErrExists":               {license.ErrExists, api.AlreadyExists},
		"ErrStale":                {license.ErrStale, api.PreconditionFailed},
		"ErrKeyReused":            {license.ErrKeyReused, api.IdempotencyKeyReused},
		"ErrSecretTold":           {license.ErrSecretTold, api.SecretTold},
		"ErrSessionNotFound":      {license.ErrSessionNotFound, api.SessionNotFound},
		"InvalidError":            {&license.InvalidError{Faults: []license.Fault{{Field: "name", Message: "is missing"}}}, api.InvalidRequest},
		"NoSeatsError":            {&license.NoSeatsError{Limit: license.LimitLicense, Used: 3, Max: 3}, api.NoSeatsAvailable},
		"AmbiguousError":          {&license.AmbiguousError{LicenseIDs: []string{"a"}}, api.LicenseAmbiguous},
		"TakenError":              {&license.TakenError{Field: "slug"}, api.AlreadyExists},
		"SessionEndedError":       {&license.SessionEndedError{Reason: license.EndExpired}, api.SessionEnded},
		"UnavailableError":        {&license.UnavailableError{Backend: "redis", Err: errors.New("down")}, api.Unavailable},
	}
}

// TestEveryDomainErrorComesBack as the sentinel of its code.
func TestEveryDomainErrorComesBack(t *testing.T) {
	table := domainErrors()
	if got, want := slices.Sorted(maps.Keys(table)), exportedErrors(t, "../license"); !slices.Equal(got, want) {
		t.Errorf("the table has %v, shared/license has %v", got, want)
	}
	for name, tt := range table {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.heartbeat.err = fmt.Errorf("heartbeat: %w", tt.err)
			p, err := received(t, b.heartbeatNow())
			same(t, p, err, tt.code)
		})
	}
}

// exportedErrors are the names of a package's exported sentinels and error
// types, sorted.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(gotoken.NewFileSet(), dir+"/"+file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			names = append(names, errorsOf(d)...)
		}
	}
	return slices.Sorted(slices.Values(names))
}

func errorsOf(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.Name == "Error" && d.Recv != nil {
			if pointer, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
				names = append(names, pointer.X.(*ast.Ident).Name)
			}
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && d.Tok == gotoken.VAR && strings.HasPrefix(v.Names[0].Name, "Err") {
				names = append(names, v.Names[0].Name)
			}
		}
	}
	return names
}

// TestEveryCodeComesBack: of each there is a request that it refuses.
func TestEveryCodeComesBack(t *testing.T) {
	asks := map[api.Code]func(*bench) *httptest.ResponseRecorder{
		api.InvalidRequest: func(b *bench) *httptest.ResponseRecorder { return b.do(http.MethodPost, api.PathAcquire, "{}") },
		api.NotFound:       func(b *bench) *httptest.ResponseRecorder { return b.do(http.MethodGet, "/nowhere", "") },
		api.MethodNotAllowed: func(b *bench) *httptest.ResponseRecorder {
			return b.do(http.MethodGet, api.PathAcquire, "")
		},
		api.PayloadTooLarge: func(b *bench) *httptest.ResponseRecorder {
			return b.do(http.MethodPost, api.PathAcquire, strings.Repeat(" ", api.MaxBody+1))
		},
		api.RequestTimeout: func(b *bench) *httptest.ResponseRecorder {
			return b.do(http.MethodPost, api.PathAcquire, "{}", func(r *http.Request) { r.Body = io.NopCloser(late{}) })
		},
		api.UnsupportedMediaType: func(b *bench) *httptest.ResponseRecorder {
			return b.do(http.MethodPost, api.PathAcquire, "{}", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
		},
		api.RateLimited: func(b *bench) *httptest.ResponseRecorder {
			for range 10 {
				b.heartbeatNow()
			}
			return b.heartbeatNow()
		},
		api.PreconditionRequired: func(b *bench) *httptest.ResponseRecorder {
			b.heartbeat.err = web.ErrNoRevision
			return b.heartbeatNow()
		},
		api.Internal: func(b *bench) *httptest.ResponseRecorder {
			b.heartbeat.err = errors.New("not foreseen")
			return b.heartbeatNow()
		},
	}
	for _, tt := range domainErrors() {
		asks[tt.code] = func(b *bench) *httptest.ResponseRecorder {
			b.heartbeat.err = tt.err
			return b.heartbeatNow()
		}
	}
	for _, info := range api.Codes() {
		t.Run(string(info.Code), func(t *testing.T) {
			ask := asks[info.Code]
			if ask == nil {
				t.Fatal("no request is refused with it")
			}
			p, err := received(t, ask(newBench(t, func(o *web.Options) { o.Limiter = limits.NewMemory(1, o.Now) })))
			same(t, p, err, info.Code)
			if waits := info.Code == api.NoSeatsAvailable || info.Code == api.RateLimited || info.Code == api.Unavailable; waits != (p.RetryAfter > 0) {
				t.Errorf("Retry-After %v", p.RetryAfter)
			}
		})
	}
}

// late is a body that had its time.
type late struct{}

func (late) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// facts are a problem's members that only some codes have.
func facts(p *api.Problem) api.Problem {
	return api.Problem{
		Errors: p.Errors, SeatsUsed: p.SeatsUsed, SeatsMax: p.SeatsMax, Limit: p.Limit, Licenses: p.Licenses, Reason: p.Reason,
		RetryAfter: p.RetryAfter,
	}
}

// TestFactsComeBack as they were in the handler's error.
func TestFactsComeBack(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code api.Code
		want api.Problem
	}{
		{
			&license.NoSeatsError{Limit: license.LimitLicense, Used: 3, Max: 4, RetryAfter: 90 * time.Second}, api.NoSeatsAvailable,
			api.Problem{Limit: new("license"), SeatsUsed: new(3), SeatsMax: new(4), RetryAfter: 90 * time.Second},
		},
		{
			&license.NoSeatsError{Limit: license.LimitOrganization, RetryAfter: 1500 * time.Millisecond}, api.NoSeatsAvailable,
			api.Problem{Limit: new("organization"), SeatsUsed: new(0), SeatsMax: new(0), RetryAfter: 2 * time.Second},
		},
		{&license.AmbiguousError{LicenseIDs: []string{"acme-lab", "acme-pro"}}, api.LicenseAmbiguous, api.Problem{Licenses: api.List{"acme-lab", "acme-pro"}}},
		{&license.AmbiguousError{}, api.LicenseAmbiguous, api.Problem{Licenses: api.List{}}},
		{&license.SessionEndedError{Reason: license.EndExpired}, api.SessionEnded, api.Problem{Reason: new("expired")}},
		{&license.SessionEndedError{Reason: license.EndReleased}, api.SessionEnded, api.Problem{Reason: new("released")}},
		{&license.SessionEndedError{Reason: license.EndRevoked}, api.SessionEnded, api.Problem{Reason: new("revoked")}},
		{&license.SessionEndedError{Reason: license.EndDisplaced}, api.SessionEnded, api.Problem{Reason: new("displaced")}},
		{&license.SessionEndedError{Reason: license.EndFailed}, api.SessionNotFound, api.Problem{}},
		{
			&web.InvalidRequestError{Errors: []api.FieldError{{Field: "client.name", Message: "is too long"}, {Message: "is odd"}}}, api.InvalidRequest,
			api.Problem{Errors: []api.FieldError{{Field: "client.name", Message: "is too long"}, {Message: "is odd"}}},
		},
		{license.ErrLicenseExpired, api.LicenseExpired, api.Problem{}},
	} {
		b := newBench(t, nil)
		b.heartbeat.err = tt.err
		p, err := received(t, b.heartbeatNow())
		same(t, p, err, tt.code)
		if got := facts(p); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %+v, want %+v", tt.err, got, tt.want)
		}
	}
}

// TestSpreadOfRetryAfterComesBack: clients refused at once are told different
// times, none too early.
func TestSpreadOfRetryAfterComesBack(t *testing.T) {
	b := newBench(t, nil)
	b.heartbeat.err = &license.UnavailableError{Backend: "redis", RetryAfter: 8 * time.Second, Err: errors.New("down")}
	w := b.heartbeatNow()
	p, _ := received(t, w)
	if p.RetryAfter < 8*time.Second || p.RetryAfter >= (8+api.RetrySpread)*time.Second || fmt.Sprintf("%.0f", p.RetryAfter.Seconds()) != w.Header().Get("Retry-After") {
		t.Errorf("%v of Retry-After %q", p.RetryAfter, w.Header().Get("Retry-After"))
	}
}
