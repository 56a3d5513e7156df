package delivery_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// TestDelivered: published, and sent signed, each once and in order.
func TestDelivered(t *testing.T) {
	w := newWorld(t)
	hook := w.hook(t, "crm", w.receiver.url)
	want := w.grants(t.Context(), t, 3*record.MaxTaken/2)
	report := w.run(t)
	if report.Taken != len(want) || report.Delivered != len(want) || report.More || report.Errors != 0 {
		t.Errorf("%+v", report)
	}
	wantSubjects(t, "received", w.receiver.taken(), want)
	wantSubjects(t, "published", w.topic.subjects["acme"], want)
	if w.receiver.requests() != len(want) {
		t.Errorf("%d requests for %d events", w.receiver.requests(), len(want))
	}
	for _, q := range w.receiver.all {
		again := http.Header{}
		webhook.Sign(again, q.id, w.clock(), q.body, w.key.Secret("acme", hook.Queue, 1))
		if q.header.Get(webhook.HeaderSignature) != again.Get(webhook.HeaderSignature) || q.header.Get("Content-Type") != event.ContentType || q.header.Get(webhook.HeaderID) != q.id {
			t.Fatalf("%v", q.header)
		}
	}
	if again := w.run(t); again != (delivery.Report{}) {
		t.Errorf("a run with nothing to do: %+v", again)
	}
}

// TestAReceiverIsDownForAnHour: nothing is lost and the order is kept, while seats are
// granted all the time.
func TestAReceiverIsDownForAnHour(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	other := newReceiver(t)
	w.hook(t, "billing", other.url)
	w.receiver.answer(http.StatusServiceUnavailable)
	var want []string
	for minute := range 240 {
		if minute == 60 {
			w.receiver.answer(http.StatusOK)
		}
		want = append(want, w.grant(t.Context(), t, acme()))
		w.run(t)
		w.advance(time.Minute)
	}
	wantSubjects(t, "received", w.receiver.taken(), want)
	wantSubjects(t, "received by one that was up", other.taken(), want)
	if n := w.receiver.requests(); n > len(want)+10 {
		t.Errorf("%d requests for %d events", n, len(want))
	}
}

// errDied ends a run where a process would die.
var errDied = errors.New("died")

// steps are all of them.
func steps() []delivery.Step {
	return []delivery.Step{
		delivery.StepRead, delivery.StepPublished, delivery.StepTaken, delivery.StepClaimed, delivery.StepSent, delivery.StepNoted,
	}
}

// TestARunDies at each step, for the first or a later time: the next ones go on, so that
// everything is told, and in order.
func TestARunDies(t *testing.T) {
	for _, step := range steps() {
		for nth := int64(1); nth <= 3; nth++ {
			if step == delivery.StepClaimed && nth > 1 {
				continue // a run claims a queue once
			}
			w := newWorld(t)
			w.hook(t, "crm", w.receiver.url)
			want := w.grants(t.Context(), t, 2*record.MaxTaken+5)
			var dead atomic.Bool
			var met atomic.Int64
			w.onStep = func(_ context.Context, s delivery.Step) error {
				if s == step && met.Add(1) == nth {
					dead.Store(true)
				}
				if dead.Load() {
					return errDied
				}
				return nil
			}
			report := w.run(t)
			if !dead.Load() || !errors.Is(report.FirstErr, errDied) || !report.More {
				t.Fatalf("%s, %d: did not die: %+v", step, nth, report)
			}
			w.onStep = nil
			want = append(want, w.grants(t.Context(), t, 3)...)
			for range 3 {
				w.advance(3 * time.Minute) // the claim of the dead is over
				w.run(t)
			}
			wantSubjects(t, string(step)+": received", w.receiver.taken(), want)
			wantSubjects(t, string(step)+": published", distinct(w.topic.subjects["acme"]), want)
			if step != delivery.StepSent && w.receiver.requests() != len(want) {
				t.Errorf("%s, %d: %d requests for %d events", step, nth, w.receiver.requests(), len(want))
			}
		}
	}
}

