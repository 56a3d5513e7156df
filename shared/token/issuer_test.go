package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestIssuedTokenSaysItsClaims(t *testing.T) {
	b := newBench(t)
	issued := b.issue(t)
	got, err := token.Verify(issued.Compact, b.keySet(t), b.clock.Now(), 0, issuerName, "studio")
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(b.claims()) {
		t.Errorf("got %v, want %v", got, b.claims())
	}
	if want := start.Add(tokenTTL).Truncate(time.Second); !issued.ExpiresAt.Equal(want) || issued.ExpiresAt.Location() != time.UTC {
		t.Errorf("ExpiresAt %v, want %v", issued.ExpiresAt, want)
	}
	if kid := kidOf(t, issued.Compact); kid != "license-token-1" {
		t.Errorf("kid %q", kid)
	}
}

func TestSteadyStateCostsOneSignature(t *testing.T) {
	b := newBench(t, aged(48*time.Hour), aged(24*time.Hour))
	b.issue(t)
	if list, public := b.kms.Calls(fakekms.MethodList), b.kms.Calls(fakekms.MethodPublicKey); list != 1 || public != 2 {
		t.Errorf("the first token cost %d lists, %d public keys", list, public)
	}
	b.kms.ResetCalls()
	for range 3 {
		b.issue(t)
	}
	if sign, all := b.kms.Calls(fakekms.MethodSign), b.kms.TotalCalls(); sign != 3 || all != 3 {
		t.Errorf("3 tokens cost %d signatures in %d calls", sign, all)
	}
	b.kms.ResetCalls()
	b.keySet(t)
	if err := b.Ping(t.Context()); err != nil || b.kms.TotalCalls() != 0 {
		t.Errorf("ping %v; ping and JWKS cost %d calls", err, b.kms.TotalCalls())
	}
}

func TestIssueRefusesIncompleteClaims(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*token.Claims){
		"no issuer":    func(c *token.Claims) { c.Issuer = "" },
		"no product":   func(c *token.Claims) { c.Audience = "" },
		"no user":      func(c *token.Claims) { c.Subject = "" },
		"no session":   func(c *token.Claims) { c.SessionID = "" },
		"no tenant":    func(c *token.Claims) { c.TenantID = "" },
		"no license":   func(c *token.Claims) { c.LicenseID = "" },
		"no hardware":  func(c *token.Claims) { c.HardwareID = "" },
		"no times":     func(c *token.Claims) { c.IssuedAt, c.NotBefore, c.ExpiresAt = 0, 0, 0 },
		"wrong margin": func(c *token.Claims) { c.NotBefore = c.IssuedAt + 1 },
	} {
		claims := b.claims()
		change(&claims)
		if issued, err := b.Issue(t.Context(), claims); err == nil || issued.Compact != "" {
			t.Errorf("%s: signed", name)
		} else if errors.As(err, new(*license.UnavailableError)) {
			t.Errorf("%s: %v is said to pass", name, err)
		}
	}
	if b.kms.TotalCalls() != 0 {
		t.Errorf("refusals cost %d calls", b.kms.TotalCalls())
	}
}

func TestLicenseThatEndedBeforeTheGrant(t *testing.T) {
	b := newBench(t)
	claims := b.claims()
	claims.ExpiresAt = claims.IssuedAt - 1
	if _, err := b.Issue(t.Context(), claims); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("got %v", err)
	}
	claims.ExpiresAt = claims.IssuedAt // less than a second of life, rounded down
	if _, err := b.Issue(t.Context(), claims); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestIssueRunsConcurrently holds every signature until all have begun: it can
