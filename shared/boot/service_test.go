package boot_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestReadinessPingsWhatTheProcessHas: and each check tells its own backend's trouble.
func TestReadinessPingsWhatTheProcessHas(t *testing.T) {
	p := newParts(t)
	if got := checks(p.assemble(t, configuration(config.Release))); !slices.Equal(got, []string{"firestore", "redis"}) {
		t.Errorf("without a key: %q", got)
	}
	p.addKMS(t)
	s := p.assemble(t, configuration(config.Acquire))
	if got := checks(s); !slices.Equal(got, []string{"firestore", "kms", "redis"}) {
		t.Errorf("with a key: %q", got)
	}
	options := s.Web("acquire")
	for name, check := range options.Checks {
		if err := check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.redis.Close()
	p.kms.SetBefore(func(context.Context, string) error { return errors.New("away") })
	fresh := p.assemble(t, configuration(config.Acquire)).Web("acquire") // no key set in memory yet
	for _, backend := range []string{"redis", "kms"} {
		var u *license.UnavailableError
		if err := fresh.Checks[backend](t.Context()); !errors.As(err, &u) || u.Backend != backend {
			t.Errorf("%s down: %v", backend, err)
		}
	}
	if err := fresh.Checks["firestore"](t.Context()); err != nil {
		t.Errorf("firestore: %v", err)
	}
}

func checks(s *boot.Service) []string { return slices.Sorted(maps.Keys(s.Web("x").Checks)) }

func TestWebOptions(t *testing.T) {
	p := newParts(t)
	for _, function := range []string{config.Release, config.Reaper} {
		cfg := configuration(function)
		got := p.assemble(t, cfg).Web("name")
		if got.Name != "name" || got.ProjectID != project || got.Deadline != cfg.Deadline() || got.Logger == nil || got.Now == nil || got.MaxInFlight != 7 {
			t.Errorf("%s: %+v", function, got)
		}
	}
}

// TestNoTokenCountsForLongerThanItsKey: where delegations sign, a seat waits for the
// token that an earlier holder really has, whatever its license would allow.
func TestNoTokenCountsForLongerThanItsKey(t *testing.T) {
	p := newParts(t)
	p.addKMS(t)
	lic := license.License{ID: "pro", Product: "studio", MaxSeats: 9, Status: license.StatusActive, OfflineMax: 72 * time.Hour}
	for i, tt := range []struct {
		cfg  config.Config
		want time.Duration
	}{
		{delegating(config.Acquire), token.DelegationLife},
		{delegating(config.Heartbeat), token.DelegationLife},
		{delegating(config.Reaper), token.DelegationLife},
		{configuration(config.Acquire), 48 * time.Hour},
		{configuration(config.Release), 48 * time.Hour},
	} {
		tt.cfg.TokenMin = 48 * time.Hour
		org := license.Organization{ID: "acme", MaxConcurrentSeats: 9, Status: license.StatusActive}
		hold, err := p.assemble(t, tt.cfg).Seats.Acquire(t.Context(), license.Caller{OrganizationID: "acme", UserID: "ann"}, seats.Request{
			Terms: license.NewTerms(org, lic, "ann"), Holder: license.Holder{UserID: "ann", HardwareID: strconv.Itoa(i)},
		}, func(context.Context, ledger.Hold) error { return nil })
		if life := hold.TokenExpiresAt.Sub(hold.Now); err != nil || life != tt.want {
			t.Errorf("%s of %q: a token of %v, %v; want %v", tt.cfg.Function, tt.cfg.TokenSigning, life, err, tt.want)
		}
	}
}

func TestAssembleRefuses(t *testing.T) {
	p := newParts(t)
	p.addKMS(t)
	for name, change := range map[string]func(*config.Config){
		"no session ttl": func(c *config.Config) { c.SessionTTL = 0 },
		"no token ttl":   func(c *config.Config) { c.TokenTTL = 0 },
		"no key":         func(c *config.Config) { c.KMSKey = "" },
	} {
		cfg := configuration(config.Acquire)
		change(&cfg)
		s, err := boot.Assemble(cfg, p.Clients, slog.New(slog.DiscardHandler), time.Now)
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), "boot: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTokens: only a process with a key signs.
func TestTokens(t *testing.T) {
	p := newParts(t)
	if s := p.assemble(t, configuration(config.Release)); s.Tokens != nil {
		t.Error("tokens without a key")
	}
	p.addKMS(t)
	s := p.assemble(t, configuration(config.Acquire))
	if keys, err := s.Tokens.JWKS(t.Context()); err != nil || !strings.Contains(string(keys), `"kty":"RSA"`) {
		t.Errorf("%s, %v", keys, err)
	}
}

// TestAuthenticateFresh: only acquire asks about revocation.
func TestAuthenticateFresh(t *testing.T) {
	p := newParts(t)
	s := p.assemble(t, configuration(config.Acquire))
	token := p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"})
	p.idp.Revoke("", "ann", time.Now().Add(time.Minute))
	caller, err := s.Authenticate(false)(t.Context(), token)
	if err != nil || caller.UserID != "ann" || caller.OrganizationID != "acme" || caller.Role != license.RoleMember {
		t.Errorf("not asked: %+v, %v", caller, err)
	}
	if p.idp.Lookups() != 0 {
		t.Error("Identity Platform was asked all the same")
	}
	if caller, err := s.Authenticate(true)(t.Context(), token); !errors.Is(err, license.ErrUnauthenticated) {
		t.Errorf("revoked: %+v, %v", caller, err)
	}
}

func TestAuthenticateScheduler(t *testing.T) {
	const (
		current, older = "https://reaper.example/", "https://older.example/"
		stranger       = "stranger@boot-test.iam.gserviceaccount.com"
	)
	p := newParts(t)
	if _, err := p.assemble(t, configuration(config.Release)).AuthenticateScheduler(t.Context(), p.schedulerToken(current, scheduler)); !errors.Is(err, license.ErrUnauthenticated) {
		t.Errorf("without a scheduler: %v", err)
	}
	p.addScheduler(t, current)
	p.addScheduler(t, older)
	s := p.assemble(t, configuration(config.Reaper))
	for name, tt := range map[string]struct {
		token string
		want  error
	}{
		"current":              {p.schedulerToken(current, scheduler), nil},
		"older":                {p.schedulerToken(older, scheduler), nil},
		"elsewhere":            {p.schedulerToken("https://elsewhere.example/", scheduler), license.ErrUnauthenticated},
		"stranger":             {p.schedulerToken(current, stranger), license.ErrForbidden},
		"stranger, older":      {p.schedulerToken(older, stranger), license.ErrForbidden},
		"a user's token":       {p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"}), license.ErrUnauthenticated},
		"a prefix of audience": {p.schedulerToken("https://reaper.example", scheduler), license.ErrUnauthenticated},
		"nothing":              {"", license.ErrUnauthenticated},
	} {
		caller, err := s.AuthenticateScheduler(t.Context(), tt.token)
		if !errors.Is(err, tt.want) || (err == nil) != (caller == license.Caller{Role: license.RoleService}) {
			t.Errorf("%s: %+v, %v; want %v", name, caller, err, tt.want)
		}
	}
}

// TestSchedulerWithoutGoogle: an outage is not the caller's fault.
func TestSchedulerWithoutGoogle(t *testing.T) {
	p := newParts(t)
	p.addScheduler(t, "https://a.example/")
	p.addScheduler(t, "https://b.example/")
	token := p.schedulerToken("https://b.example/", scheduler)
	p.idp.SetMode(fakeidp.Failing)
	var u *license.UnavailableError
	_, err := p.assemble(t, configuration(config.Reaper)).AuthenticateScheduler(t.Context(), token)
	if !errors.As(err, &u) || errors.Is(err, license.ErrUnauthenticated) {
		t.Errorf("error %v, want that identity is unavailable", err)
	}
}

// TestReaperIsWired: an abandoned seat of the assembled service is ended by
// the assembled reaper, for the scheduler alone.
func TestReaperIsWired(t *testing.T) {
	p := newParts(t)
	p.addKMS(t)
	p.addScheduler(t, "https://reaper.example/")
	seed(t, p)
	acquire, err := functions.Acquire(p.assemble(t, configuration(config.Acquire)))
	if err != nil {
		t.Fatal(err)
	}
	reaper, err := functions.Reaper(p.assemble(t, configuration(config.Reaper)))
	if err != nil {
		t.Fatal(err)
	}
	ann := p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"})
	if w := ask(acquire, http.MethodPost, api.PathAcquire, ann, `{"hardware_id":"hw-1"}`); w.Code != http.StatusCreated {
		t.Fatalf("acquire: %d %s", w.Code, w.Body)
	}
	p.redis.Advance(7 * time.Minute)
	if w := ask(reaper, http.MethodPost, "/", ann, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("a user may reap: %d", w.Code)
	}
	w := ask(reaper, http.MethodPost, "/", p.schedulerToken("https://reaper.example/", scheduler), "")
	var report api.ReapReport
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || w.Code != http.StatusOK || report.SessionsReaped != 1 {
		t.Errorf("reap: %d %s (%v)", w.Code, w.Body, err)
	}
	if n, err := p.Record.CountActive(t.Context(), license.ServiceCaller("acme")); err != nil || n != 0 {
		t.Errorf("%d sessions active in the record, %v", n, err)
	}
}

// TestControlIsWired: the vendor's door sells to its staff alone, and is nowhere that
// the record has no administration.
func TestControlIsWired(t *testing.T) {
	p := newParts(t)
	if _, err := functions.Control(p.assemble(t, configuration(config.Control))); err == nil {
		t.Error("there is a door to nothing")
	}
	if _, err := p.assemble(t, configuration(config.Release)).AuthenticateStaff(t.Context(), p.schedulerToken(door, seller)); !errors.Is(err, license.ErrUnauthenticated) {
		t.Errorf("without staff: %v", err)
	}
	p.addAdministration(t)
	control, err := functions.Control(p.assemble(t, configuration(config.Control)))
	if err != nil {
		t.Fatal(err)
	}
	const acme = `{"id":"acme","name":"Acme","max_concurrent_seats":9}`
	for _, tt := range []struct {
		token string
		want  int
	}{
		{"", http.StatusUnauthorized},
		{p.schedulerToken("https://reaper.example/", seller), http.StatusUnauthorized},
		{p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme", Role: "owner"}), http.StatusUnauthorized},
		{p.schedulerToken(door, scheduler), http.StatusForbidden},
		{p.schedulerToken(door, seller), http.StatusCreated},
	} {
		if w := ask(control, http.MethodPost, api.PathOrganizations, tt.token, acme); w.Code != tt.want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, tt.want)
		}
	}
}

// TestAdminIsWired: the customers' door is open to those who administer, asks as acquire
// does whether their tokens were revoked, and is nowhere that the record has no administration.
func TestAdminIsWired(t *testing.T) {
	p := newParts(t)
	if _, err := functions.Admin(p.assemble(t, configuration(config.Admin))); err == nil {
		t.Error("there is a door to nothing")
	}
	p.addAdministration(t)
	seed(t, p)
	admin, err := functions.Admin(p.assemble(t, configuration(config.Admin)))
	if err != nil {
		t.Fatal(err)
	}
	boss := p.idp.IDToken(fakeidp.Claims{UserID: "boss", TenantID: "acme", Role: "admin"})
	for _, tt := range []struct {
		token string
		want  int
	}{
		{"", http.StatusUnauthorized},
		{p.schedulerToken(door, seller), http.StatusUnauthorized},
		{p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"}), http.StatusForbidden},
		{boss, http.StatusOK},
	} {
		if w := ask(admin, http.MethodGet, api.PathAdminOverview, tt.token, ""); w.Code != tt.want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, tt.want)
		}
	}
	p.idp.Disable("", "boss")
	if w := ask(admin, http.MethodGet, api.PathAdminOverview, boss, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("of a disabled account: %d %s", w.Code, w.Body)
	}
}

func seed(t *testing.T, p *parts) {
	t.Helper()
	service := license.ServiceCaller("acme")
	err := errors.Join(
		p.Record.PutOrganization(t.Context(), service, license.Organization{ID: "acme", Name: "Acme", Slug: "acme", MaxConcurrentSeats: 9, Status: license.StatusActive}),
		p.Record.PutLicense(t.Context(), service, license.License{ID: "acme-pro", OrganizationID: "acme", Product: "studio", MaxSeats: 1, Status: license.StatusActive}),
	)
	if err != nil {
		t.Fatal(err)
	}
}
