package token_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestSignersKeepTheContract: what is promised of every [token.Signer].
func TestSignersKeepTheContract(t *testing.T) {
	for _, signing := range []token.Signing{token.ByRoot, token.ByDelegation} {
		for name, test := range signerTests() {
			t.Run(string(signing)+"/"+name, func(t *testing.T) {
				s := newService(t)
				s.rotate(t, s.rotator(t))
				caller := map[token.Signing]string{token.ByRoot: "", token.ByDelegation: "issuer"}[signing]
				signer, err := token.NewSigner(s.config(signing), connectAs(t, s.kms, caller))
				if err != nil {
					t.Fatal(err)
				}
				test(t, s, signer)
			})
		}
	}
}

func signerTests() map[string]func(*testing.T, *service, token.Signer) {
	return map[string]func(*testing.T, *service, token.Signer){
		"what it signs verifies by what it publishes": signedVerifies,
		"the header has alg, kid and typ alone":       headerIsShort,
		"an error of the payload is answered":         payloadFails,
		"published keys are of one form":              publishedForm,
		"it signs from many goroutines":               signsConcurrently,
		"a caller who left is not served for long":    callerLeft,
		"without its backends it says so, and recovers": func(t *testing.T, s *service, signer token.Signer) {
			s.down()
			wantUnavailable(t, signer.Ping(t.Context()))
			_, err := signer.Sign(t.Context(), body)
			wantUnavailable(t, err)
			s.up()
			s.clock.advance(time.Minute)
			if err := errors.Join(signer.Ready(), signer.Ping(t.Context())); err != nil {
				t.Error(err)
			}
			signedVerifies(t, s, signer)
		},
	}
}

func body(time.Time) ([]byte, error) { return []byte(`{"a":1}`), nil }

func signedVerifies(t *testing.T, s *service, signer token.Signer) {
	var end time.Time
	compact, err := signer.Sign(t.Context(), func(until time.Time) ([]byte, error) {
		end = until
		return []byte(`{"a":1}`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !end.IsZero() && !end.After(s.clock.Now()) {
		t.Errorf("the key ended at %v", end)
	}
	keys, err := signer.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	named := (&jose.JSONWebKeySet{Keys: keys}).Key(kidOf(t, compact))
	if len(named) != 1 || named[0].Algorithm != jws.Signatures[0].Protected.Algorithm {
		t.Fatalf("%d keys are called %s", len(named), kidOf(t, compact))
	}
	if payload, err := jws.Verify(named[0].Key); err != nil || string(payload) != `{"a":1}` {
		t.Errorf("%s, %v", payload, err)
	}
}

func headerIsShort(t *testing.T, _ *service, signer token.Signer) {
	compact, err := signer.Sign(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	got := header(t, compact)
	if got["kid"] != kidOf(t, compact) || got["typ"] != "license+jwt" || len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func payloadFails(t *testing.T, _ *service, signer token.Signer) {
	refusal := errors.New("not this")
	compact, err := signer.Sign(t.Context(), func(time.Time) ([]byte, error) { return nil, refusal })
	if !errors.Is(err, refusal) || compact != "" || errors.As(err, new(*license.UnavailableError)) {
		t.Errorf("%q, %v", compact, err)
	}
}

func publishedForm(t *testing.T, _ *service, signer token.Signer) {
	keys, err := signer.Published(t.Context())
	if err != nil || len(keys) == 0 {
		t.Fatal(len(keys), err)
	}
	for _, key := range keys {
		raw, err := key.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		members := map[string]any{}
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatal(err)
		}
		want := []string{"alg", "e", "kid", "kty", "n", "use"}
		if key.Algorithm == string(jose.ES256) {
			want = []string{"alg", "crv", "kid", "kty", "use", "x", "x5c", "y"}
		}
		if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) || !key.IsPublic() {
			t.Errorf("%s has %v, want %v", key.KeyID, got, want)
		}
	}
}

func signsConcurrently(t *testing.T, s *service, signer token.Signer) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s.clock.advance(20 * time.Second)
			_, err := signer.Sign(t.Context(), body)
			if err = errors.Join(err, signer.Ping(t.Context()), signer.Ready()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func callerLeft(t *testing.T, _ *service, signer token.Signer) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signer.Sign(gone, body); err != nil {
		wantUnavailable(t, err)
	}
	if _, err := signer.Sign(t.Context(), body); err != nil {
		t.Error(err)
	}
}

// TestACertificateIsForOneUse: what an X.509 library reads in it.
func TestACertificateIsForOneUse(t *testing.T) {
	s := newService(t)
	made := s.rotate(t, s.rotator(t)).Made
	d := s.recorded(t).Delegations[0]
	c, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	now := start.Truncate(time.Second)
	if d.KeyID != made || c.Subject.String() != "CN="+made || c.Issuer.String() != "CN=coditect-licenses root" || c.IsCA || c.Version != 3 ||
		c.KeyUsage != x509.KeyUsageDigitalSignature || c.SignatureAlgorithm != x509.SHA256WithRSA || c.SerialNumber.BitLen() > 160 ||
		!c.NotBefore.Equal(now.Add(-time.Minute)) || !c.NotAfter.Equal(now.Add(12*time.Hour)) || !c.NotAfter.Equal(d.NotAfter) || len(c.AuthorityKeyId) != 20 {
		t.Errorf("%+v", c)
	}
	if strings.Contains(string(d.PrivateKey), string(c.RawSubjectPublicKeyInfo[len(c.RawSubjectPublicKeyInfo)-32:])) {
		t.Error("the recorded private key is not encrypted")
	}
}

// TestTokensOfADelegation verify with nothing but the key set, and by a pinned root.
func TestTokensOfADelegation(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	b := s.instance(t)
	issued := b.issue(t)
	b.wantGenuine(t, issued.Compact)
	claims := s.wantPinned(t, b, issued.Compact)
	if claims.SessionID != b.claims().SessionID || header(t, issued.Compact)["alg"] != "ES256" {
		t.Errorf("%+v", claims)
	}
}

// TestCallsOfASigningInstance: one decryption for its key, none for a token.
func TestCallsOfASigningInstance(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	s.kms.ResetCalls()
	b := s.instance(t)
	for range 20 {
		b.issue(t)
		b.keySet(t)
	}
	if d, p, all := s.kms.Calls(fakekms.MethodDecrypt), s.kms.Calls(fakekms.MethodPublicKey), s.kms.TotalCalls(); d != 1 || p != 1 || all != 2 {
		t.Errorf("%d decryptions, %d public keys, %d calls", d, p, all)
	}
	if reads := s.calls["SigningKeys"]; reads != 2 { // the rotator's, and this one's
		t.Errorf("%d reads", reads)
	}
	s.clock.advance(token.KeySetLife)
	for range 5 {
		b.issue(t)
	}
	if all, reads := s.kms.TotalCalls(), s.calls["SigningKeys"]; all != 2 || reads != 3 {
		t.Errorf("a minute later: %d calls, %d reads", all, reads)
	}
}