// TestRunsAtOnce deliver as one does, with repeats.
func TestRunsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	want := w.grants(t.Context(), t, 2*record.MaxTaken)
	var runs sync.WaitGroup
	for range 4 {
		runs.Go(func() {
			if _, err := w.courier().Run(t.Context(), budget); err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	w.advance(3 * time.Minute)
	w.run(t)
	wantSubjects(t, "received", w.receiver.taken(), want)
	wantSubjects(t, "published", distinct(w.topic.subjects["acme"]), want)
	if w.receiver.requests() != len(want) {
		t.Errorf("%d requests for %d events: a queue was two runs' at once", w.receiver.requests(), len(want))
	}
}

// deliveries are those of a webhook in a state.
func (w *world) deliveries(t *testing.T, id string, state record.DeliveryState) []record.Delivery {
	t.Helper()
	all, err := w.store.Deliveries(t.Context(), acme(), id, state, "", 1000)
	must(t, err)
	return all
}

// TestDeadLetters: what was tried for three days is given up, so that what came later has
// its turn; on request it is sent all the same.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.receiver.answer(http.StatusInternalServerError)
	old := w.grants(t.Context(), t, 3)
	w.run(t)
	w.advance(2 * 24 * time.Hour)
	young := w.grants(t.Context(), t, 2)
	for range 48 {
		w.run(t)
		w.advance(time.Hour)
	}
	dead := w.deliveries(t, "crm", record.DeliveryDead)
	if len(dead) != 3 || dead[0].Subject != old[0] || dead[0].LastStatus != http.StatusInternalServerError {
		t.Fatalf("%+v", dead)
	}
	w.receiver.answer(http.StatusOK)
	w.advance(12 * time.Hour)
	w.run(t)
	wantSubjects(t, "received", w.receiver.taken(), young)
	must(t, w.store.RetryDelivery(t.Context(), acme(), w.act(), "crm", dead[1].ID))
	w.run(t)
	wantSubjects(t, "received on request", w.receiver.taken(), append(young, old[1]))
}

// TestAPoisonedEvent holds up those behind it for three days, and no longer.
func TestAPoisonedEvent(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.receiver.answer(http.StatusBadRequest)
	w.grants(t.Context(), t, 1)
	for range 80 {
		w.run(t)
		w.advance(time.Hour)
	}
	w.receiver.answer(http.StatusOK)
	next := w.grants(t.Context(), t, 1)
	w.advance(12 * time.Hour)
	w.run(t)
	wantSubjects(t, "received", w.receiver.taken(), next)
}

// TestAReceiverThatIsGone ends its webhook, with an entry in the audit; enabled again it
// is sent what waits.
func TestAReceiverThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.receiver.answer(http.StatusGone)
	want := w.grants(t.Context(), t, 2)
	w.run(t)
	hook, err := w.store.Webhook(t.Context(), acme(), "crm")
	must(t, err)
	if hook.Value.Enabled || hook.Value.Disabled != webhook.DisabledGone || w.receiver.requests() != 1 {
		t.Errorf("%+v after %d requests", hook, w.receiver.requests())
	}
	audit, err := w.store.Audit(t.Context(), acme(), record.Span{}, "", 9)
	must(t, err)
	if !slices.ContainsFunc(audit, func(e record.Entry) bool { return e.Actor == "deliver" && e.Action == record.WebhookChanged }) {
		t.Errorf("%+v", audit)
	}
	w.grant(t.Context(), t, acme()) // is not kept for it
	w.advance(100 * time.Hour)
	w.run(t)
	w.receiver.answer(http.StatusOK)
	_, err = w.store.ChangeWebhook(t.Context(), acme(), w.act(), "crm", hook.Revision, func(h *webhook.Webhook) error { h.Enabled = true; return nil })
	must(t, err)
	w.run(t)
	wantSubjects(t, "received", w.receiver.taken(), want)
}

// TestADeletedWebhook is sent nothing more, and costs nothing more.
func TestADeletedWebhook(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.receiver.answer(http.StatusBadGateway)
	w.grants(t.Context(), t, 2)
	w.run(t)
	hook, err := w.store.Webhook(t.Context(), acme(), "crm")
	must(t, err)
	must(t, w.store.DeleteWebhook(t.Context(), acme(), w.act(), "crm", hook.Revision))
	w.advance(time.Hour)
	w.receiver.answer(http.StatusOK)
	w.hook(t, "crm", w.receiver.url)
	if report := w.run(t); report.Delivered != 0 || report.Errors != 0 {
		t.Errorf("%+v", report)
	}
	wantSubjects(t, "received", w.receiver.taken(), nil)
}

// TestARotation: for a day the receiver may verify with either secret.
func TestARotation(t *testing.T) {
	w := newWorld(t)
	hook := w.hook(t, "crm", w.receiver.url)
	now, err := w.store.Webhook(t.Context(), acme(), "crm")
	must(t, err)
	_, err = w.store.ChangeWebhook(t.Context(), acme(), w.act(), "crm", now.Revision, func(h *webhook.Webhook) error {
		h.Generation, h.RotatedAt = 2, w.clock()
		return nil
	})
	must(t, err)
	for _, signatures := range []int{2, 1} {
		w.grants(t.Context(), t, 1)
		w.run(t)
		last := w.receiver.all[len(w.receiver.all)-1]
		got := strings.Fields(last.header.Get(webhook.HeaderSignature))
		again := http.Header{}
		webhook.Sign(again, last.id, w.clock(), last.body, w.key.Secret("acme", hook.Queue, 2), w.key.Secret("acme", hook.Queue, 1))
		if want := strings.Fields(again.Get(webhook.HeaderSignature))[:signatures]; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		w.advance(webhook.Overlap)
	}
}

// TestOnesTroubleIsNobodyElses: an organization whose events cannot be published keeps
// them, and the others are told.
func TestOnesTroubleIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.sell(t, "globex")
	theirs := w.grant(t.Context(), t, license.ServiceCaller("globex"))
	want := w.grants(t.Context(), t, 2)
	refused := errors.New("no such topic")
	w.topic.fails = func(id string) error {
		if id == "globex" {
			return refused
		}
		return nil
	}
	report := w.run(t)
	if !errors.Is(report.FirstErr, refused) || report.FirstFailed != "globex" || !report.More || report.Errors != 1 {
		t.Errorf("%+v", report)
	}
	wantSubjects(t, "received", w.receiver.taken(), want)
	w.topic.fails = nil
	w.run(t)
	wantSubjects(t, "published later", w.topic.subjects["globex"], []string{theirs})
}

// TestARunOutOfTime begins nothing, and says that there is more.
func TestARunOutOfTime(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	w.grants(t.Context(), t, 1)
	report, err := w.courier().Run(t.Context(), 0)
	must(t, err)
	if !report.More || report.Taken != 0 || w.receiver.requests() != 0 {
		t.Errorf("%+v", report)
	}
}

// TestWithoutATopic events go to webhooks alone.
func TestWithoutATopic(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	want := w.grants(t.Context(), t, 2)
	c := w.courier()
	c.Publisher = nil
	_, err := c.Run(t.Context(), budget)
	must(t, err)
	wantSubjects(t, "received", w.receiver.taken(), want)
}

// TestARecordThatIsAway fails the run.
func TestARecordThatIsAway(t *testing.T) {
	w := newWorld(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.courier().Run(over, budget); err == nil {
		t.Error("a run without a record succeeds")
	}
}
