package token_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// delegated is a delegation of that age at the test's start.
func delegated(kid string, age time.Duration, changes ...func(*record.Delegation)) record.Delegation {
	d := record.Delegation{KeyID: kid, CreatedAt: start.Add(-age), NotAfter: start.Add(token.DelegationLife - age)}
	for _, change := range changes {
		change(&d)
	}
	return d
}

func atOnce(d *record.Delegation)  { d.AtOnce = true }
func revoked(d *record.Delegation) { d.RevokedAt = start }

// TestWhichDelegationSigns is the rule by examples.
func TestWhichDelegationSigns(t *testing.T) {
	const h, ended = time.Hour, token.DelegationLife
	for _, tt := range []struct {
		name string
		all  []record.Delegation
		want string // empty: none
	}{
		{"none", nil, ""},
		{"the first ever, at once", []record.Delegation{delegated("a", 0)}, "a"},
		{"the newest that every cached key set has", []record.Delegation{delegated("a", 6*h), delegated("b", delay)}, "b"},
		{"not one that is younger", []record.Delegation{delegated("a", 6*h), delegated("b", delay-1)}, "a"},
		{"whatever their order", []record.Delegation{delegated("b", 5*h), delegated("c", 0), delegated("a", 6*h)}, "b"},
		{"the oldest of the young", []record.Delegation{delegated("b", time.Second), delegated("a", time.Minute)}, "a"},
		{"none that ended", []record.Delegation{delegated("a", ended)}, ""},
		{"one until its very end", []record.Delegation{delegated("a", ended-1)}, "a"},
		{"none that is revoked", []record.Delegation{delegated("a", 6*h), delegated("b", h, revoked)}, "a"},
		{"none if all are", []record.Delegation{delegated("a", 6*h, revoked), delegated("b", h, revoked)}, ""},
		{"at once in place of a revoked one", []record.Delegation{delegated("a", 6*h), delegated("b", h, revoked), delegated("c", 0, atOnce)}, "c"},
		{"a young one rather than one about to end", []record.Delegation{delegated("a", ended-delay), delegated("b", 0)}, "b"},
		{"not before", []record.Delegation{delegated("a", ended-delay-1), delegated("b", 0)}, "a"},
		{"the last of those about to end", []record.Delegation{delegated("a", ended-1), delegated("b", ended-2)}, "b"},
		{"of equal age, always the same", []record.Delegation{delegated("b", h), delegated("a", h)}, "b"},
		{"made by a clock that is ahead", []record.Delegation{delegated("a", -time.Minute)}, "a"},
	} {
		got, err := token.SigningDelegation(tt.all, start, delay)
		if got.KeyID != tt.want || (tt.want == "") != errors.Is(err, token.ErrNoDelegation) {
			t.Errorf("%s: %q, %v; want %q", tt.name, got.KeyID, err, tt.want)
		}
	}
}

// TestOnlyGoodDelegationsSign, and one does as long as one is good: whatever there is.
func TestOnlyGoodDelegationsSign(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		all, good := []record.Delegation{}, map[string]record.Delegation{}
		for i := range random.IntN(6) {
			d := delegated(string(rune('a'+i)), time.Duration(random.IntN(13*3600)-60)*time.Second)
			d.AtOnce = random.IntN(2) == 0
			if random.IntN(4) == 0 {
				d.RevokedAt = start
			} else if d.NotAfter.After(start) {
				good[d.KeyID] = d
			}
			all = append(all, d)
		}
		chosen, err := token.SigningDelegation(all, start, delay)
		if _, ok := good[chosen.KeyID]; ok != (len(good) > 0) || ok != (err == nil) {
			t.Fatalf("%q of %v, %v", chosen.KeyID, good, err)
		}
		for _, d := range good { // no token is shorter than need be
			if chosen.NotAfter.Sub(start) <= delay && d.NotAfter.After(chosen.NotAfter) {
				t.Fatalf("%v signs, which ends before %v", chosen, d)
			}
		}
	}
}
