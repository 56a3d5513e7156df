package license

import (
	"errors"
	"time"
)

// State is what a license is good for at some instant.
type State string

// The states of a license.
const (
	// StateActive: its seats are granted.
	StateActive State = "active"
	// StateInGrace: it has ended; who has a seat of it keeps it, and nobody is granted one.
	StateInGrace State = "in_grace"
	// StateExpired: it has ended, and so have its sessions.
	StateExpired State = "expired"
	// StateSuspended: it or its organization is suspended.
	StateSuspended State = "suspended"
)

// StateAt is the state of the organization's license at now.
func StateAt(org Organization, lic License, now time.Time) State {
	kept := Keepable(org, lic, now)
	switch {
	case Usable(org, lic, now) == nil:
		return StateActive
	case kept == nil:
		return StateInGrace
	case errors.Is(kept, ErrLicenseExpired):
		return StateExpired
	}
	return StateSuspended
}
