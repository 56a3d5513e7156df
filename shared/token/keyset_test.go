package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestJWKSIsExactlyWhatClientsNeed(t *testing.T) {
	b := newBench(t)
	raw, err := b.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("got %s, %v", raw, err)
	}
	key := set.Keys[0]
	if len(key["n"]) != 683 {
		t.Errorf("modulus of %d characters is not 4096 bits", len(key["n"]))
	}
	delete(key, "n")
	want := map[string]string{"kty": "RSA", "e": "AQAB", "kid": "license-token-1", "alg": "RS256", "use": "sig"}
	if len(key) != len(want) {
		t.Errorf("got %v", key)
	}
	for name, value := range want {
		if key[name] != value {
			t.Errorf("%s is %q, want %q", name, key[name], value)
		}
	}
}

func TestJWKSIsTheCallersOwn(t *testing.T) {
	b := newBench(t)
	raw, _ := b.JWKS(t.Context())
	clear(raw)
	if kids := b.kids(t); len(kids) != 1 {
		t.Errorf("a caller changed the cached key set: %v", kids)
	}
}

func TestJWKSListsEveryEnabledVersionAcrossPages(t *testing.T) {
	disabled, other := aged(3*time.Hour), aged(2*time.Hour)
	disabled.State = kmspb.CryptoKeyVersion_DESTROYED
	other.Algorithm = kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256
	b := newBenchWith(t, token.Config{}, fakekms.Config{
		PageSize: 2, Versions: []fakekms.VersionSpec{aged(4 * time.Hour), disabled, other, aged(time.Hour), aged(0)},
	})
	want := []string{"license-token-1", "license-token-4", "license-token-5"}
	if got := b.kids(t); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if calls := b.kms.Calls(fakekms.MethodPublicKey); calls != 3 {
		t.Errorf("%d public keys fetched, want those of the 3 usable versions", calls)
	}
}

func TestRotationOverlap(t *testing.T) {
	b := newBench(t, aged(24*time.Hour))
	old := b.issue(t)
	if _, err := b.kms.AddVersion(fakekms.VersionSpec{}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(token.KeySetLife)
	if got := b.kids(t); !slices.Equal(got, []string{"license-token-1", "license-token-2"}) {
		t.Fatalf("the new version is not published at once: %v", got)
	}
	b.clock.advance(delay - token.KeySetLife - time.Millisecond)
	if kid := kidOf(t, b.issue(t).Compact); kid != "license-token-1" {
		t.Errorf("signed by %s before the activation delay", kid)
	}
	b.clock.advance(time.Millisecond)
	next := b.issue(t)
	if kid := kidOf(t, next.Compact); kid != "license-token-2" {
		t.Errorf("signed by %s after the activation delay", kid)
	}
	b.wantGenuine(t, old.Compact)
	b.wantGenuine(t, next.Compact)
}

// TestAgeCountsFromKeyMaterial: an HSM version may exist long before its key,
// and nothing can be published before that.
func TestAgeCountsFromKeyMaterial(t *testing.T) {
	slow := aged(24 * time.Hour)
	slow.GeneratedAt = start
	b := newBench(t, aged(48*time.Hour), slow)
	if kid := kidOf(t, b.issue(t).Compact); kid != "license-token-1" {
		t.Errorf("signed by %s, whose key is brand new", kid)
	}
}

func TestListIsReadOnceALife(t *testing.T) {
	b := newBench(t)
	b.kids(t)
	b.clock.advance(token.KeySetLife - 1)
	b.kids(t)
	if calls := b.kms.Calls(fakekms.MethodList); calls != 1 {
		t.Errorf("%d lists within one life", calls)
	}
	b.clock.advance(1)
	b.kids(t)
	if list, public := b.kms.Calls(fakekms.MethodList), b.kms.Calls(fakekms.MethodPublicKey); list != 2 || public != 1 {
		t.Errorf("after one life: %d lists, %d public keys, want 2 and 1", list, public)
	}
}

func TestDisabledVersionLeavesTheKeySet(t *testing.T) {
	b := newBench(t, aged(48*time.Hour), aged(24*time.Hour))
	b.kids(t)
	b.setState(t, "1", kmspb.CryptoKeyVersion_DISABLED)
	b.clock.advance(token.KeySetLife)
	if got := b.kids(t); !slices.Equal(got, []string{"license-token-2"}) {
		t.Errorf("got %v", got)
	}
}

func TestStaleKeySetServesThroughAnOutage(t *testing.T) {
	for name, methods := range map[string][]string{"list": {fakekms.MethodList}, "public key": {fakekms.MethodPublicKey}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.kids(t)
			if _, err := b.kms.AddVersion(aged(24 * time.Hour)); err != nil {
				t.Fatal(err)
			}
			b.kms.SetBefore(outage(methods...))
			for range 3 {
				b.clock.advance(24 * time.Hour)
				if got := b.kids(t); !slices.Equal(got, []string{"license-token-1"}) {
					t.Errorf("got %v", got)
				}
			}
			b.wantGenuine(t, b.issue(t).Compact)
			if err := b.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			b.kms.SetBefore(nil)
			b.clock.advance(token.KeySetLife)
			if got := b.kids(t); len(got) != 2 {
				t.Errorf("after the outage: %v", got)
			}
		})
	}
}