// only end if none waits for another.
func TestIssueRunsConcurrently(t *testing.T) {
	const parallel = 8
	b := newBench(t)
	b.issue(t)
	var begun sync.WaitGroup
	begun.Add(parallel)
	b.kms.SetBefore(func(ctx context.Context, _ string) error {
		begun.Done()
		all := make(chan struct{})
		go func() { begun.Wait(); close(all) }()
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	var wg sync.WaitGroup
	for n := range parallel {
		wg.Go(func() {
			claims := b.claims()
			claims.SessionID = fmt.Sprintf("s-%d", n)
			if _, err := b.Issue(t.Context(), claims); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestMixedUseFromManyGoroutines is for the race detector: every method at once,
// while the key set expires and rotates.
func TestMixedUseFromManyGoroutines(t *testing.T) {
	b := newBench(t, aged(48*time.Hour))
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 5 {
				if n == 0 {
					b.clock.advance(token.KeySetLife)
				}
				if n == 1 && i == 2 {
					if _, err := b.kms.AddVersion(aged(24 * time.Hour)); err != nil {
						t.Error(err)
					}
				}
				claims := b.claims()
				if _, err := b.Issue(t.Context(), claims); err != nil {
					t.Error(err)
				}
				if _, err := b.JWKS(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFailuresOfKMSAreUnavailable(t *testing.T) {
	for name, methods := range map[string][]string{
		"all":         nil,
		"list":        {fakekms.MethodList},
		"public keys": {fakekms.MethodPublicKey},
		"signatures":  {fakekms.MethodSign},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.kms.SetBefore(outage(methods...))
			_, err := b.Issue(t.Context(), b.claims())
			wantUnavailable(t, err)
			if name != "signatures" {
				_, err = b.JWKS(t.Context())
				wantUnavailable(t, err)
				wantUnavailable(t, b.Ping(t.Context()))
			}
			b.kms.SetBefore(nil)
			b.wantGenuine(t, b.issue(t).Compact)
		})
	}
}

func TestHangingKMSEndsAtTheDeadline(t *testing.T) {
	b := newBenchWith(t, token.Config{Deadline: 50 * time.Millisecond}, fakekms.Config{})
	b.kms.SetBefore(func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	})
	_, err := b.Issue(t.Context(), b.claims())
	wantUnavailable(t, err)
	wantUnavailable(t, b.Ping(t.Context()))
}

func TestCallerWhoLeavesIsNotKept(t *testing.T) {
	b := newBench(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, when := range []string{"the key set is loaded", "the token is signed"} {
		_, err := b.Issue(gone, b.claims())
		wantUnavailable(t, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("left before %s: the cause is lost: %v", when, err)
		}
		b.keySet(t)
	}
}

func TestUnavailableIsRetriedAFewTimes(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	b.kms.ResetCalls()
	b.kms.SetBefore(func(context.Context, string) error { return status.Error(codes.Unavailable, "later") })
	_, err := b.Issue(t.Context(), b.claims())
	wantUnavailable(t, err)
	if calls := b.kms.TotalCalls(); calls != 3 {
		t.Errorf("%d calls, want one and two retries", calls)
	}
	for _, code := range []codes.Code{codes.ResourceExhausted, codes.PermissionDenied, codes.Internal} {
		b.kms.ResetCalls()
		b.kms.SetBefore(func(context.Context, string) error { return status.Error(code, "no") })
		_, err := b.Issue(t.Context(), b.claims())
		wantUnavailable(t, err)
		if calls := b.kms.TotalCalls(); calls != 1 {
			t.Errorf("%v: %d calls", code, calls)
		}
	}
}

// TestEachCallIsRetriedAFewTimes: the list, the public key, the signature. A call
// that is served in the end is a success.
func TestEachCallIsRetriedAFewTimes(t *testing.T) {
	for _, method := range []string{fakekms.MethodList, fakekms.MethodPublicKey, fakekms.MethodSign} {
		for refusals := range int64(4) {
			b := newBench(t)
			var asked atomic.Int64
			b.kms.SetBefore(func(_ context.Context, called string) error {
				if called == method && asked.Add(1) <= refusals {
					return status.Error(codes.Unavailable, "later")
				}
				return nil
			})
			_, err := b.Issue(t.Context(), b.claims())
			if calls := b.kms.Calls(method); int64(calls) != min(refusals+1, 3) || (err == nil) != (refusals < 3) {
				t.Errorf("%s refused %d times: %d calls, %v", method, refusals, calls, err)
			}
		}
	}
}

// TestCallerWhoLeavesIsNotRetriedFor: KMS refuses, and the caller goes away.
func TestCallerWhoLeavesIsNotRetriedFor(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	b.kms.ResetCalls()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	b.kms.SetBefore(func(context.Context, string) error {
		leave()
		return status.Error(codes.Unavailable, "later")
	})
	_, err := b.Issue(ctx, b.claims())
	wantUnavailable(t, err)
	if calls := b.kms.TotalCalls(); calls != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestAllVersionsDisabled(t *testing.T) {
	b := newBench(t, fakekms.VersionSpec{State: kmspb.CryptoKeyVersion_DISABLED})
	_, err := b.Issue(t.Context(), b.claims())
	wantUnavailable(t, err)
	if !errors.Is(err, token.ErrNoSigningVersion) {
		t.Errorf("got %v", err)
	}
	wantUnavailable(t, b.Ping(t.Context()))
	raw, err := b.JWKS(t.Context())
	if err != nil || string(raw) != `{"keys":[]}` {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestErrorsAndKeySetTellNothingOfTheClaims(t *testing.T) {
	b := newBench(t)
	b.kms.SetBefore(outage())
	claims := b.claims()
	claims.Subject, claims.HardwareID = "user-secret", "hw-secret"
	_, err := b.Issue(t.Context(), claims)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestConfigFaultsAreAllReported(t *testing.T) {
	b := newBench(t)
	client := connect(t, b.kms)
	_, err := token.NewIssuer(token.Config{Key: "x", ActivationDelay: -1, Deadline: -1}, client)
	for _, fault := range []string{"signing key", "activation delay", "deadline"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not in: %v", fault, err)
		}
	}
	const ring = "projects/p/locations/l/keyRings/r"
	for _, key := range []string{
		"", "license-token", ring, ring + "/cryptoKeys/", ring + "/cryptoKeys/k/cryptoKeyVersions/1",
		"/" + ring + "/cryptoKeys/k", ring + "/cryptoKeys/k/", ring + "/cryptoKeys/a b", ring + "/cryptoKeys/k\n",
	} {
		if _, err := token.NewIssuer(token.Config{Key: key}, client); err == nil {
			t.Errorf("key %q is accepted", key)
		}
	}
	for _, key := range []string{fakekms.DefaultKey, "projects/example.com:p-1/locations/europe-west3/keyRings/R_1/cryptoKeys/K-1"} {
		if _, err := token.NewIssuer(token.Config{Key: key}, client); err != nil {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, err := token.NewIssuer(token.Config{Key: fakekms.DefaultKey}, nil); err == nil {
		t.Error("no client is accepted")
	}
}

// TestPingSigns: the right to see a key is not the right to sign with it. Once a
// signature was made none is made for the asking, until one fails.
func TestPingSigns(t *testing.T) {
	b := newBench(t)
	ping := func(signatures int) {
		t.Helper()
		b.kms.ResetCalls()
		if err := b.Ping(t.Context()); err != nil || b.kms.Calls(fakekms.MethodSign) != signatures {
			t.Errorf("ping: %v after %d signatures, want %d", err, b.kms.Calls(fakekms.MethodSign), signatures)
		}
	}
	b.kms.SetBefore(outage(fakekms.MethodSign))
	wantUnavailable(t, b.Ping(t.Context()))
	b.kms.SetBefore(nil)
	ping(1)
	ping(0)
	b.kms.SetBefore(outage(fakekms.MethodSign))
	if _, err := b.Issue(t.Context(), b.claims()); err == nil {
		t.Fatal("signed in an outage")
	}
	wantUnavailable(t, b.Ping(t.Context()))
	b.kms.SetBefore(nil)
	b.issue(t)
	ping(0)
}
