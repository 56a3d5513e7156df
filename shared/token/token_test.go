package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuerName = "https://licenses.example.com"
	delay      = 15 * time.Minute
	tokenTTL   = time.Hour
	// patience is far more than a signature takes on a loaded machine with the
	// race detector; tests of deadlines set their own.
	patience = 2 * time.Minute
)

// start is when every test begins; millisecond parts show rounding.
var start = time.Date(2026, 11, 23, 10, 0, 0, 700_000_000, time.UTC)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is an issuer over the real KMS client over the stand-in.
type bench struct {
	*token.Issuer
	kms   *fakekms.Server
	clock *clock
}

// newBench starts with the given key versions; none means one, a year old.
func newBench(t *testing.T, versions ...fakekms.VersionSpec) *bench {
	t.Helper()
	if len(versions) == 0 {
		versions = []fakekms.VersionSpec{aged(365 * 24 * time.Hour)}
	}
	return newBenchWith(t, token.Config{}, fakekms.Config{Versions: versions})
}

func newBenchWith(t *testing.T, cfg token.Config, kmsConfig fakekms.Config) *bench {
	t.Helper()
	b := &bench{clock: &clock{now: start}}
	kmsConfig.Now = b.clock.Now
	server, err := fakekms.New(kmsConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	b.kms = server
	cfg.Key, cfg.Now = server.Key(), b.clock.Now
	cfg.ActivationDelay = delay
	if cfg.Deadline == 0 {
		cfg.Deadline = patience
	}
	b.Issuer, err = token.NewIssuer(cfg, connect(t, server))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func connect(t *testing.T, server *fakekms.Server) *kms.KeyManagementClient {
	t.Helper()
	return connectAs(t, server, "")
}

func connectAs(t *testing.T, server *fakekms.Server, caller string) *kms.KeyManagementClient {
	t.Helper()
	client, err := kms.NewKeyManagementClient(t.Context(), server.ClientOptionsAs(caller)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// aged is an enabled version of that age at the test's start.
func aged(age time.Duration) fakekms.VersionSpec {
	return fakekms.VersionSpec{CreatedAt: start.Add(-age)}
}

// claims is a grant at the bench's now, for a whole token TTL.
func (b *bench) claims() token.Claims { return grant(b.clock.Now()) }

func grant(now time.Time) token.Claims {
	s := license.Session{
		ID: "0199a000-0000-7000-8000-000000000001", OrganizationID: "acme",
		Holder: license.Holder{LicenseID: "acme-pro", UserID: "u-1", HardwareID: "hw-1"},
	}
	lic := license.License{ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", Entitlements: []string{"export"}}
	return token.NewClaims(issuerName, s, lic, now, now.Add(tokenTTL))
}

func (b *bench) issue(t *testing.T) token.Token {
	t.Helper()
	issued, err := b.Issue(t.Context(), b.claims())
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// keySet is the published one, as a client reads it.
func (b *bench) keySet(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	raw, err := b.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// kids are the names of the published keys, in their order.
func (b *bench) kids(t *testing.T) []string {
	t.Helper()
	kids := []string{}
	for _, k := range b.keySet(t).Keys {
		kids = append(kids, k.KeyID)
	}
	return kids
}

// wantGenuine verifies with the published key set of this moment.
func (b *bench) wantGenuine(t *testing.T, compact string) {
	t.Helper()
	if _, err := token.Verify(compact, b.keySet(t), b.clock.Now(), 0, issuerName, "studio"); err != nil {
		t.Errorf("token does not verify: %v", err)
	}
}

// kidOf is the kid in a token's header.
func kidOf(t *testing.T, compact string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Protected.KeyID
}

// wantUnavailable wants the typed error of a backend that is down.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var down *license.UnavailableError
	if !errors.As(err, &down) || down.Backend != "kms" {
		t.Fatalf("got %v, want kms unavailable", err)
	}
	if errors.As(down.Err, new(*license.UnavailableError)) {
		t.Errorf("wrapped twice: %v", err)
	}
}

// outage makes every call of the given methods, or all, fail for good.
func outage(methods ...string) func(context.Context, string) error {
	return func(_ context.Context, method string) error {
		for _, m := range methods {
			if m == method {
				return status.Error(codes.Internal, "outage")
			}
		}
		if len(methods) == 0 {
			return status.Error(codes.Internal, "outage")
		}
		return nil
	}
}
