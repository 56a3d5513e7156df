package licensejwt

import (
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// RootsOf are [Roots] of keys that are at hand, for a program that reads them where
// they are kept.
func RootsOf(keys ...*rsa.PublicKey) Roots { return Roots{keys: keys} }

// CheckDelegation wants the one certificate beside key (x5c) to be signed by a root,
// and to be for that key, its kid and [DelegationUsage] alone. It says nothing of the
// certificate's time. The error is [ErrInvalid].
func (r Roots) CheckDelegation(key jose.JSONWebKey) error {
	if len(key.Certificates) != 1 {
		return fmt.Errorf("%w: its key has no certificate, or more than one", ErrInvalid)
	}
	certificate := key.Certificates[0]
	if !r.signed(certificate) {
		return fmt.Errorf("%w: its key's certificate is not by a pinned root", ErrInvalid)
	}
	if !certifies(certificate, key) || !delegates(certificate) {
		return fmt.Errorf("%w: its key's certificate is for another key or another use", ErrInvalid)
	}
	return nil
}
