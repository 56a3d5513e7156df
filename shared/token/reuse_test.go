package token_test

import (
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestReuseCostsNoCall(t *testing.T) {
	b := newBench(t)
	issued := b.issue(t)
	b.kms.ResetCalls()
	got, ok := b.Reusable(grant(start.Add(time.Minute)))
	if !ok || got != issued {
		t.Errorf("got %v, want the same token", ok)
	}
	if b.kms.TotalCalls() != 0 {
		t.Errorf("%d calls", b.kms.TotalCalls())
	}
}

func TestReuseByTime(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	for name, c := range map[string]struct {
		change func(*token.Claims)
		want   bool
	}{
		"same moment":                {func(*token.Claims) {}, true},
		"half the life left":         {func(c *token.Claims) { shift(c, 30*time.Minute) }, true},
		"less than half left":        {func(c *token.Claims) { shift(c, 30*time.Minute+time.Second) }, false},
		"expired":                    {func(c *token.Claims) { shift(c, 2*time.Hour) }, false},
		"the ledger's clock is back": {func(c *token.Claims) { c.IssuedAt-- }, false},
		"a shorter life is due":      {func(c *token.Claims) { c.ExpiresAt-- }, false},
		"a longer life is due":       {func(c *token.Claims) { c.ExpiresAt++ }, true},
	} {
		claims := grant(start)
		c.change(&claims)
		if _, ok := b.Reusable(claims); ok != c.want {
			t.Errorf("%s: reusable %v, want %v", name, ok, c.want)
		}
	}
}

func shift(c *token.Claims, d time.Duration) {
	seconds := int64(d / time.Second)
	c.IssuedAt, c.NotBefore, c.ExpiresAt = c.IssuedAt+seconds, c.NotBefore+seconds, c.ExpiresAt+seconds
}

func TestReuseNeedsTheSameClaims(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	for name, change := range map[string]func(*token.Claims){
		"issuer":             func(c *token.Claims) { c.Issuer += "x" },
		"product":            func(c *token.Claims) { c.Audience = "lab" },
		"user":               func(c *token.Claims) { c.Subject = "u-2" },
		"session":            func(c *token.Claims) { c.SessionID = "s-2" },
		"tenant":             func(c *token.Claims) { c.TenantID = "globex" },
		"license":            func(c *token.Claims) { c.LicenseID = "acme-lab" },
		"plan":               func(c *token.Claims) { c.Plan = "basic" },
		"more entitlements":  func(c *token.Claims) { c.Entitlements = append(c.Entitlements, "render") },
		"fewer entitlements": func(c *token.Claims) { c.Entitlements = []string{} },
		"hardware":           func(c *token.Claims) { c.HardwareID = "hw-2" },
		"instance":           func(c *token.Claims) { c.InstanceID = "i-2" },
	} {
		claims := grant(start)
		change(&claims)
		if _, ok := b.Reusable(claims); ok {
			t.Errorf("another %s gets the old token", name)
		}
	}
}

func TestATokenWithoutLifeIsNotReused(t *testing.T) {
	b := newBench(t)
	claims := b.claims()
	claims.ExpiresAt = claims.IssuedAt
	if _, err := b.Issue(t.Context(), claims); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Reusable(claims); ok {
		t.Error("a dead token is reused")
	}
}

func TestLatestTokenOfASessionIsKept(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	b.clock.advance(10 * time.Minute)
	latest := b.issue(t)
	if got, ok := b.Reusable(b.claims()); !ok || got != latest {
		t.Error("an older token is reused")
	}
}

// TestWithdrawnKeyIsNotReused: a version disabled because its key leaked must
// not live on in this cache.
func TestWithdrawnKeyIsNotReused(t *testing.T) {
	b := newBench(t, aged(48*time.Hour), aged(24*time.Hour))
	b.issue(t)
	b.setState(t, "2", kmspb.CryptoKeyVersion_DISABLED)
	b.clock.advance(token.KeySetLife)
	b.kids(t)
	if _, ok := b.Reusable(grant(start)); ok {
		t.Error("a token of a withdrawn key is reused")
	}
}

func TestCacheIsBoundedAndItsOwn(t *testing.T) {
	b := newBenchWith(t, token.Config{CacheSize: 1}, fakekms.Config{})
	first := b.claims()
	if _, err := b.Issue(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	first.Entitlements[0] = "changed"
	if _, ok := b.Reusable(grant(start)); !ok {
		t.Error("a caller's change reached the cache")
	}
	other := b.claims()
	other.SessionID = "s-2"
	if _, err := b.Issue(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Reusable(grant(start)); ok {
		t.Error("the cache holds more than its size")
	}
}
