package record

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// organizationDoc is orgs/{organization}.
type organizationDoc struct {
	Name               string `firestore:"name"`
	Slug               string `firestore:"slug"`
	SubscriptionTier   string `firestore:"subscription_tier"`
	MaxConcurrentSeats int    `firestore:"max_concurrent_seats"`
	Status             string `firestore:"status"`
	// Purge is the entry of the service's audit of its purge, from when that has begun.
	Purge string `firestore:"purge,omitempty"`
}

func organizationToDoc(o license.Organization) organizationDoc {
	return organizationDoc{
		Name: o.Name, Slug: o.Slug, SubscriptionTier: o.SubscriptionTier,
		MaxConcurrentSeats: o.MaxConcurrentSeats, Status: string(o.Status),
	}
}

func (d organizationDoc) organization(id string) license.Organization {
	return license.Organization{
		ID: id, Name: d.Name, Slug: d.Slug, SubscriptionTier: d.SubscriptionTier,
		MaxConcurrentSeats: d.MaxConcurrentSeats, Status: license.Status(d.Status),
	}
}

// licenseDoc is orgs/{organization}/licenses/{license}.
type licenseDoc struct {
	Product      string    `firestore:"product"`
	Plan         string    `firestore:"plan"`
	MaxSeats     int       `firestore:"max_seats"`
	Status       string    `firestore:"status"`
	ExpiresAt    time.Time `firestore:"expires_at,omitempty"` // absent: never
	Perpetual    bool      `firestore:"perpetual,omitempty"`  // absent on purpose
	GraceSeconds int64     `firestore:"grace_seconds,omitempty"`
	// OfflineMaxSeconds is absent where the service's longest life of a token is meant,
	// Handover where license.DefaultHandover is: zero is none. MaxSessionsPerUser is absent
	// where users are not limited.
	OfflineMaxSeconds  int64    `firestore:"offline_max_seconds,omitempty"`
	Handover           *int     `firestore:"handover,omitempty"`
	MaxSessionsPerUser int      `firestore:"max_sessions_per_user,omitempty"`
	Entitlements       []string `firestore:"entitlements"`
}

// countsUsers reports whether sessions of the license are counted for their users.
func (d licenseDoc) countsUsers() bool { return d.MaxSessionsPerUser > 0 }

func licenseToDoc(l license.License) licenseDoc {
	return licenseDoc{
		Product: l.Product, Plan: l.Plan, MaxSeats: l.MaxSeats, Status: string(l.Status),
		ExpiresAt: recordTime(l.ExpiresAt), Perpetual: l.Perpetual, GraceSeconds: int64(l.Grace / time.Second), Entitlements: slices.Clone(l.Entitlements),
		OfflineMaxSeconds: int64(l.OfflineMax / time.Second), Handover: cloned(l.Handover),
		MaxSessionsPerUser: l.MaxSessionsPerUser,
	}
}

func (d licenseDoc) license(organizationID, id string) license.License {
	return license.License{
		ID: id, OrganizationID: organizationID, Product: d.Product, Plan: d.Plan, MaxSeats: d.MaxSeats,
		Status: license.Status(d.Status), ExpiresAt: recordTime(d.ExpiresAt), Perpetual: d.Perpetual, Entitlements: slices.Clone(d.Entitlements),
		Grace:      seconds(d.GraceSeconds, license.MaxGrace),
		OfflineMax: seconds(d.OfflineMaxSeconds, license.MaxOffline), Handover: cloned(d.Handover),
		MaxSessionsPerUser: min(max(d.MaxSessionsPerUser, 0), license.MaxSessionsPerUser),
	}
}

// seconds keeps within what a license may have: whatever somebody wrote, it must
// neither end anything early nor overflow.
func seconds(n int64, most time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(most/time.Second))) * time.Second
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// ledgerDoc is orgs/{organization}/ledger/state.
type ledgerDoc struct {
	Epoch     int64  `firestore:"epoch"`
	LastNonce string `firestore:"last_nonce"`
	// Recounted is the epoch that the last change of what is counted opened, or left to the
	// first rebuild: who knows the licenses by an older one may count a session in too few
	// pools. Absent where nothing was ever changed so.
	Recounted int64 `firestore:"recounted,omitempty"`
}

// recount is the ledger's state once sessions are to be counted in more pools than
// before: its epoch is over, so that a ledger is made anew in which all are. Before the
// first epoch there is no session.
func (d ledgerDoc) recount(nonce string) ledgerDoc {
	d.Recounted = max(d.Epoch, 0) + 1
	if d.Epoch > 0 {
		d.Epoch, d.LastNonce = d.Recounted, nonce
	}
	return d
}

