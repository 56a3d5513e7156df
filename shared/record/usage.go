package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// RetainUsage is for how long after its day usage is kept before Firestore's TTL policy
// on purge_at may delete it: long enough to compare two years.
const RetainUsage = 2 * RetainEnded

// maxFiled is how many documents one transaction files, of some 30 kB each at the most.
const maxFiled = 100

// UsageQuery says whose usage is meant: of a license, or of all if LicenseID is empty, in
// the hours that begin at or after From and before To.
type UsageQuery struct {
	LicenseID string
	From, To  time.Time
}

func (q UsageQuery) matches(h usage.Hour) bool {
	return !h.At.Before(q.From) && h.At.Before(q.To) && (q.LicenseID == "" || q.LicenseID == h.LicenseID)
}

// usageDay is a day as documents name it.
const usageDay = time.DateOnly

// usageDoc is orgs/{organization}/usage/{license}_{day}.
type usageDoc struct {
	LicenseID string `firestore:"license_id"`
	Day       string `firestore:"day"`
	// Hours has, by the hour (00 to 23, UTC) and the ledger's generation, what that
	// generation counted: it is written again and again, and each number only grows.
	Hours map[string]map[string]countsDoc `firestore:"hours"`
	// Told is the greatest share of the seats, in percent, that an event has told of.
	Told int `firestore:"told,omitempty"`
	// PurgeAt is for Firestore's TTL policy alone: see [RetainUsage].
	PurgeAt time.Time `firestore:"purge_at"`
}

// countsDoc is [usage.Counts]; a level is a text, as the names of fields are.
type countsDoc struct {
	Granted      map[string]int64 `firestore:"granted,omitempty"`
	Refused      map[string]int64 `firestore:"refused,omitempty"`
	Denied       map[string]int64 `firestore:"denied,omitempty"`
	Waited       int64            `firestore:"waited,omitempty"`
	Failed       int64            `firestore:"failed,omitempty"`
	Peak         int              `firestore:"peak,omitempty"`
	Milliseconds map[string]int64 `firestore:"level_ms,omitempty"`
}

func countsToDoc(c usage.Counts) countsDoc {
	return countsDoc{
		Granted: texts(c.Granted), Refused: texts(c.RefusedAt), Denied: texts(c.Denied), Milliseconds: texts(c.Levels),
		Waited: c.Waited, Failed: c.Failed, Peak: c.Peak,
	}
}

func (d countsDoc) counts() (usage.Counts, error) {
	c := usage.NewCounts()
	c.Waited, c.Failed, c.Peak = d.Waited, d.Failed, d.Peak
	for limit, n := range d.Denied {
		c.Denied[limit] = n
	}
	for _, of := range []struct {
		from map[string]int64
		to   map[int]int64
	}{{d.Granted, c.Granted}, {d.Refused, c.RefusedAt}, {d.Milliseconds, c.Levels}} {
		for text, n := range of.from {
			level, err := strconv.Atoi(text)
			if err != nil {
				return c, fmt.Errorf("a level is %q", text)
			}
			of.to[level] = n
		}
	}
	return c, nil
}

// texts is nil for nothing, as a document without the field is read.
func texts[K comparable](m map[K]int64) map[string]int64 {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]int64, len(m))
	for k, n := range m {
		out[fmt.Sprint(k)] = n
	}
	return out
}

// filed is the document with the filing joined to it. The one before stays as it is.
func (d usageDoc) filed(f usage.Filing) (usageDoc, error) {
	hour := f.At.UTC().Format("15")
	known, err := d.Hours[hour][f.Generation].counts()
	if err != nil {
		return d, err
	}
	after := newUsageDoc(f.Hour)
	after.Told = d.Told
	for h, generations := range d.Hours {
		after.Hours[h] = generations
	}
	generations := map[string]countsDoc{}
	for g, counts := range d.Hours[hour] {
		generations[g] = counts
	}
	generations[f.Generation] = countsToDoc(known.Join(f.Counts))
	after.Hours[hour] = generations
	return after, nil
}

func newUsageDoc(h usage.Hour) usageDoc {
	at := h.At.UTC()
	return usageDoc{
		LicenseID: h.LicenseID, Day: at.Format(usageDay), Hours: map[string]map[string]countsDoc{},
		PurgeAt: recordTime(at.Truncate(24 * time.Hour).Add(24*time.Hour + RetainUsage)),
	}
}

