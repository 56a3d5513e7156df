package token_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestPublishedBeforeUsed: for two days, by the minute, over two instances that look at
// different times: a token's key was published by both, delay before it signed.
func TestPublishedBeforeUsed(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	s.rotate(t, r)
	instances := []*bench{s.instance(t), s.instance(t)}
	first, published := s.kids(t)[0], map[string]time.Time{}
	for minute := range 2 * 24 * 60 {
		s.rotate(t, r)
		now := s.clock.Now()
		kids := instances[minute%2].delegations(t)
		for _, kid := range kids {
			if published[kid].IsZero() {
				published[kid] = now
			}
		}
		kid := kidOf(t, instances[(minute+1)%2].issue(t).Compact)
		if kid != first && (published[kid].IsZero() || now.Sub(published[kid]) < delay-2*token.KeySetLife) {
			t.Fatalf("%s signs at %v, published at %v", kid, now, published[kid])
		}
		s.clock.advance(time.Minute)
	}
	if len(published) != 8 {
		t.Errorf("%d keys", len(published))
	}
}

// TestAnHourWithoutKMS: tokens go on, and rotation resumes by itself, wherever in the
// life of a key the hour falls.
func TestAnHourWithoutKMS(t *testing.T) {
	for _, at := range []time.Duration{5*time.Hour + 30*time.Minute, 6 * time.Hour, 6*time.Hour + time.Minute} {
		s := newService(t)
		r := s.rotator(t)
		s.rotate(t, r)
		b := s.instance(t)
		b.issue(t)
		s.clock.advance(at)
		s.down()
		failed := 0
		for range 60 {
			if _, err := r.Rotate(t.Context()); err != nil {
				wantUnavailable(t, err)
				failed++
			}
			b.wantGenuine(t, b.issue(t).Compact)
			if err := errors.Join(b.Ready(), b.Ping(t.Context())); err != nil {
				t.Error(err)
			}
			s.clock.advance(time.Minute)
		}
		s.up()
		done := s.rotate(t, r)
		if failed == 0 || done.Made == "" {
			t.Errorf("from %v: %d runs failed, then %+v", at, failed, done)
		}
		s.clock.advance(time.Hour)
		if kid := kidOf(t, b.issue(t).Compact); kid != done.Made {
			t.Errorf("%s signs, not %s", kid, done.Made)
		}
	}
}

// TestWithoutKMSUntilTheKeyEnds: no token outlives its key, none is made after it, and
// then it is said what is missing.
func TestWithoutKMSUntilTheKeyEnds(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	s.rotate(t, r)
	end := s.recorded(t).Delegations[0].NotAfter
	b := s.instance(t)
	b.issue(t)
	s.down()
	s.clock.advance(token.DelegationLife - 20*time.Minute)
	issued := b.issue(t)
	if !issued.ExpiresAt.Equal(end) {
		t.Errorf("a token ends at %v, its key at %v", issued.ExpiresAt, end)
	}
	s.wantPinned(t, b, issued.Compact)
	s.clock.advance(20 * time.Minute)
	_, err := b.Issue(t.Context(), b.claims())
	wantUnavailable(t, err)
	if !errors.Is(err, token.ErrNoDelegation) || !errors.Is(b.Ping(t.Context()), token.ErrNoDelegation) || !errors.Is(b.Ready(), token.ErrNoDelegation) {
		t.Errorf("%v, %v, %v", err, b.Ping(t.Context()), b.Ready())
	}
	if kids := b.delegations(t); len(kids) != 0 {
		t.Errorf("%v is published after its end", kids)
	}
	s.up()
	s.rotate(t, r)
	s.clock.advance(time.Minute)
	b.wantGenuine(t, b.issue(t).Compact)
}

// TestBeforeTheFirstKey nothing can be signed, and it is said; the rotator's start
// makes the key, and it signs at once.
func TestBeforeTheFirstKey(t *testing.T) {
	s := newService(t)
	b := s.instance(t)
	if err := b.Ready(); err != nil {
		t.Errorf("nobody has looked yet: %v", err)
	}
	for _, err := range []error{b.Ping(t.Context()), b.Ready()} {
		wantUnavailable(t, err)
		if !errors.Is(err, token.ErrNoDelegation) {
			t.Error(err)
		}
	}
	if kids := b.kids(t); len(kids) != 0 {
		t.Errorf("%v", kids)
	}
	if err := s.rotator(t).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(5 * time.Second)
	if err := errors.Join(b.Ready(), b.Ping(t.Context())); err != nil {
		t.Error(err)
	}
	b.wantGenuine(t, b.issue(t).Compact)
}

// TestWithoutTheRecord an instance goes on with what it knows, until that ends.
func TestWithoutTheRecord(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	b := s.instance(t)
	b.issue(t)
	s.onRecord(func(context.Context, string) error { return recordtest.Outage(record.ErrNotWritten) })
	s.clock.advance(time.Hour)
	b.wantGenuine(t, b.issue(t).Compact)
	_, err := s.instance(t).Issue(t.Context(), b.claims())
	var down *license.UnavailableError
	if !errors.As(err, &down) || down.Backend != "firestore" {
		t.Errorf("a new instance: %v", err)
	}
}

