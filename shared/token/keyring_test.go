package token_test

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// service is a rotator and any number of instances that issue tokens, each a caller of
// KMS with the permissions it has in production, over one record and one clock.
type service struct {
	kms    *fakekms.Server
	clock  *clock
	memory *record.Memory
	record *recordtest.Faulty
	mu     sync.Mutex
	calls  map[string]int // of the record, by method
	hook   func(ctx context.Context, method string) error
	// away is the answer of KMS while it is away.
	away error
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{clock: &clock{now: start}, memory: record.NewMemory(), calls: map[string]int{}}
	server, err := fakekms.New(fakekms.Config{Now: s.clock.Now, Versions: []fakekms.VersionSpec{aged(24 * time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s.kms = server
	server.SetBefore(s.permit)
	s.record = &recordtest.Faulty{Record: s.memory, Before: func(ctx context.Context, method string) error {
		s.mu.Lock()
		s.calls[method]++
		hook := s.hook
		s.mu.Unlock()
		if hook == nil {
			return nil
		}
		return hook(ctx, method)
	}}
	return s
}

// permit plays IAM: who issues tokens may not certify or encrypt, who rotates keys may
// not decrypt.
func (s *service) permit(ctx context.Context, method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return s.away
	}
	refused := map[string][]string{
		"issuer": {fakekms.MethodSign, fakekms.MethodEncrypt}, "rotator": {fakekms.MethodDecrypt},
	}
	if slices.Contains(refused[fakekms.Caller(ctx)], method) {
		return status.Errorf(codes.PermissionDenied, "%s may not %s", fakekms.Caller(ctx), method)
	}
	return nil
}

// down takes KMS away; up brings it back.
func (s *service) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = status.Error(codes.Internal, "outage")
}

func (s *service) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = nil
}

// onRecord runs f before each call of the record; nil ends it.
func (s *service) onRecord(f func(ctx context.Context, method string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}

func (s *service) recorded(t *testing.T) record.SigningKeys {
	t.Helper()
	keys, err := s.memory.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// kids are those of the record, in its order.
func (s *service) kids(t *testing.T) []string {
	t.Helper()
	var kids []string
	for _, d := range s.recorded(t).Delegations {
		kids = append(kids, d.KeyID)
	}
	return kids
}

func (s *service) rotator(t *testing.T) *token.Rotator {
	t.Helper()
	r, err := token.NewRotator(token.RotatorConfig{
		Key: s.kms.Key(), EncryptionKey: s.kms.EncryptionKey(), Deadline: patience, Now: s.clock.Now,
	}, connectAs(t, s.kms, "rotator"), s.record)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rotate wants one run of a rotator to succeed.
func (s *service) rotate(t *testing.T, r *token.Rotator) token.Rotated {
	t.Helper()
	done, err := r.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (s *service) config(signing token.Signing) token.Config {
	return token.Config{
		Signing: signing, Key: s.kms.Key(), EncryptionKey: s.kms.EncryptionKey(), Record: s.record, Name: issuerName,
		ActivationDelay: delay, Deadline: patience, Now: s.clock.Now,
	}
}

// instance is a new process that issues tokens.
func (s *service) instance(t *testing.T) *bench {
	t.Helper()
	issuer, err := token.NewIssuer(s.config(token.ByDelegation), connectAs(t, s.kms, "issuer"))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Issuer: issuer, kms: s.kms, clock: s.clock}
}

// delegations are the kids of the published keys that are no root's.
func (b *bench) delegations(t *testing.T) []string {
	t.Helper()
	kids := []string{}
	for _, k := range b.keySet(t).Keys {
		if k.Algorithm == "ES256" {
			kids = append(kids, k.KeyID)
		}
	}
	return kids
}

// wantPinned verifies as a program does that has the root compiled in and got the key
// set from anywhere.
func (s *service) wantPinned(t *testing.T, b *bench, compact string) licensejwt.Claims {
	t.Helper()
	raw, err := b.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set, err := licensejwt.ParseKeySet(raw)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := s.roots(t).Verify(compact, set, s.clock.Now(), 0, issuerName, "studio")
	if err != nil {
		t.Errorf("a program with a pinned root refuses it: %v", err)
	}
	return claims
}

func (s *service) roots(t *testing.T) licensejwt.Roots {
	t.Helper()
	key, err := fakekms.SharedKey(0)
	if err != nil {
		t.Fatal(err)
	}
	return licensejwt.RootsOf([]*rsa.PublicKey{&key.PublicKey}...)
}

// header is what stands in a token's header.
func header(t *testing.T, compact string) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	raw, err := json.Marshal(jws.Signatures[0].Protected.ExtraHeaders)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	all["kid"], all["alg"] = jws.Signatures[0].Protected.KeyID, jws.Signatures[0].Protected.Algorithm
	return all
}
