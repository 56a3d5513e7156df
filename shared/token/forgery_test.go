package token_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// flipped replaces one byte by another of the alphabet, with other high bits, so
// that the change is never only in a segment's stray bits.
func flipped(compact string, at int) string {
	with := byte('A')
	if c := compact[at]; c >= 'A' && c <= 'P' {
		with = 'w'
	}
	return compact[:at] + string([]byte{with}) + compact[at+1:]
}

// TestEveryByteOfAnIssuedTokenCounts runs the verifier over a real RSA-4096
// token, every position, and every character at the very end, where base64 has
// spare bits: only one spelling may pass.
func TestEveryByteOfAnIssuedTokenCounts(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := newBench(t)
	compact, keys := b.issue(t).Compact, b.keySet(t)
	refused := func(changed string) bool {
		_, err := token.Verify(changed, keys, b.clock.Now(), 0, issuerName, "studio")
		return err != nil
	}
	for at := range len(compact) {
		if !refused(flipped(compact, at)) {
			t.Fatalf("byte %d may be changed", at)
		}
	}
	for _, c := range alphabet {
		changed := compact[:len(compact)-1] + string(c)
		if changed != compact && !refused(changed) {
			t.Errorf("the last character may be %q", c)
		}
	}
}

func TestAlgorithmsNobodySigned(t *testing.T) {
	b := newBench(t)
	compact, keys := b.issue(t).Compact, b.keySet(t)
	payload, err := json.Marshal(b.claims())
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKIXPublicKey(keys.Keys[0].Key)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	segment := base64.RawURLEncoding.EncodeToString
	none := segment([]byte(`{"alg":"none","kid":"license-token-1","typ":"license+jwt"}`)) + "." + segment(payload) + "."
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: "license-token-1"}},
		(&jose.SignerOptions{}).WithType("license+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	hs256, _ := jws.CompactSerialize()
	for name, forged := range map[string]string{"none": none, "HS256 with the public key": hs256} {
		if _, err := token.Verify(forged, keys, b.clock.Now(), 0, issuerName, "studio"); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
	b.wantGenuine(t, compact)
}

// TestTokensOfUnusualTexts: what customers call their plans must not break tokens.
func TestTokensOfUnusualTexts(t *testing.T) {
	b := newBench(t)
	s := license.Session{ID: "s-1", OrganizationID: "acme", Holder: license.Holder{UserID: "ü<&>\u2028", HardwareID: `"\`}}
	lic := license.License{ID: "acme-pro", Product: "studio", Plan: "Präzision 精密 🎛"}
	claims := token.NewClaims(issuerName, s, lic, start, start.Add(tokenTTL))
	issued, err := b.Issue(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Verify(issued.Compact, b.keySet(t), b.clock.Now(), 0, issuerName, "studio")
	if err != nil || got.Subject != claims.Subject || got.Plan != claims.Plan || got.HardwareID != claims.HardwareID {
		t.Errorf("got %+v, %v", got, err)
	}
}
