package token

import (
	"crypto/rsa"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// ring is one reading of the delegations; it never changes. A nil one is empty.
type ring struct {
	// keys are those that were good when they were read, oldest first.
	keys []heldKey
	// roots are versions of the root that are published until rootsUntil.
	roots      []jose.JSONWebKey
	rootsUntil time.Time
	// public are the public keys of the root's versions, by resource name.
	public map[string]*rsa.PublicKey
	// locked is why keys that should sign cannot.
	locked error
}

// heldKey is a delegation as this process has it.
type heldKey struct {
	record.Delegation
	public jose.JSONWebKey
	// signer is nil while the private key is not decrypted.
	signer *jws
}

// key is the one of that kid; nil if there is none.
func (r *ring) key(kid string) *heldKey {
	if r == nil {
		return nil
	}
	for i := range r.keys {
		if r.keys[i].KeyID == kid {
			return &r.keys[i]
		}
	}
	return nil
}

// held are the delegations that can sign in this process.
func (r *ring) held() []record.Delegation {
	out := make([]record.Delegation, 0, len(r.keys))
	for i := range r.keys {
		if r.keys[i].signer != nil {
			out = append(out, r.keys[i].Delegation)
		}
	}
	return out
}

// delegations are the keys to publish at now.
func (r *ring) delegations(now time.Time) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for i := range r.keys {
		if now.Before(r.keys[i].NotAfter) {
			out = append(out, r.keys[i].public)
		}
	}
	return out
}

// rootKeys are the root's versions to publish at now.
func (r *ring) rootKeys(now time.Time) []jose.JSONWebKey {
	if !now.Before(r.rootsUntil) {
		return nil
	}
	return r.roots
}

// publicKeys is a copy of the root's keys for the next reading.
func (r *ring) publicKeys() map[string]*rsa.PublicKey {
	if r == nil {
		return map[string]*rsa.PublicKey{}
	}
	return maps.Clone(r.public)
}
