package license

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of what is written. What is read has none: a document that somebody
// wrote by hand works as far as it can.
const (
	// MaxSeats is the most seats of a license, and of an organization.
	MaxSeats = 1_000_000
	// MaxName is the longest name of an organization, in characters.
	MaxName = 128
	// MaxLabel is the longest product, plan, tier and entitlement, in characters.
	MaxLabel = 64
	// MaxEntitlements is how many a license may have: all of them are in each token.
	MaxEntitlements = 64
)

// Fault is one thing that is wrong with what is to be written.
type Fault struct {
	// Field is the field's name in the document, with a dot and its position for one
	// of a list.
	Field string
	// Message reads on from the name and says what to do. It does not quote the value.
	Message string
}

// InvalidError lists all that keeps an organization or a license from being written.
type InvalidError struct{ Faults []Fault }

func (e *InvalidError) Error() string {
	sentences := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		sentences[i] = f.Field + " " + f.Message
	}
	return strings.Join(sentences, "; ")
}

// Seconds is so many of them; what is too long for a duration stays too long, for
// Validate to refuse.
func Seconds(n int64) time.Duration {
	const most = int64(math.MaxInt64 / time.Second)
	return time.Duration(min(max(n, -most), most)) * time.Second
}

// Validate reports all that is wrong with the organization, as an [*InvalidError].
func (o Organization) Validate() error {
	var faults faults
	faults.id("id", o.ID)
	if o.Slug != "" {
		faults.id("slug", o.Slug)
	}
	faults.required("name", o.Name, MaxName)
	faults.label("subscription_tier", o.SubscriptionTier, MaxLabel)
	faults.within("max_concurrent_seats", int64(o.MaxConcurrentSeats), MaxSeats)
	faults.status(o.Status)
	return faults.err()
}

// Validate reports all that is wrong with the license, as an [*InvalidError]. A
// license says when it ends or that it never does: one whose end was forgotten would
// be good for ever.
func (l License) Validate() error {
	var faults faults
	faults.id("id", l.ID)
	faults.id("organization_id", l.OrganizationID)
	faults.required("product", l.Product, MaxLabel)
	faults.label("plan", l.Plan, MaxLabel)
	faults.within("max_seats", int64(l.MaxSeats), MaxSeats)
	faults.status(l.Status)
	faults.end(l)
	faults.seconds("grace_seconds", l.Grace, MaxGrace)
	faults.seconds("offline_max_seconds", l.OfflineMax, MaxOffline)
	if l.Handover != nil {
		faults.within("handover", int64(*l.Handover), MaxHandover)
	}
	faults.within("max_sessions_per_user", int64(l.MaxSessionsPerUser), MaxSessionsPerUser)
	faults.entitlements(l.Entitlements)
	return faults.err()
}

type faults []Fault

func (f *faults) add(field, message string) { *f = append(*f, Fault{field, message}) }

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &InvalidError{Faults: f}
}

func (f *faults) id(field, value string) {
	if !ValidID(value) {
		f.add(field, "is not 1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen: choose another")
	}
}

func (f *faults) status(s Status) {
	if s != StatusActive && s != StatusSuspended {
		f.add("status", "is not one of active and suspended: choose one")
	}
}

func (f *faults) within(field string, value, most int64) {
	if value < 0 || value > most {
		f.add(field, fmt.Sprintf("is not within 0 and %d: choose a number there", most))
	}
}

func (f *faults) seconds(field string, value, most time.Duration) {
	if value%time.Second != 0 {
		f.add(field, "is not in whole seconds: round it")
		return
	}
	f.within(field, int64(value/time.Second), int64(most/time.Second))
}

func (f *faults) required(field, value string, most int) {
	if value == "" {
		f.add(field, fmt.Sprintf("is missing: write 1 to %d characters", most))
		return
	}
	f.label(field, value, most)
}

// label judges a text that people read and programs compare.
func (f *faults) label(field, value string, most int) {
	switch {
	case utf8.RuneCountInString(value) > most:
		f.add(field, fmt.Sprintf("is longer than %d characters: shorten it", most))
	case !utf8.ValidString(value) || strings.ContainsFunc(value, Unpresentable):
		f.add(field, "has control or invisible characters: leave them out")
	case strings.TrimSpace(value) != value:
		f.add(field, "begins or ends with a blank: cut it")
	}
}

func (f *faults) end(l License) {
	switch year := l.ExpiresAt.UTC().Year(); {
	case l.ExpiresAt.IsZero() && !l.Perpetual:
		f.add("expires_at", "says neither when the license ends nor that it never does: write one of them, a time in RFC 3339")
	case l.ExpiresAt.IsZero():
	case l.Perpetual:
		f.add("expires_at", "is given for a license that never ends: leave out one of the two")
	case year < 1970 || year > 9999:
		f.add("expires_at", "is not within the years 1970 and 9999: write when the license ends")
	}
}

func (f *faults) entitlements(all []string) {
	if len(all) > MaxEntitlements {
		f.add("entitlements", fmt.Sprintf("has more than %d: leave some out", MaxEntitlements))
		return
	}
	f.distinct("entitlements", all, MaxLabel)
}
