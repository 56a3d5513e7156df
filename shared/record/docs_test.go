package record

import (
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// anyDoc draws each field from few values, the empty one among them, so that
// two documents often have a field in common.
func anyDoc(r *rand.Rand) sessionDoc {
	text := func() string { return []string{"", "a", "b"}[r.IntN(3)] }
	at := func() time.Time {
		if r.IntN(2) == 0 {
			return time.Time{}
		}
		return recordTime(time.UnixMilli(1 + r.Int64N(9)))
	}
	return sessionDoc{
		Status: text(), EndedReason: text(), LicenseID: text(), UserID: text(), HardwareID: text(), InstanceID: text(),
		Client:     clientDoc{Name: text(), Version: text(), Hostname: text(), Project: text()},
		AcquiredAt: at(), LastHeartbeatAt: at(), ExpiresAt: at(), EndedAt: at(), PurgeAt: at(), TokenEnds: text(), Epoch: r.Int64N(3),
		Part: text(), Revocation: revocationDoc{By: text(), At: at(), Entry: text()},
	}
}

// TestMergesAgree: what Memory does to values (over) is what Firestore does to
// documents when it merges the fields. In 2,000 pairs every field meets every
// pair of its values many times over.
func TestMergesAgree(t *testing.T) {
	seed := rand.Uint64()
	draw := rand.New(rand.NewPCG(seed, 0))
	for range 2_000 {
		old, end := anyDoc(draw), anyDoc(draw)
		merged := old.fields()
		for name, value := range end.fields() {
			client, ok := value.(map[string]any)
			if before, both := merged[name].(map[string]any); ok && both {
				maps.Copy(before, client)
				continue
			}
			merged[name] = value
		}
		if got := end.over(old).fields(); !reflect.DeepEqual(got, merged) {
			t.Fatalf("seed %d: %+v over %+v gives %v, merged fields %v", seed, end, old, got, merged)
		}
	}
}

// TestFieldsNameEveryField: a field added to the document but not to fields
// would silently never be written.
func TestFieldsNameEveryField(t *testing.T) {
	at := time.Unix(1, 0)
	full := sessionToDoc(license.Session{
		ID: "s-1", TokenEnds: at.Add(time.Minute),
		Holder:     license.Holder{LicenseID: "l", UserID: "u", HardwareID: "h", InstanceID: "i"},
		Client:     license.Client{Name: "n", Version: "v", Hostname: "h", Project: "p"},
		AcquiredAt: at, LastHeartbeatAt: at, ExpiresAt: at,
		Status: license.SessionEnded, EndedAt: at, EndedReason: license.EndExpired, Epoch: license.Epoch{Number: 1},
	})
	full.Revocation = revocationDoc{By: "eve@vendor.example", At: at, Entry: "e"}
	fields := full.fields()
	for doc, written := range map[reflect.Type]map[string]any{
		reflect.TypeFor[sessionDoc]():    fields,
		reflect.TypeFor[clientDoc]():     fields["client"].(map[string]any),
		reflect.TypeFor[revocationDoc](): fields["revocation"].(map[string]any),
	} {
		for i := range doc.NumField() {
			name := doc.Field(i).Tag.Get("firestore")
			if _, ok := written[name]; !ok {
				t.Errorf("%s: field %q is never written", doc, name)
			}
		}
		if len(written) != doc.NumField() {
			t.Errorf("%s: %d fields written, %d read", doc, len(written), doc.NumField())
		}
	}
	if empty := (sessionDoc{}).fields(); len(empty) != 0 {
		t.Errorf("an empty document writes %v", empty)
	}
}

func TestValidDocumentID(t *testing.T) {
	for id, want := range map[string]bool{
		"acme": true, "0199aaaa-0000-7000-8000-000000000001": true, "...": true, "a.b": true, "__x": true, "x__": true,
		"_": true, "___": true, "é": true, strings.Repeat("a", maxDocumentID): true,
		"": false, ".": false, "..": false, "/": false, "a/b": false, "__x__": false, "____": false,
		"\xff": false, strings.Repeat("a", maxDocumentID+1): false,
	} {
		if got := validDocumentID(id); got != want {
			t.Errorf("validDocumentID(%.20q) = %v", id, got)
		}
	}
}

// TestGraceIsWithinBounds, whatever somebody wrote into the document.
func TestGraceIsWithinBounds(t *testing.T) {
	for seconds, want := range map[int64]time.Duration{
		0: 0, 1: time.Second, -1: 0, math.MinInt64: 0, 31_622_400: license.MaxGrace, 31_622_401: license.MaxGrace, math.MaxInt64: license.MaxGrace,
	} {
		if got := (licenseDoc{GraceSeconds: seconds}).license("acme", "pro").Grace; got != want {
			t.Errorf("%d seconds are read as %s, want %s", seconds, got, want)
		}
	}
}

func TestRecordTime(t *testing.T) {
	zone := time.FixedZone("east", 3600)
	for name, test := range map[string]struct{ in, want time.Time }{
		"zero":         {time.Time{}, time.Time{}},
		"zero, zoned":  {time.Time{}.In(zone), time.Time{}},
		"nanoseconds":  {time.Unix(1, 1_999), time.Unix(1, 1_000).UTC()},
		"zone dropped": {time.Unix(1, 0).In(zone), time.Unix(1, 0).UTC()},
	} {
		if got := recordTime(test.in); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