// upToDate lets pass what was decided by licenses that were read under an epoch, if no
// session is counted in more pools since.
func (d ledgerDoc) upToDate(termsEpoch int64) error {
	if termsEpoch < d.Recounted {
		return ErrOutdated
	}
	return nil
}

// epoch is the zero one for an organization never rebuilt: without a ledger
// nothing was ever granted.
func (d ledgerDoc) epoch() license.Epoch {
	if d.Epoch < 1 {
		return license.Epoch{}
	}
	return license.NewEpoch(d.Epoch, d.LastNonce)
}

// fence lets pass what was decided under the present epoch. Its number alone
// would not do: a record restored from a backup gives it out a second time.
func (d ledgerDoc) fence(epoch license.Epoch) error {
	if epoch == (license.Epoch{}) || epoch != d.epoch() {
		return ErrFenced
	}
	return nil
}

// sessionDoc is orgs/{organization}/sessions/{hash}-{session}. last_heartbeat_at and
// expires_at are as known at acquire and at the end: heartbeats write nothing.
type sessionDoc struct {
	Status          string    `firestore:"status"`
	EndedReason     string    `firestore:"ended_reason"`
	LicenseID       string    `firestore:"license_id"`
	UserID          string    `firestore:"user_id"`
	HardwareID      string    `firestore:"hardware_id"`
	InstanceID      string    `firestore:"instance_id"`
	Client          clientDoc `firestore:"client"`
	AcquiredAt      time.Time `firestore:"acquired_at"`
	LastHeartbeatAt time.Time `firestore:"last_heartbeat_at"`
	ExpiresAt       time.Time `firestore:"expires_at"`
	EndedAt         time.Time `firestore:"ended_at"`
	// PurgeAt is for Firestore's TTL policy alone: see [RetainEnded].
	PurgeAt time.Time `firestore:"purge_at"`
	// TokenEnds is when the session's last token ends, if that is after its own end:
	// see [tokenEnds].
	TokenEnds string `firestore:"token_ends"`
	Epoch     int64  `firestore:"epoch"`
	// Part is that of [Parts], as a digit: a list by acquired_at is read from sixteen
	// ranges of its index, since in one that only grows there is room for 500 writes a second
	// (https://firebase.google.com/docs/firestore/solutions/shard-timestamp).
	Part string `firestore:"part"`
	// Revocation is what the vendor has asked for: see [Administration].
	Revocation revocationDoc `firestore:"revocation"`
}

type clientDoc struct {
	Name     string `firestore:"name"`
	Version  string `firestore:"version"`
	Hostname string `firestore:"hostname"`
	Project  string `firestore:"project"`
}

// sessionToDoc takes the session as the record will have it: active, or ended
// with what the end knows.
func sessionToDoc(s license.Session) sessionDoc {
	d := sessionDoc{
		Status: string(s.Status), LicenseID: valid(s.LicenseID), UserID: valid(s.UserID),
		HardwareID: valid(s.HardwareID), InstanceID: valid(s.InstanceID),
		Client:     clientToDoc(s.Client),
		AcquiredAt: recordTime(s.AcquiredAt), LastHeartbeatAt: recordTime(s.LastHeartbeatAt),
		ExpiresAt: recordTime(s.ExpiresAt), Epoch: s.Epoch.Number, Part: partDigit(s.ID),
	}
	if s.Status == license.SessionEnded {
		d.EndedReason, d.EndedAt = string(s.EndedReason), recordTime(s.EndedAt)
		d.PurgeAt = d.EndedAt.Add(RetainEnded)
		if s.TokenEnds.After(s.EndedAt) {
			d.TokenEnds = tokenEnds(partDigit(s.ID), s.TokenEnds)
		}
	}
	return d
}

func clientToDoc(c license.Client) clientDoc {
	return clientDoc{Name: valid(c.Name), Version: valid(c.Version), Hostname: valid(c.Hostname), Project: valid(c.Project)}
}

// tokenTime is a time in a text that sorts as the times do.
const tokenTime = "2006-01-02T15:04:05.000Z"

// tokenEnds is what a session of a part says of its token: the part's digit before the
// time, so that sessions which end together are spread over sixteen ranges of the
// index. A time alone would only grow, which caps a collection at 500 writes a second.
func tokenEnds(part string, ends time.Time) string { return part + ends.UTC().Format(tokenTime) }

// tokenEndsAt is the time in it; zero where a person wrote something else.
func (d sessionDoc) tokenEndsAt() time.Time {
	if d.TokenEnds == "" {
		return time.Time{}
	}
	ends, _ := time.Parse(tokenTime, d.TokenEnds[1:])
	return ends
}

