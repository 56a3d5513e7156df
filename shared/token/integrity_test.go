package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
)

// signatureFaults are each caught by one check alone, so that none can be
// dropped unnoticed; only "damaged signature" and "no signature" by two.
var signatureFaults = map[string]fakekms.Tamper{
	"damaged signature":  fakekms.DamageSignature,
	"faulty signature":   fakekms.FaultySignature,
	"wrong checksum":     fakekms.DamageChecksum,
	"no checksum":        fakekms.DropChecksum,
	"digest not checked": fakekms.UnverifiedDigest,
	"another version":    fakekms.WrongName,
	"no signature": func(_ string, answer proto.Message) {
		if a, ok := answer.(*kmspb.AsymmetricSignResponse); ok {
			a.Signature, a.SignatureCrc32C = nil, wrapperspb.Int64(0)
		}
	},
}

func TestSignatureIntegrity(t *testing.T) {
	for name, tamper := range signatureFaults {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.issue(t)
			b.kms.ResetCalls()
			b.kms.SetTamper(tamper)
			issued, err := b.Issue(t.Context(), b.claims())
			wantUnavailable(t, err)
			if issued.Compact != "" {
				t.Error("a token left all the same")
			}
			if calls := b.kms.Calls(fakekms.MethodSign); calls != 2 {
				t.Errorf("%d signatures asked for, want one and one retry", calls)
			}
			b.kms.SetTamper(once(tamper))
			b.kms.ResetCalls()
			b.wantGenuine(t, b.issue(t).Compact)
			if calls := b.kms.Calls(fakekms.MethodSign); calls != 2 {
				t.Errorf("%d signatures after one fault, want 2", calls)
			}
		})
	}
}

// once tampers with the first answer only.
func once(tamper fakekms.Tamper) fakekms.Tamper {
	var spent atomic.Bool
	return func(method string, answer proto.Message) {
		if !spent.Swap(true) {
			tamper(method, answer)
		}
	}
}

// TestDigestIsSentWithItsChecksum: the stand-in refuses a digest whose checksum
// is wrong and says so when there is none, as KMS does.
func TestDigestIsSentWithItsChecksum(t *testing.T) {
	b := newBench(t)
	var verified atomic.Bool
	b.kms.SetTamper(func(_ string, answer proto.Message) {
		if a, ok := answer.(*kmspb.AsymmetricSignResponse); ok {
			verified.Store(a.GetVerifiedDigestCrc32C())
		}
	})
	b.issue(t)
	if !verified.Load() {
		t.Error("KMS had no checksum to verify")
	}
}

func pemAnswer(text string) fakekms.Tamper {
	return answerPublicKey(func(a *kmspb.PublicKey) { setPEM(a, text) })
}

// setPEM replaces the key and keeps its checksum right: only parsing can notice.
func setPEM(a *kmspb.PublicKey, text string) {
	a.Pem = text
	a.PemCrc32C = wrapperspb.Int64(int64(crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))))
}

func rsa2048PEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return publicPEM(t, &key.PublicKey)
}

func ed25519PEM(t *testing.T) string {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return publicPEM(t, key)
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func answerPublicKey(change func(*kmspb.PublicKey)) fakekms.Tamper {
	return func(_ string, answer proto.Message) {
		if a, ok := answer.(*kmspb.PublicKey); ok {
			change(a)
		}
	}
}

func TestPublicKeyIntegrity(t *testing.T) {
	for name, c := range map[string]struct {
		tamper fakekms.Tamper
		calls  int // integrity failures are asked once more
	}{
		"wrong checksum":  {fakekms.DamageChecksum, 2},
		"no checksum":     {fakekms.DropChecksum, 2},
		"another version": {fakekms.WrongName, 2},
		"another algorithm": {answerPublicKey(func(a *kmspb.PublicKey) {
			a.Algorithm = kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256
		}), 2},
		"not PEM":      {pemAnswer("no key"), 1},
		"two keys":     {answerPublicKey(func(a *kmspb.PublicKey) { setPEM(a, a.GetPem()+a.GetPem()) }), 1},
		"not a key":    {pemAnswer("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), 1},
		"RSA-2048 key": {pemAnswer(rsa2048PEM(t)), 1},
		"Ed25519 key":  {pemAnswer(ed25519PEM(t)), 1},
		"under another label": {answerPublicKey(func(a *kmspb.PublicKey) {
			setPEM(a, strings.ReplaceAll(a.GetPem(), "PUBLIC KEY", "CERTIFICATE"))
		}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.kms.SetTamper(c.tamper)
			_, err := b.JWKS(t.Context())
			wantUnavailable(t, err)
			if calls := b.kms.Calls(fakekms.MethodPublicKey); calls != c.calls {
				t.Errorf("asked %d times, want %d", calls, c.calls)
			}
			b.kms.SetTamper(nil)
			b.wantGenuine(t, b.issue(t).Compact)
		})
	}
}

func TestListOfAnotherKeyIsRefused(t *testing.T) {
	b := newBench(t)
	b.kms.SetTamper(func(_ string, answer proto.Message) {
		if a, ok := answer.(*kmspb.ListCryptoKeyVersionsResponse); ok {
			a.CryptoKeyVersions[0].Name = "projects/evil/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
		}
	})
	_, err := b.JWKS(t.Context())
	wantUnavailable(t, err)
	if calls := b.kms.Calls(fakekms.MethodPublicKey); calls != 0 {
		t.Errorf("the other key was asked for %d times", calls)
	}
}

// TestVersionDisabledSinceTheListWasRead: the very next token is signed by the
// version that is left.
func TestVersionDisabledSinceTheListWasRead(t *testing.T) {
	b := newBench(t, aged(48*time.Hour), aged(24*time.Hour))
	if kid := kidOf(t, b.issue(t).Compact); kid != "license-token-2" {
		t.Fatalf("kid %q", kid)
	}
	b.setState(t, "2", kmspb.CryptoKeyVersion_DISABLED)
	issued := b.issue(t)
	if kid := kidOf(t, issued.Compact); kid != "license-token-1" {
		t.Errorf("kid %q", kid)
	}
	b.wantGenuine(t, issued.Compact)
}

// TestRefusedVersionIsNotHammered: a refusal the list does not explain is
// answered after one look at the list.
func TestRefusedVersionIsNotHammered(t *testing.T) {
	b := newBench(t)
	b.issue(t)
	b.kms.ResetCalls()
	b.kms.SetBefore(func(_ context.Context, method string) error {
		if method == fakekms.MethodSign {
			return status.Error(codes.FailedPrecondition, "not enabled")
		}
		return nil
	})
	_, err := b.Issue(t.Context(), b.claims())
	wantUnavailable(t, err)
	if sign, list := b.kms.Calls(fakekms.MethodSign), b.kms.Calls(fakekms.MethodList); sign != 1 || list != 1 {
		t.Errorf("%d signatures and %d lists, want 1 and 1", sign, list)
	}
}

func (b *bench) setState(t *testing.T, number string, state kmspb.CryptoKeyVersion_CryptoKeyVersionState) {
	t.Helper()
	if err := b.kms.SetState(b.kms.Key()+"/cryptoKeyVersions/"+number, state); err != nil {
		t.Fatal(err)
	}
}