// TestOutageIsNotAskedByEveryRequest: between two failed attempts the old list
// is served without a call.
func TestOutageIsNotAskedByEveryRequest(t *testing.T) {
	b := newBench(t)
	b.kids(t)
	b.clock.advance(token.KeySetLife)
	b.kms.SetBefore(outage())
	b.kms.ResetCalls()
	for range 10 {
		b.kids(t)
	}
	if calls := b.kms.TotalCalls(); calls != 1 {
		t.Errorf("10 requests made %d calls", calls)
	}
	b.kms.SetBefore(nil)
	b.clock.advance(5 * time.Second)
	b.kids(t)
	if calls := b.kms.Calls(fakekms.MethodList); calls != 2 {
		t.Errorf("no new attempt after the pause: %d calls", calls)
	}
}

// TestManyCallersShareOneLoad holds the first list until all callers have come.
func TestManyCallersShareOneLoad(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	b.kms.SetBefore(func(ctx context.Context, _ string) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	var come, served sync.WaitGroup
	for range 16 {
		come.Add(1)
		served.Go(func() {
			come.Done()
			if _, err := b.JWKS(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	come.Wait()
	close(release)
	served.Wait()
	if list, public := b.kms.Calls(fakekms.MethodList), b.kms.Calls(fakekms.MethodPublicKey); list != 1 || public != 1 {
		t.Errorf("%d lists, %d public keys for 16 callers", list, public)
	}
}

// TestFirstCallerLeavingDoesNotFailTheOthers: the load belongs to all who wait.
func TestFirstCallerLeavingDoesNotFailTheOthers(t *testing.T) {
	b := newBench(t)
	started, release := make(chan struct{}, 1), make(chan struct{})
	b.kms.SetBefore(func(ctx context.Context, method string) error {
		if method == fakekms.MethodList {
			started <- struct{}{}
		}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- b.Ping(first) }()
	<-started
	leave()
	wantUnavailable(t, <-left)
	close(release)
	if err := b.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if calls := b.kms.Calls(fakekms.MethodList); calls != 1 {
		t.Errorf("%d lists: the first one was cut short", calls)
	}
}

// TestCallerInAHurryGetsTheStaleSet: a reload that hangs is no reason to refuse
// keys that are known.
func TestCallerInAHurryGetsTheStaleSet(t *testing.T) {
	b := newBench(t)
	b.kids(t)
	b.clock.advance(token.KeySetLife)
	hurried, leave := context.WithCancel(t.Context())
	b.kms.SetBefore(func(ctx context.Context, _ string) error {
		leave()
		<-ctx.Done()
		return ctx.Err()
	})
	raw, err := b.JWKS(hurried)
	if err != nil || len(raw) == 0 {
		t.Errorf("got %s, %v", raw, err)
	}
	b.kms.Close()
}

// TestEveryCallHasADeadline looks at the deadlines as KMS sees them. Reading the
// key set takes at most half, so that a caller whose reload hangs can still sign.
func TestEveryCallHasADeadline(t *testing.T) {
	b := newBench(t)
	left := map[string]time.Duration{}
	var mu sync.Mutex
	b.kms.SetBefore(func(ctx context.Context, method string) error {
		mu.Lock()
		defer mu.Unlock()
		left[method] = -1
		if end, ok := ctx.Deadline(); ok {
			left[method] = time.Until(end)
		}
		return nil
	})
	if _, err := b.Issue(t.Context(), b.claims()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for method, most := range map[string]time.Duration{
		fakekms.MethodList: patience / 2, fakekms.MethodPublicKey: patience / 2, fakekms.MethodSign: patience,
	} {
		if d, called := left[method]; !called || d < 0 || d > most {
			t.Errorf("%s was called with %v left, want at most %v", method, d, most)
		}
	}
}

// TestTheAgeOfTheSigningKeyIsTold: of the version that signs, not of the newest,
// once per reading of the key set, and not for a reading that failed.
func TestTheAgeOfTheSigningKeyIsTold(t *testing.T) {
	var log bytes.Buffer
	b := newBenchWith(t, token.Config{Log: slog.New(slog.NewJSONHandler(&log, nil))}, fakekms.Config{
		Versions: []fakekms.VersionSpec{aged(101*24*time.Hour + 12*time.Hour), aged(0)},
	})
	lines := func() (out []map[string]any) {
		for line := range strings.Lines(log.String()) {
			m := map[string]any{}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
		return out
	}
	for range 3 {
		b.issue(t)
	}
	if got := lines(); len(got) != 1 || got[0]["key_age_days"] != 101.5 || got[0]["kid"] != "license-token-1" || got[0]["level"] != "INFO" {
		t.Fatalf("logged %v", got)
	}
	b.clock.advance(token.KeySetLife)
	b.kms.SetBefore(func(context.Context, string) error { return errors.New("down") })
	b.kids(t)
	if got := lines(); len(got) != 1 {
		t.Fatalf("a failed reading told an age: %v", got)
	}
	b.kms.SetBefore(nil)
	b.clock.advance(delay)
	b.kids(t)
	if got := lines(); len(got) != 2 || got[1]["kid"] != "license-token-2" || got[1]["key_age_days"] != 0.0 {
		t.Errorf("logged %v", got)
	}
}
