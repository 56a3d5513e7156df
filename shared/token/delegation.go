package token

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// A delegation is a short-lived key that the root key in Cloud KMS has certified.
// This file decides which of them are good, which one signs and when the next is
// made. It is pure: the record keeps them, [Rotator] makes them.

// DelegationLife is how long a delegation may sign and its tokens may live: a KMS that
// is away for half of it goes unnoticed, and so long, at most, signs who stole one.
const DelegationLife = 12 * time.Hour

// MaxActivationDelay is the longest delay that leaves a delegation time to sign, before
// the next is made and after: with half of its life no key would ever be ripe in time.
const MaxActivationDelay = 45 * time.Minute

// MaxDelegatedLife is the longest life of a token that a delegation can promise: what
// is left of its own when the next takes over, rounded down.
const MaxDelegatedLife = 5 * time.Hour

const (
	// rootsGrace is how long the root's versions are published after they signed a
	// token themselves: above the longest life that can be configured for a token.
	rootsGrace = 31 * 24 * time.Hour
	// guessedGrace is the same where nobody has noted whether they did: a day for a
	// deployment that goes from the one way to the other at once, and an hour's token.
	guessedGrace = 25 * time.Hour
)

// ErrNoDelegation means that no delegation can sign now.
var ErrNoDelegation = errors.New("there is no signing key: the reaper makes one in its next run")

// SigningDelegation chooses the delegation that signs at now by the rule of
// [SigningVersion]. One made in place of a revoked key is ripe at once. One that ends
// within activationDelay is left out while there is another: its tokens would be
// short. Revoked and ended ones never sign, and the order of all does not matter.
// [ErrNoDelegation] if none is left.
func SigningDelegation(all []record.Delegation, now time.Time, activationDelay time.Duration) (record.Delegation, error) {
	good := goodDelegations(all, now)
	lasting := slices.DeleteFunc(slices.Clone(good), func(d record.Delegation) bool {
		return d.NotAfter.Sub(now) <= activationDelay
	})
	if len(lasting) == 0 {
		lasting = good[max(len(good)-1, 0):]
	}
	chosen, ok := choose(lasting, func(d record.Delegation) bool { return ripe(d, now, activationDelay) })
	if !ok {
		return record.Delegation{}, ErrNoDelegation
	}
	return chosen, nil
}

// ripe: every cached key set has it, or nobody shall wait for that.
func ripe(d record.Delegation, now time.Time, activationDelay time.Duration) bool {
	return d.AtOnce || now.Sub(d.CreatedAt) >= activationDelay
}

// goodDelegations are those that may sign and be published, oldest first. Their
// beginning is not looked at: it is in the past of whoever made them, and a clock
// that is a little behind must not refuse them.
func goodDelegations(all []record.Delegation, now time.Time) []record.Delegation {
	good := slices.DeleteFunc(slices.Clone(all), func(d record.Delegation) bool {
		return !d.RevokedAt.IsZero() || !now.Before(d.NotAfter)
	})
	slices.SortFunc(good, func(a, b record.Delegation) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.KeyID, b.KeyID))
	})
	return good
}

// due reports whether a delegation is to be made at now: there is none, the newest
// has less than half of its life left, a revoked one was not replaced yet, somebody asks
// for one, or the newest is an orphan. One that has not begun is a wrong clock's, and not waited for.
func due(keys record.SigningKeys, roots []string, now time.Time) bool {
	good := begun(goodDelegations(keys.Delegations, now), now)
	return keys.Urgent || keys.Asked || len(good) == 0 || good[len(good)-1].NotAfter.Sub(now) < DelegationLife/2 || orphaned(keys, roots, now)
}

// begun leaves out those that have not begun.
func begun(good []record.Delegation, now time.Time) []record.Delegation {
	return slices.DeleteFunc(good, func(d record.Delegation) bool { return d.NotBefore.After(now) })
}

