package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// entryDoc is orgs/{organization}/audit/{entry}.
type entryDoc struct {
	At     time.Time      `firestore:"at"`
	Actor  string         `firestore:"actor"`
	Action string         `firestore:"action"`
	Object string         `firestore:"object"`
	Before map[string]any `firestore:"before,omitempty"`
	After  map[string]any `firestore:"after,omitempty"`
	// State is absent of an act that was one transaction with its entry.
	State string `firestore:"state,omitempty"`
	// PurgeAt is for Firestore's TTL policy alone: see [RetainAudit].
	PurgeAt time.Time `firestore:"purge_at"`
}

func (d entryDoc) entry(id string) Entry {
	return Entry{
		ID: id, At: recordTime(d.At), Actor: d.Actor, Action: Action(d.Action), Object: d.Object,
		Before: d.Before, After: d.After, State: EntryState(d.State),
	}
}

// newEntryID is made once for a call, however often its transaction runs, so that no
// act has two entries.
func newEntryID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("id of an audit entry: %w", err)
	}
	return id.String(), nil
}

// fielded is a document as the audit keeps it.
type fielded interface{ fields() map[string]any }

// step is what an act makes of a document.
type step struct {
	action        Action
	object        string
	before, after fielded // nil: there is no document
	// again says that a repetition is told by what is asked for, as what it makes of the
	// document differs from time to time.
	again bool
}

// idle reports whether the step changes nothing.
func (s step) idle() bool {
	return s.before != nil && s.after != nil && reflect.DeepEqual(s.before.fields(), s.after.fields())
}

// slug is the one that the step gives to an organization; empty if it gives none.
func (s step) slug() string {
	after, ok := s.after.(organizationDoc)
	if before, had := s.before.(organizationDoc); !ok || had && before.Slug == after.Slug {
		return ""
	}
	return after.Slug
}

// recounts reports whether sessions are counted for their users from the step on, and were
// not before. The other way round nothing is to be done: who is counted for nobody's sake
// refuses nobody.
func (s step) recounts() bool {
	after, ok := s.after.(licenseDoc)
	before, _ := s.before.(licenseDoc)
	return ok && after.countsUsers() && !before.countsUsers()
}

func (s step) entry(a Act) entryDoc {
	d := entryDoc{
		At: recordTime(a.At), Actor: valid(a.Actor), Action: string(s.action), Object: s.object,
		PurgeAt: recordTime(a.At.Add(RetainAudit)),
	}
	if s.before != nil {
		d.Before = s.before.fields()
	}
	if s.after != nil {
		d.After = s.after.fields()
	}
	return d
}

// requestDoc is what is kept of a request with an idempotency key:
// orgs/{organization}/requests/{digest} or service/administration/requests/{digest}.
type requestDoc struct {
	// Digest is that of what was asked for.
	Digest string `firestore:"digest"`
	// Answer is that of a request which was no one transaction: see [Requests].
	Answer *Answer `firestore:"answer,omitempty"`
	// PurgeAt ends the key; Firestore's TTL policy deletes it some time later.
	PurgeAt time.Time `firestore:"purge_at"`
}

func (s step) request(a Act) requestDoc {
	if s.again {
		return s.keyed(a)
	}
	text, err := json.Marshal(s.after.fields())
	if err != nil {
		panic(fmt.Sprintf("record: fields without a JSON form: %v", err)) // there are texts, numbers and times alone
	}
	return requestDoc{Digest: digest(s.object, string(text)), PurgeAt: recordTime(a.At.Add(RetainKeys))}
}

// answers reports whether the first answer to the key is the answer to the step too.
func (d requestDoc) answers(s step, a Act) (bool, error) {
	switch {
	case !d.PurgeAt.After(a.At):
		return false, nil
	case d.Digest != s.request(a).Digest:
		return false, license.ErrKeyReused
	}
	return true, nil
}

// requestName is the name of the key's document.
func (a Act) requestName() string { return digest(a.Actor, a.Key) }

// digest is that of two texts, each of which ends where it ends.
func digest(first, second string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(first), first, second))
	return hex.EncodeToString(sum[:])
}

func organizationObject(id string) string { return "organizations/" + id }

func licenseObject(organizationID, id string) string {
	return organizationObject(organizationID) + "/licenses/" + id
}

func (d organizationDoc) fields() map[string]any {
	return map[string]any{
		"name": d.Name, "slug": d.Slug, "subscription_tier": d.SubscriptionTier,
		"max_concurrent_seats": int64(d.MaxConcurrentSeats), "status": d.Status,
	}
}

func (d licenseDoc) fields() map[string]any {
	entitlements := make([]any, len(d.Entitlements))
	for i, each := range d.Entitlements {
		entitlements[i] = each
	}
	all := map[string]any{
		"product": d.Product, "plan": d.Plan, "max_seats": int64(d.MaxSeats), "status": d.Status, "entitlements": entitlements,
	}
	put(all, "expires_at", recordTime(d.ExpiresAt))
	put(all, "perpetual", d.Perpetual)
	put(all, "grace_seconds", d.GraceSeconds)
	put(all, "offline_max_seconds", d.OfflineMaxSeconds)
	if d.Handover != nil {
		all["handover"] = int64(*d.Handover)
	}
	put(all, "max_sessions_per_user", int64(d.MaxSessionsPerUser))
	return all
}

// changed is the document after change, if that may be written.
func (d organizationDoc) changed(id string, change func(*license.Organization) error) (organizationDoc, error) {
	if d.Purge != "" {
		return d, license.ErrOrganizationNotFound // it is on its way out
	}
	org := d.organization(id)
	if err := change(&org); err != nil {
		return d, err
	}
	org.ID = id
	return organizationToDoc(org), org.Validate()
}

func (d licenseDoc) changed(organizationID, id string, change func(*license.License) error) (licenseDoc, error) {
	lic := d.license(organizationID, id)
	if err := change(&lic); err != nil {
		return d, err
	}
	lic.OrganizationID, lic.ID = organizationID, id
	return licenseToDoc(lic), lic.Validate()
}
