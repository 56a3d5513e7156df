package record_test

import (
	"context"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

func TestMemoryKeepsTheContractOfTheOutbox(t *testing.T) {
	recordtest.RunOutbox(t, func(*testing.T) recordtest.Telling { return record.NewMemory().TellEvents() })
}

func TestFirestoreKeepsTheContractOfTheOutbox(t *testing.T) {
	recordtest.RunOutbox(t, func(t *testing.T) recordtest.Telling { return telling(t, freshProject()) })
}

// telling is the record in a project of the emulator, with events switched on.
func telling(t *testing.T, project string) *record.Firestore {
	t.Helper()
	client, err := record.Dial(t.Context(), record.Target{Emulator: servers.Firestore(t), ProjectID: project})
	must(t, err)
	closeAfter(t, client)
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute, Events: true})
}

// TestWithoutEventsNothingIsTold: the record of a deployment that has not switched them
// on is what it was.
func TestWithoutEventsNothingIsTold(t *testing.T) {
	for name, r := range map[string]recordtest.Telling{"memory": record.NewMemory(), "firestore": emulated(t)} {
		open(t, r)
		must(t, r.Create(t.Context(), acme(), grant()))
		must(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}))
		must(t, errorOf(r.CreateOrganization(t.Context(), acme(), act(""), organization())))
		must(t, r.FileUsage(t.Context(), acme(), used(1, 1)))
		if page, err := r.Events(t.Context(), acme(), 9); err != nil || len(page.Events) != 0 {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
	}
}

// TestUnreadableEvents are in nobody's way.
func TestUnreadableEvents(t *testing.T) {
	project := freshProject()
	r := telling(t, project)
	client, err := record.Dial(t.Context(), record.Target{Emulator: servers.Firestore(t), ProjectID: project})
	must(t, err)
	closeAfter(t, client)
	open(t, r)
	must(t, r.Create(t.Context(), acme(), grant()))
	at := time.Now()
	for id, fields := range map[string]map[string]any{
		"a1": {"type": "seat.granted", "data": "{", "recorded_at": at, "seq": 0, "part": "a"},
		"a2": {"type": 7, "data": "{}", "recorded_at": at, "seq": 0, "part": "a"},
		"a3": {"type": "seat.lost", "data": "{}", "recorded_at": at, "seq": 0, "part": "a"},
	} {
		must(t, errorOf(client.Doc("orgs/acme/events/"+id).Set(t.Context(), fields)))
	}
	page, err := r.Events(t.Context(), acme(), 9)
	must(t, err)
	if len(page.Events) != 1 || len(page.Unreadable) != 3 {
		t.Errorf("%+v", page)
	}
}

// TestABrokenQueue does not keep the others from being sent.
func TestABrokenQueue(t *testing.T) {
	project := freshProject()
	r := telling(t, project)
	client, err := record.Dial(t.Context(), record.Target{Emulator: servers.Firestore(t), ProjectID: project})
	must(t, err)
	closeAfter(t, client)
	for id, failures := range map[string]any{"q-1": "three", "q-2": 3} {
		must(t, errorOf(client.Doc("orgs/acme/queues/"+id).Set(t.Context(), map[string]any{"webhook_id": "crm", "due_at": at(), "failures": failures})))
	}
	due, err := r.DueQueues(t.Context(), at(), 9)
	must(t, err)
	if len(due) != 1 || due[0].ID != "q-2" {
		t.Errorf("%+v", due)
	}
}

// TestBudgetOfEvents: an event is one more write of the same transaction, and nothing else.
func TestBudgetOfEvents(t *testing.T) {
	r, w := wiredWith(t, record.FirestoreOptions{Deadline: time.Minute, Events: true})
	must(t, r.PutOrganization(t.Context(), acme(), license.Organization{ID: "acme"}))
	open(t, r)
	w.spent()
	for _, step := range []cost{
		{"create", func(ctx context.Context) error { return r.Create(ctx, acme(), grant()) }, transaction(), 1, 2},
		{"end", func(ctx context.Context) error { return r.End(ctx, acme(), first(), []record.End{endOf(grant())}) }, transaction(), 2, 2},
		{"end again", func(ctx context.Context) error { return r.End(ctx, acme(), first(), []record.End{endOf(grant())}) }, transaction(), 2, 0},
		{"usage", func(ctx context.Context) error { return r.FileUsage(ctx, acme(), used(1, 1)) }, transaction(), 3, 1},
	} {
		must(t, step.call(t.Context()))
		wantCost(t, w, step)
	}
}