// orphaned reports whether the root's version that certified the newest good
// delegation is not among the usable ones any more: a process that starts now cannot
// read its public key, and does not believe the delegation. No roots: nobody knows.
func orphaned(keys record.SigningKeys, roots []string, now time.Time) bool {
	good := goodDelegations(keys.Delegations, now)
	return len(roots) > 0 && len(good) > 0 && !slices.Contains(roots, good[len(good)-1].Root)
}

// keptDelegations is how many are recorded before those that have ended go: four days
// of them. A clock that is wrong by a day takes living ones for ended, and must not drop
// them; readers judge each by their own.
const keptDelegations = 16

// add publishes a delegation that was made, unless another has been made meanwhile,
// and drops what ended long ago. roots are the usable versions of the root key: where
// no delegation was good, they may have signed tokens until now.
func add(keys *record.SigningKeys, made record.Delegation, roots []string, now time.Time) {
	if !due(*keys, roots, now) {
		return
	}
	if len(goodDelegations(keys.Delegations, now)) == 0 {
		publishRoots(keys, roots, now.Add(guessedGrace))
	}
	made.CreatedAt, made.AtOnce = now, keys.Urgent || orphaned(*keys, roots, now)
	keys.Urgent, keys.Asked = false, false
	keys.Delegations = append(keys.Delegations, made)
	for len(keys.Delegations) > keptDelegations {
		ended := slices.IndexFunc(keys.Delegations, func(d record.Delegation) bool { return !now.Before(d.NotAfter) })
		if ended < 0 {
			return
		}
		keys.Delegations = slices.Delete(keys.Delegations, ended, ended+1)
	}
}

// publishRoots notes that tokens which the root's versions have signed may be good
// until then.
func publishRoots(keys *record.SigningKeys, roots []string, until time.Time) {
	if until.After(keys.RootsUntil) {
		keys.Roots, keys.RootsUntil = roots, until
	}
}

// rootsNoted reports whether the roots are published for long enough yet. The day
// keeps whoever signs with them from writing at every look.
func rootsNoted(keys record.SigningKeys, roots []string, now time.Time) bool {
	return slices.Equal(keys.Roots, roots) && keys.RootsUntil.Sub(now) > rootsGrace-24*time.Hour
}

// ErrUnknownDelegation means that a key cannot be revoked because there is none of
// that name, or it has ended and been forgotten.
var ErrUnknownDelegation = errors.New("no signing key has this name")

// Revoke is what an operator makes of the keys who has no root key at hand: the delegation
// is out of use for good once that is recorded, and the rotation makes another one, which
// signs at once. [ErrUnknownDelegation].
func Revoke(kid string, now time.Time) func(*record.SigningKeys) error {
	return func(keys *record.SigningKeys) error { return revoke(keys, kid, now) }
}

// Ask has the rotation make the next delegation although none is due. It signs when every
// cached key set has it, as any other.
func Ask(keys *record.SigningKeys) error {
	keys.Asked = true
	return nil
}

// forgottenAfter is how long after its end a delegation may be forgotten: see
// [keptDelegations].
const forgottenAfter = 24 * time.Hour

// Prune forgets the delegations that ended a day ago or earlier.
func Prune(now time.Time) func(*record.SigningKeys) error {
	return func(keys *record.SigningKeys) error {
		keys.Delegations = slices.DeleteFunc(keys.Delegations, func(d record.Delegation) bool {
			return now.Sub(d.NotAfter) >= forgottenAfter
		})
		return nil
	}
}

// revoke takes a delegation out of use for good. It asks for the next one, which
// signs at once. Repeated, it changes nothing.
func revoke(keys *record.SigningKeys, kid string, now time.Time) error {
	err := ErrUnknownDelegation
	for i := range keys.Delegations {
		if d := &keys.Delegations[i]; d.KeyID == kid {
			if err = nil; d.RevokedAt.IsZero() {
				d.RevokedAt, keys.Urgent = now, true
			}
		}
	}
	return err
}
