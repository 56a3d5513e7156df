package token

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// State is what a key does at a moment.
type State string

// The states.
const (
	// StateSigns signs license tokens.
	StateSigns State = "signs"
	// StateNext is published, and signs once every cached key set has it.
	StateNext State = "next"
	// StatePublished signs no more, or not for now: its tokens can be verified.
	StatePublished State = "published"
	// StateCertifies certifies the next delegation.
	StateCertifies State = "certifies"
	// StateEnabled is a version of the root key that is kept for what it has certified.
	StateEnabled State = "enabled"
	// StateRevoked and StateEnded are out of use for good.
	StateRevoked State = "revoked"
	StateEnded   State = "ended"
)

// Standing is a key, what it does at a moment, and why.
type Standing struct {
	KeyID string
	// Root is the kid of the version of the root key that has certified a delegation.
	Root  string
	State State
	Why   string
	// Since is when the key could first be published, Until when a delegation ends.
	Since, Until time.Time
	RevokedAt    time.Time
}

// Delegations are all that are recorded, in the order of the record, by the rule of
// [SigningDelegation]. With [ByRoot] none of them signs.
func Delegations(all []record.Delegation, signing Signing, now time.Time, activationDelay time.Duration) []Standing {
	signer, err := SigningDelegation(all, now, activationDelay)
	if err != nil || signing == ByRoot {
		signer = record.Delegation{}
	}
	out := make([]Standing, len(all))
	for i, d := range all {
		s := Standing{
			KeyID: d.KeyID, Root: Version{Name: d.Root}.KeyID(), Since: d.CreatedAt, Until: d.NotAfter, RevokedAt: d.RevokedAt,
		}
		s.State, s.Why = standing(d, signer, now, activationDelay)
		out[i] = s
	}
	return out
}

// standing is the state of one of them, where signer signs.
func standing(d, signer record.Delegation, now time.Time, activationDelay time.Duration) (State, string) {
	ripeAt := d.CreatedAt.Add(activationDelay).UTC().Format(time.RFC3339)
	switch {
	case !d.RevokedAt.IsZero():
		return StateRevoked, "it was revoked: it signs nothing, and no key set has it"
	case !now.Before(d.NotAfter):
		return StateEnded, "its certificate has ended, and so have its tokens"
	case signer.KeyID == "":
		return StatePublished, "the root key signs license tokens itself: this one is published for when it no longer does"
	case d.KeyID == signer.KeyID && d.AtOnce:
		return StateSigns, "it was made in place of a key that was revoked or could not be trusted, and signs at once"
	case d.KeyID == signer.KeyID && ripe(d, now, activationDelay):
		return StateSigns, fmt.Sprintf("it is the newest that every cached key set has, as it is older than %v", activationDelay)
	case d.KeyID == signer.KeyID:
		return StateSigns, fmt.Sprintf("there is none that is older than %v, and of those that there are it is the oldest", activationDelay)
	case !ripe(d, now, activationDelay):
		return StateNext, "cached key sets may lack it: it signs from " + ripeAt + " on"
	case d.NotAfter.Sub(now) <= activationDelay:
		return StatePublished, "it ends too soon to sign; its tokens can be verified until it does"
	}
	return StatePublished, "a newer one signs; its tokens can be verified until it ends"
}

// Roots are the versions of the root key as they stand, by the rule of [SigningVersion].
// With [ByDelegation] the newest usable one certifies, and none signs a token.
func Roots(versions []Version, signing Signing, now time.Time, activationDelay time.Duration) []Standing {
	state, why := StateCertifies, "it is the newest enabled version: it certifies the next signing key, and signs no license token"
	if signing == ByRoot {
		state, why = StateSigns, fmt.Sprintf("it is the newest enabled version that is older than %v, or the oldest if none is", activationDelay)
	} else {
		activationDelay = 0
	}
	chosen, err := SigningVersion(versions, now, activationDelay)
	out := make([]Standing, len(versions))
	for i, v := range versions {
		s := Standing{KeyID: v.KeyID(), Since: v.CreatedAt, State: StateEnabled, Why: "it is enabled, and another version is used"}
		switch {
		case v.State != kmspb.CryptoKeyVersion_ENABLED:
			s.State = State(strings.ToLower(v.State.String()))
			s.Why = "Cloud KMS has it in this state: it certifies and signs nothing"
		case v.Algorithm != Algorithm:
			s.Why = "it has another algorithm than " + Algorithm.String() + ", and is not used"
		case err == nil && v.Name == chosen.Name:
			s.State, s.Why = state, why
		}
		out[i] = s
	}
	return out
}

// RootLister lists the versions of the root key. It needs no other right on it
// (cloudkms.cryptoKeyVersions.list).
type RootLister struct {
	keys    *keySet
	circuit *circuit.Breaker
}

// NewRootLister returns one over client, which stays the caller's to close. It does no I/O.
func NewRootLister(key string, client *kms.KeyManagementClient, deadline time.Duration, breaker *circuit.Breaker) (*RootLister, error) {
	if err := checkKey("root", key); err != nil {
		return nil, err
	}
	withoutRetries(client)
	return &RootLister{&keySet{client: client, key: key, limit: deadline, log: slog.New(slog.DiscardHandler)}, breaker}, nil
}

// List answers all versions, whatever their state. Failures are
// *[license.UnavailableError].
func (l *RootLister) List(ctx context.Context) (all []Version, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.keys.limit)
	defer cancel()
	err = l.circuit.Do(ctx, func() (err error) {
		all, err = l.keys.list(ctx)
		return err
	})
	return all, unavailable(err)
}
