package token

import (
	"reflect"
	"slices"
)

// issued is a token this process has made, and of what.
type issued struct {
	claims Claims
	token  Token
	kid    string
}

// newIssued keeps a copy that the caller's later changes do not reach.
func newIssued(claims Claims, token Token, kid string) issued {
	claims.Entitlements = slices.Clone(claims.Entitlements)
	return issued{claims: claims, token: token, kid: kid}
}

// Reusable returns the token this process most recently issued for the same
// session if it may be handed out again in place of one with these claims: a holder
// that acquires again then costs no signature. It may be if
//   - it says the same in all but its times,
//   - at least half of its life remains at claims.IssuedAt (the seat ledger's
//     time; no clock of this process decides),
//   - it does not outlast claims.ExpiresAt, nor begin after claims.IssuedAt,
//   - its key is still published.
//
// No I/O. False is never wrong: [Issuer.Issue] makes a new one.
func (i *Issuer) Reusable(claims Claims) (Token, bool) {
	kept, ok := i.issued.Get(claims.SessionID)
	if !ok || !serves(kept.claims, claims) {
		return Token{}, false
	}
	if !i.signer.publishes(kept.kid) {
		return Token{}, false
	}
	return kept.token, true
}

// serves reports whether a token with claims old can stand for one with claims
// wanted.
func serves(old, wanted Claims) bool {
	life, remaining := old.ExpiresAt-old.IssuedAt, old.ExpiresAt-wanted.IssuedAt
	inTime := remaining > 0 && 2*remaining >= life &&
		old.ExpiresAt <= wanted.ExpiresAt && old.IssuedAt <= wanted.IssuedAt
	old.IssuedAt, old.NotBefore, old.ExpiresAt = wanted.IssuedAt, wanted.NotBefore, wanted.ExpiresAt
	return inTime && reflect.DeepEqual(old, wanted)
}