// valid replaces what is not UTF-8: some of it is a stranger's free text, and the
// wire format refuses a whole commit, which others share, for one bad byte.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (d sessionDoc) session(organizationID, id string) license.Session {
	return license.Session{
		ID: id, OrganizationID: organizationID,
		Holder: license.Holder{
			LicenseID: d.LicenseID, UserID: d.UserID, HardwareID: d.HardwareID, InstanceID: d.InstanceID,
		},
		Client:     license.Client(d.Client),
		AcquiredAt: d.AcquiredAt, LastHeartbeatAt: d.LastHeartbeatAt, ExpiresAt: d.ExpiresAt,
		Status: license.SessionStatus(d.Status), EndedAt: d.EndedAt,
		EndedReason: license.EndReason(d.EndedReason), Epoch: license.Epoch{Number: d.Epoch},
		TokenEnds: d.tokenEndsAt(),
	}
}

func (d sessionDoc) active() bool { return d.Status == string(license.SessionActive) }

// complete reports whether the document has what a rebuilt seat ledger counts by.
func (d sessionDoc) complete() bool {
	return d.LicenseID != "" && d.UserID != "" && !d.AcquiredAt.IsZero()
}

// fields lists what the document says, without empty values: merged over an
// existing document it adds and changes but empties nothing.
func (d sessionDoc) fields() map[string]any {
	client, all := map[string]any{}, map[string]any{}
	put(client, "name", d.Client.Name)
	put(client, "version", d.Client.Version)
	put(client, "hostname", d.Client.Hostname)
	put(client, "project", d.Client.Project)
	if len(client) > 0 {
		all["client"] = client
	}
	put(all, "status", d.Status)
	put(all, "ended_reason", d.EndedReason)
	put(all, "license_id", d.LicenseID)
	put(all, "user_id", d.UserID)
	put(all, "hardware_id", d.HardwareID)
	put(all, "instance_id", d.InstanceID)
	put(all, "acquired_at", d.AcquiredAt)
	put(all, "last_heartbeat_at", d.LastHeartbeatAt)
	put(all, "expires_at", d.ExpiresAt)
	put(all, "ended_at", d.EndedAt)
	put(all, "purge_at", d.PurgeAt)
	put(all, "token_ends", d.TokenEnds)
	put(all, "epoch", d.Epoch)
	put(all, "part", d.Part)
	if revocation := d.Revocation.fields(); len(revocation) > 0 {
		all["revocation"] = revocation
	}
	return all
}

func put[T comparable](fields map[string]any, name string, value T) {
	var empty T
	if value != empty {
		fields[name] = value
	}
}

// over is the same merge on values: what d does not say stays as old has it.
func (d sessionDoc) over(old sessionDoc) sessionDoc {
	return sessionDoc{
		Status: cmp.Or(d.Status, old.Status), EndedReason: cmp.Or(d.EndedReason, old.EndedReason),
		LicenseID: cmp.Or(d.LicenseID, old.LicenseID), UserID: cmp.Or(d.UserID, old.UserID),
		HardwareID: cmp.Or(d.HardwareID, old.HardwareID), InstanceID: cmp.Or(d.InstanceID, old.InstanceID),
		Client: clientDoc{
			Name:     cmp.Or(d.Client.Name, old.Client.Name),
			Version:  cmp.Or(d.Client.Version, old.Client.Version),
			Hostname: cmp.Or(d.Client.Hostname, old.Client.Hostname),
			Project:  cmp.Or(d.Client.Project, old.Client.Project),
		},
		AcquiredAt:      cmp.Or(d.AcquiredAt, old.AcquiredAt),
		LastHeartbeatAt: cmp.Or(d.LastHeartbeatAt, old.LastHeartbeatAt),
		ExpiresAt:       cmp.Or(d.ExpiresAt, old.ExpiresAt),
		EndedAt:         cmp.Or(d.EndedAt, old.EndedAt), PurgeAt: cmp.Or(d.PurgeAt, old.PurgeAt),
		TokenEnds: cmp.Or(d.TokenEnds, old.TokenEnds), Epoch: cmp.Or(d.Epoch, old.Epoch), Part: cmp.Or(d.Part, old.Part),
		Revocation: d.Revocation.over(old.Revocation),
	}
}

// activeDoc is what Create records, whatever status and end it is handed.
func activeDoc(s license.Session) sessionDoc {
	s.Status = license.SessionActive
	return sessionToDoc(s)
}

// endedDoc is what an end records.
func endedDoc(end End) (sessionDoc, error) {
	s := end.Session
	if s.EndedAt.IsZero() || s.EndedReason == "" {
		return sessionDoc{}, ErrIncompleteEnd
	}
	s.Status = license.SessionEnded
	return sessionToDoc(s), nil
}

// recordTime is a time as Firestore gives it back: UTC, whole microseconds. A
// zero time stays the zero value, so that it is recognised as empty.
func recordTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
