package record

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// RetainEvents is for how long an event waits to be delivered, and a delivery is kept,
// before Firestore's TTL policy on purge_at may delete it.
const RetainEvents = 30 * 24 * time.Hour

// MaxTaken is how many events one [Outbox.TakeEvents] takes: with ten webhooks some 600
// writes of at most 2 kB each.
const MaxTaken = 50

// Events is a page of an organization's events.
type Events struct {
	// Events are in the order in which they were recorded.
	Events []event.Event
	// More says that there may be more after them.
	More bool
	// Unreadable are names of documents that a person broke. They are in nobody's way
	// and stay until they are purged.
	Unreadable []string
}

// Outbox is the part of the record that keeps events until they are delivered. Where
// events are switched on, an event is written by the transaction of what it tells, so
// that neither is there without the other:
//
//   - [Record.Create]: seat.granted;
//   - [Record.End] of a session that has a record: seat.released, seat.expired,
//     session.replaced or session.revoked, by its reason;
//   - [Usages.FileUsage]: seat.denied with what came to the denials filed before, and
//     pool.80, pool.90 and pool.100, each for the first time of a license's day at which
//     the highest level filed comes to so many percent of the license's seats;
//   - a write of [Administration] to an organization or a license: license.changed.
//
// A write that changes nothing tells nothing. Methods that name a caller are scoped to
// caller.OrganizationID as those of [Record]; recordtest.RunOutbox enforces the contract.
type Outbox interface {
	// EventOrganizations lists up to limit ids of organizations that have events,
	// greater than after, ascending; empty starts from the first.
	EventOrganizations(ctx context.Context, after string, limit int) ([]string, error)
	// Events are up to limit events of the organization, those recorded first in front.
	// Nothing that is recorded later comes before them.
	Events(ctx context.Context, caller license.Caller, limit int) (Events, error)
	// TakeEvents takes up to [MaxTaken] events out of the outbox, and makes of each a
	// delivery for each webhook that is enabled and wants its type, in one transaction.
	// The webhook's queue is due at that time at the latest. Events that are no longer
	// there have been taken: nothing is made of them again.
	TakeEvents(ctx context.Context, caller license.Caller, events []event.Event, at time.Time) error
}

// eventDoc is orgs/{organization}/events/{event}.
type eventDoc struct {
	Type    string    `firestore:"type"`
	Subject string    `firestore:"subject"`
	Time    time.Time `firestore:"time,omitempty"` // absent: as recorded
	Data    string    `firestore:"data"`           // JSON
	// RecordedAt is the time of the commit, by Firestore's own clock: what is read at a
	// time includes all that was committed before. Seq orders events of one commit.
	RecordedAt time.Time `firestore:"recorded_at,serverTimestamp"`
	Seq        int       `firestore:"seq"`
	// Part is the first digit of the id: as of sessions, a list by time is read from
	// sixteen ranges of its index. It is absent of an event that was taken.
	Part string `firestore:"part"`
	// PurgeAt is for Firestore's TTL policy alone: see [RetainEvents].
	PurgeAt time.Time `firestore:"purge_at"`
}

// told is an event that a transaction records.
type told struct {
	id  string
	doc eventDoc
}

// tell makes an event. at is when it happened, or about when; zero time in the event is
// that of the commit.
func tell(t event.Type, id, subject string, happened, at time.Time, data any) told {
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("record: an event without a JSON form: %v", err)) // there are texts, numbers and times alone
	}
	return told{id, eventDoc{
		Type: string(t), Subject: subject, Time: recordTime(happened), Data: string(text), Part: id[:1],
		PurgeAt: recordTime(at.Add(RetainEvents)),
	}}
}

func (d eventDoc) event(organizationID, id string) (event.Event, bool) {
	sound := event.Known(event.Type(d.Type)) && json.Valid([]byte(d.Data)) && !d.RecordedAt.IsZero() && d.Seq >= 0 && d.Seq <= 9
	return event.Event{
		ID: id, OrganizationID: organizationID, Type: event.Type(d.Type), Subject: d.Subject, Time: recordTime(d.Time),
		Data: json.RawMessage(d.Data), RecordedAt: recordTime(d.RecordedAt), Seq: d.Seq,
	}, sound
}

// granted is the event of a session that is created.
func granted(id string, doc sessionDoc) told {
	return tell(event.SeatGranted, event.NewID(event.SeatGranted, id), "sessions/"+id, doc.AcquiredAt, doc.AcquiredAt, sessionData(id, doc))
}

// over is the event of a session that ends. Without a record before nobody was told of a
// grant, and nobody is told of an end.
func over(id string, doc sessionDoc) told {
	t := typeOfEnd(license.EndReason(doc.EndedReason))
	return tell(t, event.NewID("session.over", id), "sessions/"+id, doc.EndedAt, doc.EndedAt, sessionData(id, doc))
}

func typeOfEnd(r license.EndReason) event.Type {
	switch r {
	case license.EndExpired, license.EndLicenseExpired:
		return event.SeatExpired
	case license.EndRevoked, license.EndLicenseSuspended:
		return event.SessionRevoked
	case license.EndDisplaced:
		return event.SessionReplaced
	case license.EndReleased, license.EndFailed:
	}
	return event.SeatReleased
}

func sessionData(id string, doc sessionDoc) event.Session {
	return event.Session{
		SessionID: id, LicenseID: doc.LicenseID, UserID: doc.UserID, Reason: doc.EndedReason,
		AcquiredAt: someTime(doc.AcquiredAt), EndedAt: someTime(doc.EndedAt),
	}
}

func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

// changes are the events of a step, which has the audit's entry.
func (s step) changes(entry string, a Act) []told {
	data, subject := event.Change{Action: string(s.action)}, s.object
	switch s.action {
	case LicenseCreated, LicenseChanged, LicenseDeleted:
		data.LicenseID = lastSegment(s.object)
		subject = "licenses/" + data.LicenseID
	case OrganizationCreated, OrganizationChanged:
	default:
		return nil
	}
	if s.before != nil {
		data.Before = s.before.fields()
	}
	if s.after != nil {
		data.After = s.after.fields()
	}
	return []told{tell(event.LicenseChanged, event.NewID(event.LicenseChanged, entry), subject, a.At, a.At, data)}
}