// all are its hours, generations added up.
func (d usageDoc) all() ([]usage.Hour, error) {
	return d.hours(UsageQuery{To: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)})
}

// hours are those that the query means, generations added up.
func (d usageDoc) hours(q UsageQuery) ([]usage.Hour, error) {
	day, err := time.Parse(usageDay, d.Day)
	if err != nil {
		return nil, fmt.Errorf("usage of the day %q: %w", d.Day, err)
	}
	var out []usage.Hour
	for name, generations := range d.Hours {
		clock, err := time.Parse("15", name)
		if err != nil {
			return nil, fmt.Errorf("usage of the hour %q: %w", name, err)
		}
		h := usage.Hour{LicenseID: d.LicenseID, At: day.Add(time.Duration(clock.Hour()) * time.Hour), Counts: usage.NewCounts()}
		if !q.matches(h) {
			continue
		}
		for _, counts := range generations {
			c, err := counts.counts()
			if err != nil {
				return nil, fmt.Errorf("usage of %s on %s: %w", d.LicenseID, d.Day, err)
			}
			h.Counts = h.Add(c)
		}
		out = append(out, h)
	}
	return out, nil
}

// byLicense sorts hours by license, and then by time.
func byLicense(hours []usage.Hour) []usage.Hour {
	slices.SortFunc(hours, func(a, b usage.Hour) int {
		return cmp.Or(cmp.Compare(a.LicenseID, b.LicenseID), a.At.Compare(b.At))
	})
	return hours
}

// usageName is the name of the document of a license's day.
func usageName(licenseID string, at time.Time) (string, error) {
	name := licenseID + "_" + at.UTC().Format(usageDay)
	if !validDocumentID(licenseID) || !validDocumentID(name) {
		return "", license.ErrLicenseNotFound
	}
	return name, nil
}

// UnreadableUsageError says which documents of usage cannot be read, so that nothing was
// filed there: a person broke them.
type UnreadableUsageError struct {
	// Documents are their names.
	Documents []string
	// Err is what is wrong with the first.
	Err error
}

func (e *UnreadableUsageError) Error() string {
	return fmt.Sprintf("%d documents of usage cannot be read: %v", len(e.Documents), e.Err)
}

func (e *UnreadableUsageError) Unwrap() error { return e.Err }

// Unfiled says whether a license's hour belongs to one of the documents.
func (e *UnreadableUsageError) Unfiled(licenseID string, at time.Time) bool {
	name, err := usageName(licenseID, at)
	return err == nil && slices.Contains(e.Documents, name)
}

// unreadable collects them.
type unreadable struct{ UnreadableUsageError }

func (u *unreadable) add(name string, err error) {
	u.Documents = append(u.Documents, name)
	u.Err = cmp.Or(u.Err, fmt.Errorf("usage record %s: %w", name, err))
}

// err is nil if there are none.
func (u *unreadable) err() error {
	if len(u.Documents) == 0 {
		return nil
	}
	return &u.UnreadableUsageError
}

// filings are those of one document.
type filings struct {
	name string
	of   []usage.Filing
}

// byDocument sorts filings by the documents that they belong to.
func byDocument(all []usage.Filing) ([]filings, error) {
	var out []filings
	place := map[string]int{}
	for _, f := range all {
		name, err := usageName(f.LicenseID, f.At)
		if err != nil {
			return nil, err
		}
		i, known := place[name]
		if !known {
			i = len(out)
			place[name], out = i, append(out, filings{name: name})
		}
		out[i].of = append(out[i].of, f)
	}
	return out, nil
}

// filed is the document with all of them, and whether that changes it.
func (f filings) filed(doc usageDoc) (after usageDoc, changed bool, err error) {
	after = doc
	for _, one := range f.of {
		if after, err = after.filed(one); err != nil {
			return doc, false, err
		}
	}
	return after, !reflect.DeepEqual(doc, after), nil
}

func (t tenant) usage() *firestore.CollectionRef { return t.organization.Collection(usageCollection) }

