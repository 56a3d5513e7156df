package event_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
)

func granted() event.Event {
	return event.Event{
		ID: event.NewID(event.SeatGranted, "s-1"), OrganizationID: "acme", Type: event.SeatGranted, Subject: "sessions/s-1",
		Time: time.Date(2026, 11, 23, 12, 0, 0, 5_000_000, time.UTC), Data: json.RawMessage(`{"session_id":"s-1"}`),
		RecordedAt: time.Date(2026, 11, 23, 12, 0, 1, 0, time.UTC), Seq: 2,
	}
}

// TestEncode: the attributes are those of CloudEvents 1.0. The proof has its official
// library read them too.
func TestEncode(t *testing.T) {
	got, err := granted().Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"` + granted().ID + `","source":"//licenses.coditect.ai/organizations/acme",` +
		`"type":"seat.granted","subject":"sessions/s-1","time":"2026-11-23T12:00:00.005Z","datacontenttype":"application/json",` +
		`"sequence":"1795435201000000-2","data":{"session_id":"s-1"}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestWithoutTimeAndData: of what has no time of its own, the record's counts.
func TestWithoutTimeAndData(t *testing.T) {
	e := granted()
	e.Time, e.Data = time.Time{}, nil
	body, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Time time.Time       `json:"time"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &got); err != nil || !got.Time.Equal(e.RecordedAt) || string(got.Data) != "{}" {
		t.Errorf("%s: %v", body, err)
	}
}

func TestBrokenDataIsAnError(t *testing.T) {
	e := granted()
	e.Data = json.RawMessage("{")
	if body, err := e.Encode(); err == nil {
		t.Errorf("%s", body)
	}
}

// TestOrder: names sort as events do.
func TestOrder(t *testing.T) {
	at := granted().RecordedAt
	all := []event.Event{
		{ID: "b", RecordedAt: at},
		{ID: "c", RecordedAt: at},
		{ID: "a", RecordedAt: at, Seq: 1},
		{ID: "a", RecordedAt: at.Add(time.Microsecond)},
		{ID: "a", RecordedAt: at.Add(time.Hour)},
	}
	if !slices.IsSortedFunc(all, event.Compare) {
		t.Error("events are not in their order")
	}
	if !slices.IsSortedFunc(all, func(a, b event.Event) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	}) {
		t.Error("names are not in the order of events")
	}
}

// TestIDs: facts are told apart, wherever one ends and the next begins.
func TestIDs(t *testing.T) {
	ids := []string{
		event.NewID(event.SeatGranted, "a", "b"), event.NewID(event.SeatGranted, "ab"), event.NewID(event.SeatReleased, "a", "b"),
		event.NewID(event.SeatGranted, "a", "b", ""),
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 4 {
		t.Errorf("%q", ids)
	}
	if first := event.NewID(event.SeatGranted, "a"); first != event.NewID(event.SeatGranted, "a") {
		t.Errorf("a repeat of %s has another id", first)
	}
}

func TestTypes(t *testing.T) {
	all := event.Types()
	if !slices.IsSorted(all) || len(slices.Compact(all)) != 10 || !event.Known(event.Pool90) || event.Known("seat.waiting") {
		t.Errorf("%q", all)
	}
}
