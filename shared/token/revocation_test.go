package token_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestRevocation: out of the key set, and one in its place that signs at once.
func TestRevocation(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	older := s.rotate(t, r).Made
	s.clock.advance(token.DelegationLife/2 + time.Second)
	stolen := s.rotate(t, r).Made
	s.clock.advance(delay)
	b := s.instance(t)
	before := b.issue(t).Compact
	if kidOf(t, before) != stolen {
		t.Fatal("another key signs")
	}
	done, err := r.Revoke(t.Context(), stolen)
	if err != nil || done.Made == "" || done.Good != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	s.clock.advance(token.KeySetLife)
	if kids := b.delegations(t); !slices.Equal(kids, []string{older, done.Made}) {
		t.Errorf("published: %v", kids)
	}
	after := b.issue(t).Compact
	if kidOf(t, after) != done.Made {
		t.Errorf("%s signs, not %s", kidOf(t, after), done.Made)
	}
	s.wantPinned(t, b, after)
	if _, err := token.Verify(before, b.keySet(t), s.clock.Now(), 0, issuerName, "studio"); err == nil {
		t.Error("a token of the revoked key is accepted")
	}
	if again, err := r.Revoke(t.Context(), stolen); err != nil || again.Made != "" || again.Good != 2 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := r.Revoke(t.Context(), "nobody"); !errors.Is(err, token.ErrUnknownDelegation) {
		t.Errorf("of nothing: %v", err)
	}
	// It stays out, also when its key comes back from a cache or the next is made.
	s.clock.advance(token.DelegationLife/2 + time.Second)
	s.rotate(t, r)
	if slices.Contains(b.kids(t), stolen) {
		t.Error("published again")
	}
}

// TestRevocationWithoutKMS takes the key out; another that is good signs meanwhile, and
// the next run makes the one in its place.
func TestRevocationWithoutKMS(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	older := s.rotate(t, r).Made
	s.clock.advance(token.DelegationLife/2 + time.Second)
	b := s.instance(t)
	b.issue(t)
	stolen := s.rotate(t, r).Made
	s.clock.advance(delay)
	b.issue(t)
	s.down()
	_, err := r.Revoke(t.Context(), stolen)
	if !errors.As(err, new(*token.PendingError)) {
		t.Fatalf("%v", err)
	}
	s.clock.advance(token.KeySetLife)
	if kid := kidOf(t, b.issue(t).Compact); kid != older || slices.Contains(b.kids(t), stolen) {
		t.Errorf("%s signs, published: %v", kid, b.kids(t))
	}
	s.up()
	made := s.rotate(t, r).Made
	s.clock.advance(token.KeySetLife)
	if kid := kidOf(t, b.issue(t).Compact); made == "" || kid != made {
		t.Errorf("%s signs, not %s", kid, made)
	}
}

// TestRevocationWhileANewRootIsUnknown: the key in place of the revoked one is by a version
// of the root that an instance has not seen, and KMS goes away before it can.
func TestRevocationWhileANewRootIsUnknown(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	older := s.rotate(t, r).Made
	b := s.instance(t)
	b.issue(t)
	s.clock.advance(token.DelegationLife/2 + time.Second)
	stolen := s.rotate(t, r).Made
	s.clock.advance(delay)
	if kid := kidOf(t, b.issue(t).Compact); kid != stolen {
		t.Fatal("another key signs")
	}
	if _, err := s.kms.AddVersion(aged(0)); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Hour) // the rotator's list of versions is old
	done, err := r.Revoke(t.Context(), stolen)
	if err != nil {
		t.Fatal(err)
	}
	s.down()
	s.clock.advance(token.KeySetLife)
	if kid := kidOf(t, b.issue(t).Compact); kid != older || slices.Contains(b.kids(t), stolen) {
		t.Errorf("%s signs, not %s; published: %v", kid, older, b.kids(t))
	}
	if raw, err := s.instance(t).JWKS(t.Context()); err == nil {
		t.Errorf("an instance that knows no key publishes %s", raw)
	}
	s.up()
	s.clock.advance(time.Minute)
	if kid := kidOf(t, b.issue(t).Compact); kid != done.Made {
		t.Errorf("%s signs, not %s", kid, done.Made)
	}
}

// TestFromOneWayToTheOther: while tokens by the root may be good it stays published, and
// while the root signs, delegations are published before they do.
func TestFromOneWayToTheOther(t *testing.T) {
	s := newService(t)
	cfg := s.config(token.ByRoot)
	byRoot, err := token.NewIssuer(cfg, connect(t, s.kms))
	if err != nil {
		t.Fatal(err)
	}
	old := &bench{Issuer: byRoot, kms: s.kms, clock: s.clock}
	r := s.rotator(t)
	first := s.rotate(t, r).Made
	if kids := old.kids(t); !slices.Equal(kids, []string{"license-token-1", first}) {
		t.Errorf("while the root signs: %v", kids)
	}
	for day := range 40 { // the root signs for long
		if err := old.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		s.rotate(t, r)
		s.clock.advance(24*time.Hour - time.Minute)
		if until := s.recorded(t).RootsUntil; until.Sub(s.clock.Now()) < 29*24*time.Hour {
			t.Fatalf("day %d: %v", day, until)
		}
	}
	if changes := s.calls["ChangeSigningKeys"]; changes > 90 {
		t.Errorf("%d writes", changes)
	}
	s.rotate(t, r)
	was := old.issue(t)
	b := s.instance(t)
	b.wantGenuine(t, was.Compact)
	old.wantGenuine(t, b.issue(t).Compact)
	for range 31 * 24 / 4 {
		s.clock.advance(4 * time.Hour)
		s.rotate(t, r)
	}
	if kids := b.kids(t); !slices.Equal(kids, b.delegations(t)) {
		t.Errorf("a month after the root's last token: %v", kids)
	}
}

// TestWhatSignedBeforeIsNotKnown: with the first key the root is published for a day,
// for a service that went over to delegations at once.
func TestWhatSignedBeforeIsNotKnown(t *testing.T) {
	s := newService(t)
	byRoot, err := token.NewIssuer(token.Config{Key: s.kms.Key(), Name: issuerName, Now: s.clock.Now, Deadline: patience}, connect(t, s.kms))
	if err != nil {
		t.Fatal(err)
	}
	was := (&bench{Issuer: byRoot, clock: s.clock}).issue(t)
	r := s.rotator(t)
	s.rotate(t, r)
	b := s.instance(t)
	b.wantGenuine(t, was.Compact)
	for range 7 {
		s.clock.advance(4 * time.Hour)
		s.rotate(t, r)
	}
	if kids := b.kids(t); !slices.Equal(kids, b.delegations(t)) {
		t.Errorf("a day later: %v", kids)
	}
}
