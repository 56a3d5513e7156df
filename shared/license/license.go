// Package license is the domain: organizations, their licenses, the sessions
// that hold seats, and the rules over them as pure functions. It imports
// nothing else of this module, does no I/O and never reads a clock: every rule
// that depends on time is given `now`.
package license

import (
	"regexp"
	"time"
)

// Status values of organizations and licenses.
const (
	// StatusActive lets sessions be granted and kept.
	StatusActive Status = "active"
	// StatusSuspended refuses grants and ends sessions at their next heartbeat.
	StatusSuspended Status = "suspended"
)

// Status says whether an organization or a license may be used. Any value
// other than [StatusActive] counts as not active: deny by default.
type Status string

// Organization is a tenant: a customer of the vendor. Its users live in
// Identity Platform (email, role and organization are claims there), not here.
type Organization struct {
	// ID is a UUID or a slug matching [ValidID]; it is the tenant claim's value.
	ID string
	// Name is what people call the organization.
	Name string
	// Slug is the short name in the vendor's own addresses.
	Slug string
	// SubscriptionTier is the vendor's name for what was sold ("team", "enterprise").
	SubscriptionTier string
	// MaxConcurrentSeats caps the sessions of all its licenses together.
	MaxConcurrentSeats int
	// Status must be active for any grant.
	Status Status
}

// License belongs to one organization and allows MaxSeats sessions at once.
type License struct {
	// ID matches [ValidID] and is unique within its organization.
	ID string
	// OrganizationID is the owner.
	OrganizationID string
	// Product is the vendor's product, the audience of license tokens.
	Product string
	// Plan is the vendor's name for the edition sold.
	Plan string
	// MaxSeats caps the license's concurrent sessions.
	MaxSeats int
	// Status must be active for any grant.
	Status Status
	// ExpiresAt is when the license ends; zero means never. From then on nobody is
	// granted a seat of it.
	ExpiresAt time.Time
	// Perpetual says that ExpiresAt is zero on purpose. It decides nothing about seats;
	// [License.Validate] wants it where there is no end.
	Perpetual bool
	// Grace is for how long after ExpiresAt those who hold a seat keep it, so that
	// a late renewal ends nobody's work; see [MaxGrace].
	Grace time.Duration
	// OfflineMax is the longest life of the license's tokens; zero leaves it to the
	// service (TOKEN_TTL). See [MaxOffline].
	OfflineMax time.Duration
	// Handover is how many tokens of earlier holders may be good for each seat, beside
	// that of its present holder; nil means [DefaultHandover]. With none a seat passes
	// to another holder only once the last token made for it has ended.
	Handover *int
	// MaxSessionsPerUser is how many sessions of the license one user may have at a time,
	// on whatever machines; zero sets no limit. Sessions above a new limit live on.
	MaxSessionsPerUser int
	// Entitlements are the features sold, passed on in license tokens.
	Entitlements []string
}

// DefaultHandover lets jobs of half a minute follow each other on one seat while the
// tokens of earlier ones, which live five minutes, are still good.
const DefaultHandover = 10

// MaxHandover is more than seats pass on in a token's life.
const MaxHandover = 10_000

// MaxSessionsPerUser is the highest limit of that name: above it one account is no
// person's any more.
const MaxSessionsPerUser = 1000

// MaxOffline is the longest life that a license can give its tokens.
const MaxOffline = 30 * 24 * time.Hour

// TokenCap is how many tokens of the license may be good at any instant, whoever
// holds its seats: MaxSeats × (1 + handover).
func (l License) TokenCap() int {
	handover := DefaultHandover
	if l.Handover != nil {
		handover = min(max(*l.Handover, 0), MaxHandover)
	}
	return max(l.MaxSeats, 0) * (1 + handover)
}

// MaxGrace is the longest grace of a license: whatever a renewal waits for, it
// comes within a year, and a license without end has no end to wait after.
const MaxGrace = 366 * 24 * time.Hour

// Over is when the license's last sessions and tokens end, its grace included;
// zero means never.
func (l License) Over() time.Time {
	if l.ExpiresAt.IsZero() {
		return time.Time{}
	}
	return l.ExpiresAt.Add(min(max(l.Grace, 0), MaxGrace))
}