// FileUsage implements [Usages].
func (f *Firestore) FileUsage(ctx context.Context, caller license.Caller, all []usage.Filing) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	documents, err := byDocument(all)
	if err != nil {
		return err
	}
	var left unreadable
	for some := range slices.Chunk(documents, maxFiled) {
		var broken unreadable
		err := f.transact(ctx, func(tx *firestore.Transaction) (err error) {
			broken, err = t.file(tx, some)
			return err
		})
		if err != nil {
			return err
		}
		left.Documents, left.Err = append(left.Documents, broken.Documents...), cmp.Or(left.Err, broken.Err)
	}
	return left.err()
}

// file reads and writes the documents of some filings. Only what changes is written.
func (t tenant) file(tx *firestore.Transaction, documents []filings) (left unreadable, err error) {
	refs, licenses := t.filedIn(documents)
	found, err := tx.GetAll(slices.Concat(refs, licenses, []*firestore.DocumentRef{t.organization}))
	if err != nil || !keepsUsage(found[len(found)-1]) {
		return left, err
	}
	for i, d := range documents {
		before, after, changed, err := d.joined(found[i])
		if err != nil {
			left.add(d.name, err)
			continue
		}
		if !changed {
			continue
		}
		var events []told
		if t.events {
			after, events = tellDay(before, after, seatsIn(found[len(refs)+i]))
		}
		if err := errors.Join(tx.Set(refs[i], after), t.tell(tx, events...)); err != nil {
			return left, err
		}
	}
	return left, nil
}

// keepsUsage reports whether there is an organization that is not being purged. One that a
// person broke keeps it.
func keepsUsage(organization *firestore.DocumentSnapshot) bool {
	purge, err := organization.DataAt("purge")
	return organization.Exists() && (err != nil || purge == "")
}

// filedIn are the documents of usage, and where events are told those of their licenses,
// in the same order.
func (t tenant) filedIn(documents []filings) (refs, licenses []*firestore.DocumentRef) {
	for _, d := range documents {
		refs = append(refs, t.usage().Doc(d.name))
		if t.events {
			licenses = append(licenses, t.licenses().Doc(d.of[0].LicenseID))
		}
	}
	return refs, licenses
}

// seatsIn is how many seats a license has; none that is gone, or that a person broke.
func seatsIn(found *firestore.DocumentSnapshot) int {
	var doc licenseDoc
	if !found.Exists() || found.DataTo(&doc) != nil {
		return 0
	}
	return doc.MaxSeats
}

// joined is filed of the document that was found, or is not there yet.
func (f filings) joined(found *firestore.DocumentSnapshot) (before, after usageDoc, changed bool, err error) {
	if found.Exists() {
		if err := found.DataTo(&before); err != nil {
			return before, before, false, err
		}
	}
	after, changed, err = f.filed(before)
	return before, after, changed, err
}

// Usage implements [Administration]. The order by day is served by the built-in index,
// that by the name needs none.
func (f *Firestore) Usage(ctx context.Context, caller license.Caller, q UsageQuery) ([]usage.Hour, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	query, err := t.usageOf(q)
	if err != nil {
		return nil, err
	}
	if _, err := f.Organization(ctx, caller); err != nil || !q.From.Before(q.To) {
		return nil, err
	}
	snapshots, err := f.query(ctx, query)
	if err != nil {
		return nil, err
	}
	var out []usage.Hour
	for _, snapshot := range snapshots {
		var doc usageDoc
		if err := snapshot.DataTo(&doc); err != nil {
			return nil, fmt.Errorf("usage record %s: %w", snapshot.Ref.ID, err)
		}
		hours, err := doc.hours(q)
		if err != nil {
			return nil, err
		}
		out = append(out, hours...)
	}
	return byLicense(out), nil
}

func (t tenant) usageOf(q UsageQuery) (firestore.Query, error) {
	last := q.To.Add(-time.Nanosecond)
	if q.LicenseID == "" {
		return t.usage().Where("day", ">=", q.From.UTC().Format(usageDay)).Where("day", "<=", last.UTC().Format(usageDay)).
			OrderBy("day", firestore.Asc), nil
	}
	from, err := usageName(q.LicenseID, q.From)
	if err != nil {
		return firestore.Query{}, err
	}
	until, err := usageName(q.LicenseID, last)
	return t.usage().OrderBy(firestore.DocumentID, firestore.Asc).StartAt(from).EndAt(until), err
}
