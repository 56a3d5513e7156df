package token_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"

	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestWhatEachDelegationDoes: one signs at most, and it is the one that the rule chooses.
func TestWhatEachDelegationDoes(t *testing.T) {
	const h, ended = time.Hour, token.DelegationLife
	for _, tt := range []struct {
		name    string
		all     []record.Delegation
		signing token.Signing
		want    string
	}{
		{"none", nil, token.ByDelegation, ""},
		{"the first ever", []record.Delegation{delegated("a", 0)}, token.ByDelegation, "signs"},
		{"the next is published before", []record.Delegation{delegated("a", 6*h), delegated("b", delay-1)}, token.ByDelegation, "signs next"},
		{"and then signs", []record.Delegation{delegated("a", 6*h), delegated("b", delay)}, token.ByDelegation, "published signs"},
		{"at once in place of a revoked one", []record.Delegation{delegated("a", 6*h), delegated("b", h, revoked), delegated("c", 0, atOnce)}, token.ByDelegation, "published revoked signs"},
		{"about to end", []record.Delegation{delegated("a", ended-delay), delegated("b", 0)}, token.ByDelegation, "published signs"},
		{"ended", []record.Delegation{delegated("a", ended), delegated("b", h)}, token.ByDelegation, "ended signs"},
		{"all revoked", []record.Delegation{delegated("a", h, revoked)}, token.ByDelegation, "revoked"},
		{"the root signs", []record.Delegation{delegated("a", h)}, token.ByRoot, "published"},
	} {
		var got []string
		signer, _ := token.SigningDelegation(tt.all, start, delay)
		for i, s := range token.Delegations(tt.all, tt.signing, start, delay) {
			got = append(got, string(s.State))
			if s.State == token.StateSigns && s.KeyID != signer.KeyID || s.Why == "" || s.KeyID != tt.all[i].KeyID {
				t.Errorf("%s: %+v", tt.name, s)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

// TestWhatEachRootDoes: it certifies, or signs, and says why it does not.
func TestWhatEachRootDoes(t *testing.T) {
	all := []token.Version{
		version(1, 300*24*time.Hour), version(2, time.Minute), in(version(3, 0), kmspb.CryptoKeyVersion_DISABLED),
		with(version(4, time.Hour), kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256),
	}
	for signing, want := range map[token.Signing]string{token.ByDelegation: "enabled certifies disabled enabled", token.ByRoot: "signs enabled disabled enabled"} {
		var got []string
		for _, s := range token.Roots(all, signing, start, delay) {
			if got = append(got, string(s.State)); s.Why == "" || s.Since.IsZero() {
				t.Errorf("%+v", s)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", signing, got, want)
		}
	}
}

// TestAKeyThatIsAskedFor is made once, signs when it is ripe, and leaves nothing behind.
func TestAKeyThatIsAskedFor(t *testing.T) {
	keys := record.SigningKeys{Delegations: []record.Delegation{delegated("a", time.Hour)}}
	if err := token.Ask(&keys); err != nil || !keys.Asked || keys.Urgent {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := token.Revoke("a", start)(&keys); err != nil || !keys.Urgent || keys.Delegations[0].RevokedAt != start {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := token.Revoke("b", start)(&keys); err == nil {
		t.Error("a key that is not there is revoked")
	}
}

// TestPrune forgets what ended a day ago, and nothing else.
func TestPrune(t *testing.T) {
	keys := record.SigningKeys{Delegations: []record.Delegation{
		delegated("a", token.DelegationLife+24*time.Hour), delegated("b", token.DelegationLife+24*time.Hour-1), delegated("c", time.Hour, revoked),
	}}
	if err := token.Prune(start)(&keys); err != nil || len(keys.Delegations) != 2 || keys.Delegations[0].KeyID != "b" {
		t.Errorf("%+v, %v", keys, err)
	}
}