// InGrace reports whether the license has ended and those who hold a seat keep it.
func (l License) InGrace(now time.Time) bool {
	return passed(l.ExpiresAt, now) && !passed(l.Over(), now)
}

// passed reports whether an end has come; a zero one never does.
func passed(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// Entitlements is all an organization has bought: itself and its licenses in
// ascending order of id.
type Entitlements struct {
	Organization Organization
	Licenses     []License
	// Epoch is the record's, read with the organization; zero before the first
	// rebuild. A seat ledger of an older epoch is one that the record has passed.
	Epoch Epoch
}

// License finds one of the organization's licenses by id.
func (e Entitlements) License(id string) (License, bool) {
	for _, l := range e.Licenses {
		if l.ID == id {
			return l, true
		}
	}
	return License{}, false
}

// Client describes the program that holds a seat. It is kept in the record for
// support and never decides anything.
type Client struct {
	Name     string
	Version  string
	Hostname string
	// Project is what the work is for: usage is reported by it.
	Project string
}

// Holder is who re-acquires the same session. Two equal holders never have two
// live sessions; anything that differs in one field is another holder.
type Holder struct {
	LicenseID string
	UserID    string
	// HardwareID is the machine's fingerprint, 1–128 printable ASCII characters.
	HardwareID string
	// InstanceID tells copies on one machine apart; empty is a value like any other.
	InstanceID string
}

// SessionStatus says whether a session's record is open.
type SessionStatus string

// A session's record is created active, ended once, and never active again.
const (
	SessionActive SessionStatus = "active"
	SessionEnded  SessionStatus = "ended"
)

// EndReason says why a session ended.
type EndReason string

// The reasons. All but [EndFailed] can be told to a client in a 410.
const (
	// EndExpired: no heartbeat for a whole session TTL.
	EndExpired EndReason = "expired"
	// EndReleased: its holder gave the seat back.
	EndReleased EndReason = "released"
	// EndRevoked: an owner or admin took the seat.
	EndRevoked EndReason = "revoked"
	// EndDisplaced: the seat ledger no longer knew the session, so its seat may have gone to another.
	EndDisplaced EndReason = "displaced"
	// EndLicenseExpired: the license ended, and its grace.
	EndLicenseExpired EndReason = "license_expired"
	// EndLicenseSuspended: the license or its organization was suspended, or the
	// license is gone.
	EndLicenseSuspended EndReason = "license_suspended"
	// EndFailed: the grant could not be completed; its session id was never told to anyone.
	EndFailed EndReason = "failed"
)

// Decided reports whether a session ended because somebody decided so, rather
// than by itself or for a fault. Such an end is told as soon as it has begun.
func (r EndReason) Decided() bool {
	return r == EndReleased || r == EndRevoked || r == EndLicenseExpired || r == EndLicenseSuspended
}

// Session is one holder's hold on one seat. Its id is a UUIDv7 made by the
// server, unique per grant. Times are the Redis server's, in UTC, whole
// milliseconds.
type Session struct {
	ID             string
	OrganizationID string
	Holder
	Client          Client
	AcquiredAt      time.Time
	LastHeartbeatAt time.Time
	ExpiresAt       time.Time

	Status      SessionStatus
	EndedAt     time.Time
	EndedReason EndReason
	// TokenEnds is when the last license token of an ended session ends; zero if none
	// was made, or none that outlives it is known of.
	TokenEnds time.Time
	// Epoch is the seat ledger's epoch the session was granted under
	// (docs/architecture.md). The record keeps its number alone.
	Epoch Epoch
	// TermsEpoch is the number of the record's epoch as it was read with the licenses that
	// the grant was decided on. Nothing keeps it.
	TermsEpoch int64
}

var (
	idPattern        = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	sessionIDPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

// ValidID reports whether s can be the id of an organization or a license:
// 1–63 of a–z, 0–9 and hyphen, not starting with a hyphen. A lower-case UUID is one.
func ValidID(s string) bool { return idPattern.MatchString(s) }

// ValidSessionID reports whether s is a UUID in its canonical 8-4-4-4-12 form.
func ValidSessionID(s string) bool { return sessionIDPattern.MatchString(s) }