// TestARecordThatHangs holds no request up for long.
func TestARecordThatHangs(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	b := s.instance(t)
	b.issue(t)
	s.clock.advance(time.Hour)
	let := make(chan struct{})
	s.onRecord(func(ctx context.Context, _ string) error {
		select {
		case <-let:
		case <-ctx.Done():
		}
		return nil
	})
	b.issue(t) // it would wait for ever
	close(let)
}

// TestAForgedDelegation: who can write to the record alone can neither sign nor publish.
func TestAForgedDelegation(t *testing.T) {
	good, other := newService(t), newService(t)
	good.rotate(t, good.rotator(t))
	other.rotate(t, other.rotator(t))
	mine, theirs := good.recorded(t).Delegations[0], other.recorded(t).Delegations[0]
	for name, forge := range map[string]func(d *record.Delegation){
		"no certificate":        func(d *record.Delegation) { d.Certificate = nil },
		"another key's":         func(d *record.Delegation) { d.Certificate = mine.Certificate },
		"under another name":    func(d *record.Delegation) { d.KeyID = "x" },
		"a changed certificate": func(d *record.Delegation) { d.Certificate = flippedAt(d.Certificate, len(d.Certificate)/3) },
		"a changed signature":   func(d *record.Delegation) { d.Certificate = flippedAt(d.Certificate, len(d.Certificate)-9) },
		"another root's": func(d *record.Delegation) {
			d.Root = "projects/evil/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
		},
		"a version that is not there": func(d *record.Delegation) { d.Root = good.kms.Key() + "/cryptoKeyVersions/7" },
	} {
		if _, err := good.memory.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
			forged := theirs
			forged.Certificate = bytes.Clone(theirs.Certificate)
			forge(&forged)
			keys.Delegations = []record.Delegation{mine, forged}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		b := good.instance(t)
		if kids := b.delegations(t); !slices.Equal(kids, []string{mine.KeyID}) {
			t.Errorf("%s: %v is published", name, kids)
		}
		if kid := kidOf(t, b.issue(t).Compact); kid != mine.KeyID {
			t.Errorf("%s: %s signs", name, kid)
		}
	}
}

// TestTimesInTheRecordProlongNothing: a certificate's own end counts, also where an
// instance has known the delegation for long.
func TestTimesInTheRecordProlongNothing(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	end := s.recorded(t).Delegations[0].NotAfter
	b := s.instance(t)
	b.issue(t)
	if _, err := s.memory.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Delegations[0].NotAfter = end.Add(24 * time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(token.DelegationLife - time.Minute)
	if issued := b.issue(t); issued.ExpiresAt.After(end) {
		t.Errorf("a token ends at %v, the certificate at %v", issued.ExpiresAt, end)
	}
	s.clock.advance(time.Minute)
	if _, err := b.Issue(t.Context(), b.claims()); !errors.Is(err, token.ErrNoDelegation) {
		t.Errorf("signed after the certificate's end: %v", err)
	}
	if kids := b.delegations(t); len(kids) != 0 {
		t.Errorf("%v is published after its end", kids)
	}
}

// TestADelegationThatIsRecordedTwice is published once, and revoked altogether.
func TestADelegationThatIsRecordedTwice(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	s.rotate(t, r)
	kid := s.kids(t)[0]
	if _, err := s.memory.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Delegations = append(keys.Delegations, keys.Delegations[0])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b := s.instance(t)
	b.wantGenuine(t, b.issue(t).Compact)
	if _, err := r.Revoke(t.Context(), kid); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(token.KeySetLife)
	if kids := b.delegations(t); len(kids) != 1 || kids[0] == kid {
		t.Errorf("%v is published once %s is revoked", kids, kid)
	}
}

func flippedAt(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

// TestAPrivateKeyOfAnother: a ciphertext is bound to its key's name, and one that
// cannot be decrypted spoils no other key.
func TestAPrivateKeyOfAnother(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	older := s.rotate(t, r).Made
	s.clock.advance(token.DelegationLife/2 + time.Second)
	newer := s.rotate(t, r).Made
	s.clock.advance(delay)
	if _, err := s.memory.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Delegations[1].PrivateKey = keys.Delegations[0].PrivateKey
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b := s.instance(t)
	if kid := kidOf(t, b.issue(t).Compact); kid != older || newer == older {
		t.Errorf("%s signs", kid)
	}
}

// TestAnInstanceThatStartsWithoutKMS can sign nothing, and asks again within seconds.
func TestAnInstanceThatStartsWithoutKMS(t *testing.T) {
	s := newService(t)
	s.rotate(t, s.rotator(t))
	for _, method := range []string{fakekms.MethodDecrypt, fakekms.MethodPublicKey} {
		s.kms.SetBefore(outage(method))
		b := s.instance(t)
		wantUnavailable(t, b.Ping(t.Context()))
		s.kms.SetBefore(s.permit)
		s.clock.advance(5 * time.Second)
		if err := b.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		b.wantGenuine(t, b.issue(t).Compact)
	}
}
