package token_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestARotationEverySixHours: run every minute, for five days.
func TestARotationEverySixHours(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	made := 0
	for range 5 * 24 * 60 {
		done := s.rotate(t, r)
		if done.Made != "" {
			made++
		}
		if done.Good == 0 || done.NewestAge > token.DelegationLife/2+time.Minute {
			t.Fatalf("%+v", done)
		}
		s.clock.advance(time.Minute)
	}
	if made != 20 || len(s.kids(t)) != 16 {
		t.Errorf("%d made in five days, %d kept", made, len(s.kids(t)))
	}
	if err := r.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCallsOfARotation: one signature, one encryption and one transaction; a run with
// nothing to do is one read.
func TestCallsOfARotation(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	spent := func() [6]int {
		before := [6]int{
			s.kms.Calls(fakekms.MethodSign), s.kms.Calls(fakekms.MethodEncrypt), s.kms.Calls(fakekms.MethodDecrypt),
			s.kms.TotalCalls(), s.calls["ChangeSigningKeys"], s.calls["SigningKeys"],
		}
		s.rotate(t, r)
		for i, after := range [6]int{
			s.kms.Calls(fakekms.MethodSign), s.kms.Calls(fakekms.MethodEncrypt), s.kms.Calls(fakekms.MethodDecrypt),
			s.kms.TotalCalls(), s.calls["ChangeSigningKeys"], s.calls["SigningKeys"],
		} {
			before[i] = after - before[i]
		}
		return before
	}
	if got := spent(); got != [6]int{1, 1, 0, 4, 1, 1} { // and the list and the public key of the root
		t.Errorf("the first rotation: %v", got)
	}
	if got := spent(); got != [6]int{0, 0, 0, 0, 0, 1} {
		t.Errorf("nothing to do: %v", got)
	}
	s.clock.advance(token.DelegationLife/2 + time.Second)
	if got := spent(); got != [6]int{1, 1, 0, 3, 1, 1} { // and the list
		t.Errorf("the second rotation: %v", got)
	}
}

// TestOverlappingRotationsMakeOne: all have seen that one is due before any has made it.
func TestOverlappingRotationsMakeOne(t *testing.T) {
	const reapers = 4
	s := newService(t)
	var seen sync.WaitGroup
	seen.Add(reapers)
	s.onRecord(func(_ context.Context, method string) error {
		if method == "ChangeSigningKeys" {
			seen.Done()
			seen.Wait()
		}
		return nil
	})
	made := make(chan string, reapers)
	var all sync.WaitGroup
	for range reapers {
		r := s.rotator(t)
		all.Go(func() {
			done, err := r.Rotate(t.Context())
			if err != nil || done.Good != 1 {
				t.Errorf("%+v, %v", done, err)
			}
			made <- done.Made
		})
	}
	all.Wait()
	close(made)
	var kids []string
	for kid := range made {
		if kid != "" {
			kids = append(kids, kid)
		}
	}
	if !slices.Equal(kids, s.kids(t)) || len(kids) != 1 {
		t.Errorf("made %v, recorded %v", kids, s.kids(t))
	}
}

// steps are what a rotation does, in KMS and the record.
func steps() []string {
	return []string{fakekms.MethodList, fakekms.MethodPublicKey, fakekms.MethodSign, fakekms.MethodEncrypt, "SigningKeys", "ChangeSigningKeys"}
}

// stopping ends a process at a step.
func stopping(step string) func(context.Context, string) error {
	return func(_ context.Context, method string) error {
		if method == step {
			return recordtest.Outage(record.ErrNotWritten)
		}
		return nil
	}
}

// TestAKeyOfAWrongClock: one that has not begun is not counted by the right clock, and
// signs for nobody before its time.
func TestAKeyOfAWrongClock(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	s.rotate(t, r)
	b := s.instance(t)
	s.clock.advance(7 * 24 * time.Hour)
	early := s.rotate(t, r).Made
	s.clock.advance(-7 * 24 * time.Hour)
	made, oldest := 0, time.Duration(0)
	for range 24 * 60 {
		done := s.rotate(t, r)
		if done.Made != "" {
			made++
		}
		oldest = max(oldest, done.NewestAge)
		if kid := kidOf(t, b.issue(t).Compact); kid == early {
			t.Fatalf("at %v signs a key that has not begun", s.clock.Now())
		}
		s.clock.advance(time.Minute)
	}
	if made != 3 || oldest < 5*time.Hour || oldest > 6*time.Hour {
		t.Errorf("%d keys in a day, the newest %v old at most", made, oldest)
	}
}

// TestAWrongClockDropsNoLivingKey: to a clock that is ahead they have all ended.
func TestAWrongClockDropsNoLivingKey(t *testing.T) {
	for _, ahead := range []time.Duration{13 * time.Hour, 30 * time.Hour, 365 * 24 * time.Hour} {
		s := newService(t)
		r := s.rotator(t)
		first := s.rotate(t, r).Made
		s.clock.advance(ahead)
		for range 13 * 4 {
			s.rotate(t, r)
			s.clock.advance(time.Hour / 4)
		}
		s.clock.advance(-ahead - 13*time.Hour)
		b := s.instance(t)
		if kid := kidOf(t, b.issue(t).Compact); kid != first || !slices.Contains(b.kids(t), first) {
			t.Errorf("%v ahead for half a day: %s signs, not %s; published: %v", ahead, kid, first, b.kids(t))
		}
	}
}

// TestARotationThatStops at any step leaves nothing that the next run has to know of,
// and the next run makes the key.
func TestARotationThatStops(t *testing.T) {
	for _, step := range steps() {
		s := newService(t)
		s.kms.SetBefore(stopping(step))
		s.onRecord(stopping(step))
		if _, err := s.rotator(t).Rotate(t.Context()); err == nil {
			t.Errorf("%s: no error", step)
		}
		s.wantResumed(t, step, nil)
	}
}

// TestARevocationThatStops at any step after the key was taken out: the next run makes
// the one in its place.
func TestARevocationThatStops(t *testing.T) {
	for _, step := range steps() {
		s := newService(t)
		before := s.rotate(t, s.rotator(t)).Made
		r := s.rotator(t) // a process that knows nothing yet
		s.kms.SetBefore(stopping(step))
		s.onRecord(func(ctx context.Context, method string) error {
			if !s.recorded(t).Urgent { //nolint:contextcheck // read past the faults: the revocation itself is recorded
				return nil
			}
			return stopping(step)(ctx, method)
		})
		if _, err := r.Revoke(t.Context(), before); !errors.As(err, new(*token.PendingError)) {
			t.Errorf("%s: %v", step, err)
		}
		s.wantResumed(t, step, []string{before})
	}
}

// wantResumed wants nothing but before to be recorded, and the next run of a new process
// to make a key that signs.
func (s *service) wantResumed(t *testing.T, step string, before []string) {
	t.Helper()
	if got := s.kids(t); !slices.Equal(got, before) {
		t.Errorf("%s: %v is recorded", step, got)
	}
	s.onRecord(nil)
	s.kms.SetBefore(s.permit)
	s.clock.advance(token.KeySetLife)
	if done := s.rotate(t, s.rotator(t)); done.Made == "" || done.Good != 1 {
		t.Errorf("%s: the next run did %+v", step, done)
	}
	s.instance(t).issue(t)
}

// TestARotationWhoseAnswerIsLost is done all the same, and not done again.
func TestARotationWhoseAnswerIsLost(t *testing.T) {
	s := newService(t)
	s.record.After = func(_ context.Context, method string, err error) error {
		if method == "ChangeSigningKeys" {
			return recordtest.Outage(nil)
		}
		return err
	}
	if _, err := s.rotator(t).Rotate(t.Context()); err == nil {
		t.Error("no error")
	}
	s.record.After = nil
	if done := s.rotate(t, s.rotator(t)); done.Made != "" || done.Good != 1 {
		t.Errorf("%+v", done)
	}
	s.instance(t).issue(t)
}

// TestDamageOnTheWay: every checksum, flag and name is looked at, once more where it
// may have been chance. What is damaged for good is no key, and no token.
func TestDamageOnTheWay(t *testing.T) {
	for name, tamper := range map[string]fakekms.Tamper{
		"checksums": fakekms.DamageChecksum, "no checksums": fakekms.DropChecksum, "texts": fakekms.DamageText,
		"unverified": fakekms.UnverifiedDigest, "unverified data": fakekms.UnverifiedData, "names": fakekms.WrongName,
		"signatures": fakekms.FaultySignature,
	} {
		s := newService(t)
		s.kms.SetTamper(tamper)
		if _, err := s.rotator(t).Rotate(t.Context()); err == nil {
			t.Errorf("%s: a rotation succeeds", name)
		} else {
			wantUnavailable(t, err)
		}
		if kids := s.kids(t); len(kids) != 0 {
			t.Errorf("%s: %v is recorded", name, kids)
		}
	}
	for _, tamper := range []fakekms.Tamper{fakekms.DamageChecksum, fakekms.DropChecksum, fakekms.DamageText} {
		s := newService(t)
		s.rotate(t, s.rotator(t))
		b := s.instance(t)
		s.kms.SetTamper(tamper)
		_, err := b.Issue(t.Context(), b.claims())
		wantUnavailable(t, err)
		s.kms.SetTamper(nil)
		s.clock.advance(time.Minute)
		b.wantGenuine(t, b.issue(t).Compact)
	}
}

// TestWhoMayDoWhat: a rotator that may not certify or encrypt makes nothing; the tests
// of this package run with the permissions of production, and without more.
func TestWhoMayDoWhat(t *testing.T) {
	s := newService(t)
	for _, method := range []string{fakekms.MethodSign, fakekms.MethodEncrypt} {
		s.kms.SetBefore(func(_ context.Context, called string) error {
			if called == method {
				return status.Error(codes.PermissionDenied, "no")
			}
			return nil
		})
		_, err := s.rotator(t).Rotate(t.Context())
		wantUnavailable(t, err)
	}
	s.kms.SetBefore(s.permit)
	s.rotate(t, s.rotator(t))
	s.instance(t).issue(t)
	if n := s.kms.Calls(fakekms.MethodDecrypt); n != 1 {
		t.Errorf("%d decryptions", n)
	}
}

func TestRotatorsConfiguration(t *testing.T) {
	s := newService(t)
	client := connect(t, s.kms)
	if _, err := token.NewRotator(token.RotatorConfig{Key: "x", EncryptionKey: "y"}, client, s.record); err == nil {
		t.Error("without names of keys")
	}
	cfg := token.RotatorConfig{Key: s.kms.Key(), EncryptionKey: s.kms.EncryptionKey()}
	if _, err := token.NewRotator(cfg, client, nil); err == nil {
		t.Error("without a record")
	}
	if _, err := token.NewIssuer(token.Config{Signing: token.ByDelegation, Key: s.kms.Key()}, client); err == nil {
		t.Error("delegated, without a record and a key that decrypts")
	}
	var down *license.UnavailableError
	s.onRecord(func(context.Context, string) error { return recordtest.Outage(nil) })
	r, err := token.NewRotator(cfg, client, s.record)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Ping(t.Context()); !errors.As(err, &down) || down.Backend != "firestore" {
		t.Errorf("%v", err)
	}
}

// TestAKeyWhoseRootIsGone: an operator has disabled the version that certified the key
// which signs, so a process that starts now cannot believe it. The next look at the
// root finds out, and the key in its place signs at once; a second reaper, whose list
// does not have the version yet that certified it, looks again and makes no more.
func TestAKeyWhoseRootIsGone(t *testing.T) {
	s := newService(t)
	mine, theirs := s.rotator(t), s.rotator(t)
	orphan := s.rotate(t, mine).Made
	s.clock.advance(time.Minute)
	s.rotate(t, theirs)
	_, err := s.kms.AddVersion(fakekms.VersionSpec{})
	if err := errors.Join(err, s.kms.SetState(s.recorded(t).Delegations[0].Root, kmspb.CryptoKeyVersion_DISABLED)); err != nil {
		t.Fatal(err)
	}
	if err := s.instance(t).Ping(t.Context()); err == nil {
		t.Error("a process that starts believes a key that it cannot check")
	}
	s.clock.advance(14 * time.Minute)
	made := s.rotate(t, mine).Made
	if made == "" || made == orphan {
		t.Fatalf("made %q in place of %s", made, orphan)
	}
	if b := s.instance(t); kidOf(t, b.issue(t).Compact) != made {
		t.Error("it does not sign at once")
	}
	for _, r := range []*token.Rotator{mine, theirs, s.rotator(t)} {
		if again := s.rotate(t, r); again.Made != "" {
			t.Errorf("one more: %+v", again)
		}
	}
}

// TestARootThatIsRefused: a version that was disabled since it was listed certifies
// nothing, and the very next run takes another.
func TestARootThatIsRefused(t *testing.T) {
	s := newService(t)
	r := s.rotator(t)
	s.rotate(t, r)
	_, err := s.kms.AddVersion(fakekms.VersionSpec{})
	if err := errors.Join(err, s.kms.SetState(s.recorded(t).Delegations[0].Root, kmspb.CryptoKeyVersion_DISABLED)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Revoke(t.Context(), s.kids(t)[0]); err == nil {
		t.Fatal("a version that is disabled has certified a key")
	}
	if next := s.rotate(t, r); next.Made == "" {
		t.Errorf("the next run: %+v", next)
	}
}
