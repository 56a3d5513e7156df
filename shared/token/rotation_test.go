package token_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"

	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func version(number int, age time.Duration) token.Version {
	return token.Version{
		Name:      fmt.Sprintf("projects/p/locations/l/keyRings/r/cryptoKeys/license-token/cryptoKeyVersions/%d", number),
		State:     kmspb.CryptoKeyVersion_ENABLED,
		Algorithm: token.Algorithm,
		CreatedAt: start.Add(-age),
	}
}

func in(v token.Version, state kmspb.CryptoKeyVersion_CryptoKeyVersionState) token.Version {
	v.State = state
	return v
}

func with(v token.Version, a kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) token.Version {
	v.Algorithm = a
	return v
}

func TestSigningVersion(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name     string
		versions []token.Version
		want     string // its kid, or nothing
	}{
		{"no versions", nil, ""},
		{"one, old", []token.Version{version(1, day)}, "license-token-1"},
		{"one, brand new: it must be able to sign", []token.Version{version(1, 0)}, "license-token-1"},
		{"one, from the future: KMS's clock is ahead", []token.Version{version(1, -time.Minute)}, "license-token-1"},
		{"the newer of two old ones", []token.Version{version(1, 2*day), version(2, day)}, "license-token-2"},
		{"a new one waits", []token.Version{version(1, day), version(2, delay-1)}, "license-token-1"},
		{"a new one's wait is over", []token.Version{version(1, day), version(2, delay)}, "license-token-2"},
		{"two new ones wait for the newest old one", []token.Version{version(1, 2*day), version(2, day), version(3, time.Minute), version(4, 0)}, "license-token-2"},
		{"only new ones: the oldest", []token.Version{version(1, 3*time.Minute), version(2, time.Minute)}, "license-token-1"},
		{"age counts, not the number", []token.Version{version(1, day), version(2, 2*day)}, "license-token-1"},
		{"equal age, old: the higher number", []token.Version{version(9, day), version(10, day)}, "license-token-10"},
		{"equal age, new: the lower number", []token.Version{version(9, 0), version(10, 0)}, "license-token-9"},
		{"disabled newest", []token.Version{version(1, 2*day), in(version(2, day), kmspb.CryptoKeyVersion_DISABLED)}, "license-token-1"},
		{"disabled oldest, the new one must", []token.Version{in(version(1, day), kmspb.CryptoKeyVersion_DISABLED), version(2, 0)}, "license-token-2"},
		{"all disabled", []token.Version{in(version(1, day), kmspb.CryptoKeyVersion_DISABLED)}, ""},
		{"another algorithm", []token.Version{with(version(1, day), kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA512)}, ""},
		{"newest of another algorithm", []token.Version{version(1, 2*day), with(version(2, day), kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256)}, "license-token-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.versions)
			got, err := token.SigningVersion(c.versions, start, delay)
			if c.want == "" {
				if !errors.Is(err, token.ErrNoSigningVersion) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil || got.KeyID() != c.want {
				t.Errorf("got %q, %v, want %q", got.KeyID(), err, c.want)
			}
			if !slices.Equal(before, c.versions) {
				t.Error("the caller's versions were reordered")
			}
		})
	}
}

func TestOnlyEnabledVersionsOfTheAlgorithmSign(t *testing.T) {
	for number, name := range kmspb.CryptoKeyVersion_CryptoKeyVersionState_name {
		state := kmspb.CryptoKeyVersion_CryptoKeyVersionState(number)
		_, err := token.SigningVersion([]token.Version{in(version(1, time.Hour), state)}, start, delay)
		if (err == nil) != (state == kmspb.CryptoKeyVersion_ENABLED) {
			t.Errorf("state %s: %v", name, err)
		}
	}
	for number, name := range kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm_name {
		algorithm := kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm(number)
		_, err := token.SigningVersion([]token.Version{with(version(1, time.Hour), algorithm)}, start, delay)
		if (err == nil) != (algorithm == kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256) {
			t.Errorf("algorithm %s: %v", name, err)
		}
	}
}

// TestSigningVersionEverywhere walks all sets of three versions over ages around
// the delay, both kinds of state and every order, and judges each choice by the
// rule's own words.
func TestSigningVersionEverywhere(t *testing.T) {
	ages := []time.Duration{-1, 0, delay - 1, delay, delay + 1}
	states := []kmspb.CryptoKeyVersion_CryptoKeyVersionState{kmspb.CryptoKeyVersion_ENABLED, kmspb.CryptoKeyVersion_DISABLED}
	orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	choices := len(ages) * len(states)
	for n := range choices * choices * choices {
		var set [3]token.Version
		for i, rest := 0, n; i < 3; i, rest = i+1, rest/choices {
			set[i] = in(version(i+1, ages[rest%choices/2]), states[rest%2])
		}
		first := ""
		for _, order := range orders {
			versions := []token.Version{set[order[0]], set[order[1]], set[order[2]]}
			got, err := token.SigningVersion(versions, start, delay)
			if err != nil {
				got = token.Version{}
			}
			judge(t, versions, got)
			if first == "" {
				first = got.Name
			}
			if got.Name != first && first != "" {
				t.Fatalf("the choice depends on the order: %v", versions)
			}
		}
	}
}

// judge fails if another version has the better claim.
func judge(t *testing.T, versions []token.Version, got token.Version) {
	t.Helper()
	old := func(v token.Version) bool { return start.Sub(v.CreatedAt) >= delay }
	for _, v := range versions {
		if v.State != kmspb.CryptoKeyVersion_ENABLED || v.Name == got.Name {
			continue
		}
		switch {
		case got.Name == "":
			t.Fatalf("none chosen of %v", versions)
		case old(v) && !old(got):
			t.Fatalf("a version too young was chosen of %v", versions)
		case old(v) && v.CreatedAt.After(got.CreatedAt):
			t.Fatalf("a newer one could sign: %v", versions)
		case !old(got) && v.CreatedAt.Before(got.CreatedAt):
			t.Fatalf("an older one was there: %v", versions)
		}
	}
	if got.Name != "" && got.State != kmspb.CryptoKeyVersion_ENABLED {
		t.Fatalf("a disabled version was chosen of %v", versions)
	}
}

func TestKeyID(t *testing.T) {
	for name, want := range map[string]string{
		version(12, 0).Name: "license-token-12",
		"short":             "short",
	} {
		if got := (token.Version{Name: name}).KeyID(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
