package record

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func drawDoc(t *rapid.T, label string) sessionDoc {
	text := rapid.SampledFrom([]string{"", "a", "b"})
	at := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "empty") {
			return time.Time{}
		}
		return recordTime(time.UnixMilli(rapid.Int64Range(1, 9).Draw(t, "ms")))
	})
	return rapid.Custom(func(t *rapid.T) sessionDoc {
		return sessionDoc{
			Status: text.Draw(t, "status"), EndedReason: text.Draw(t, "reason"), LicenseID: text.Draw(t, "license"),
			UserID: text.Draw(t, "user"), HardwareID: text.Draw(t, "hardware"), InstanceID: text.Draw(t, "instance"),
			Client:     clientDoc{Name: text.Draw(t, "name"), Version: text.Draw(t, "version"), Hostname: text.Draw(t, "host")},
			AcquiredAt: at.Draw(t, "acquired"), LastHeartbeatAt: at.Draw(t, "heartbeat"), ExpiresAt: at.Draw(t, "expires"),
			EndedAt: at.Draw(t, "ended"), PurgeAt: at.Draw(t, "purge"), Epoch: rapid.Int64Range(0, 2).Draw(t, "epoch"),
		}
	}).Draw(t, label)
}

// TestMergesAgree: what Memory does to values (over) is what Firestore does to
// documents when it merges the fields.
func TestMergesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, end := drawDoc(t, "old"), drawDoc(t, "end")
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
			t.Fatalf("over gives %v, merged fields %v", got, merged)
		}
	})
}

// TestFieldsNameEveryField: a field added to the document but not to fields
// would silently never be written.
func TestFieldsNameEveryField(t *testing.T) {
	at := time.Unix(1, 0)
	full := sessionToDoc(license.Session{
		Holder:     license.Holder{LicenseID: "l", UserID: "u", HardwareID: "h", InstanceID: "i"},
		Client:     license.Client{Name: "n", Version: "v", Hostname: "h"},
		AcquiredAt: at, LastHeartbeatAt: at, ExpiresAt: at,
		Status: license.SessionEnded, EndedAt: at, EndedReason: license.EndExpired, Epoch: 1,
	})
	fields := full.fields()
	for doc, written := range map[reflect.Type]map[string]any{
		reflect.TypeFor[sessionDoc](): fields,
		reflect.TypeFor[clientDoc]():  fields["client"].(map[string]any),
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
