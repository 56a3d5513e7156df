// Package event is what happens to seats and licenses, as it is told to programs of the
// vendor's and of customers: one CloudEvent each (https://github.com/cloudevents/spec,
// version 1.0, structured mode in JSON). It does no I/O.
package event

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Type says what happened.
type Type string

// The types. More may come, so a receiver ignores those that it does not know.
const (
	// SeatGranted: a session has begun.
	SeatGranted Type = "seat.granted"
	// SeatReleased: its holder gave the seat back.
	SeatReleased Type = "seat.released"
	// SeatExpired: the heartbeats stopped, or the license's time was over.
	SeatExpired Type = "seat.expired"
	// SeatDenied: requests were refused. One event tells of all that were counted since
	// the one before.
	SeatDenied Type = "seat.denied"
	// SessionReplaced: the seat ledger no longer knew the session, so its seat may have
	// gone to another.
	SessionReplaced Type = "session.replaced"
	// SessionRevoked: the vendor or an administrator ended the session, or suspended its
	// license.
	SessionRevoked Type = "session.revoked"
	// LicenseChanged: what was bought is something else, also by the organization itself.
	LicenseChanged Type = "license.changed"
	// Pool80, Pool90 and Pool100: so many percent of a license's seats were in use at a
	// time, for the first time of a day.
	Pool80  Type = "pool.80"
	Pool90  Type = "pool.90"
	Pool100 Type = "pool.100"
)

// Types are all of them, ascending.
func Types() []Type {
	return []Type{
		LicenseChanged, Pool100, Pool80, Pool90, SeatDenied, SeatExpired, SeatGranted, SeatReleased, SessionReplaced, SessionRevoked,
	}
}

// Known reports whether t is one of the types.
func Known(t Type) bool { return slices.Contains(Types(), t) }

// Event is one thing that happened in an organization.
type Event struct {
	// ID is the same whenever the event is told: a receiver that has seen it drops the
	// repeat. See [NewID].
	ID             string
	OrganizationID string
	Type           Type
	// Subject is sessions/{id}, licenses/{id} or organizations/{id}.
	Subject string
	// Time is when it happened.
	Time time.Time
	// Data is a JSON object: one of the types below.
	Data json.RawMessage
	// RecordedAt is when the transaction with it was committed, by the record's clock, and
	// Seq its place among those of one transaction, 0 to 9: together the order of events.
	RecordedAt time.Time
	Seq        int
}

// Session is the data of what happens to a session. It has the id of a user, which is
// the one personal thing in any event: no machine, no address and no token.
type Session struct {
	SessionID  string     `json:"session_id"`
	LicenseID  string     `json:"license_id"`
	UserID     string     `json:"user_id"`
	AcquiredAt *time.Time `json:"acquired_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	// Reason is why it ended, as in the problem session_ended.
	Reason string `json:"reason,omitempty"`
}

// Denials is the data of [SeatDenied].
type Denials struct {
	LicenseID string `json:"license_id"`
	// Hour is when the hour begins in which they were refused.
	Hour time.Time `json:"hour"`
	// Count is how many were refused since the event before, ByLimit by the limit that
	// refused them: license, organization or handover.
	Count   int64            `json:"count"`
	ByLimit map[string]int64 `json:"by_limit"`
}

// Level is the data of [Pool80], [Pool90] and [Pool100].
type Level struct {
	LicenseID string `json:"license_id"`
	// Day is the day in UTC, as 2026-11-23.
	Day string `json:"day"`
	// SeatsPeak is the most seats that were in use at a time that day, so far, and
	// SeatsMax how many the license has.
	SeatsPeak int `json:"seats_peak"`
	SeatsMax  int `json:"seats_max"`
}

// Change is the data of [LicenseChanged].
type Change struct {
	// Action is license.created, license.changed, license.deleted, organization.created
	// or organization.changed.
	Action string `json:"action"`
	// LicenseID is empty of an organization's own change.
	LicenseID string `json:"license_id,omitempty"`
	// Before and After are what was bought; absent where there was or is nothing.
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
}

// NewID is the id of an event that follows from what happened, so that a transaction
// which is sent twice tells the same event: 32 hexadecimal digits. The facts tell it from
// all others of the organization.
func NewID(t Type, facts ...string) string {
	sum := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(facts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// Source is where an organization's events come from: with the id it names an event
// among those of all.
func Source(organizationID string) string {
	return "//licenses.coditect.ai/organizations/" + organizationID
}

// ContentType is the media type of [Event.Encode].
const ContentType = "application/cloudevents+json; charset=utf-8"

// cloudEvent is the JSON format of an event
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type cloudEvent struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            Type   `json:"type"`
	Subject         string `json:"subject"`
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`
	// Sequence is an extension that the specification names: events in the order of
	// their text are in the order in which they were recorded.
	Sequence string          `json:"sequence"`
	Data     json.RawMessage `json:"data"`
}

// Encode is the event as a CloudEvent in JSON, the same at each call.
func (e Event) Encode() ([]byte, error) {
	data := e.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	body, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: Source(e.OrganizationID), Type: e.Type, Subject: e.Subject,
		Time:            cmp.Or(e.Time, e.RecordedAt).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		DataContentType: "application/json", Sequence: e.Sequence(), Data: data,
	})
	if err != nil {
		return nil, fmt.Errorf("event %s of type %s: %w", e.ID, e.Type, err)
	}
	return body, nil
}

// Sequence is a text whose order is the order of events.
func (e Event) Sequence() string { return fmt.Sprintf("%016d-%d", e.RecordedAt.UnixMicro(), e.Seq) }

// Name names the event by its place among those of its organization.
func (e Event) Name() string { return e.Sequence() + "-" + e.ID }

// Compare orders events as they were recorded.
func Compare(a, b Event) int {
	return cmp.Or(a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
}
