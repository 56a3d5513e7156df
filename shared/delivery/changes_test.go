package delivery_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// meanwhile does something once, when a run has sent its first delivery and not noted it.
func (w *world) meanwhile(do func(context.Context)) {
	w.onStep = func(ctx context.Context, s delivery.Step) error {
		if s == delivery.StepSent && do != nil {
			something := do
			do = nil
			something(ctx)
		}
		return nil
	}
}

// change changes the webhook crm.
func (w *world) change(ctx context.Context, t *testing.T, change func(*webhook.Webhook)) {
	t.Helper()
	now, err := w.store.Webhook(ctx, acme(), "crm")
	must(t, err)
	_, err = w.store.ChangeWebhook(ctx, acme(), w.act(), "crm", now.Revision, func(h *webhook.Webhook) error { change(h); return nil })
	must(t, err)
}

// TestAWebhookIsChangedWhileItIsSentTo: what was read is sent as it was to be, and
// no more: a page at most.
func TestAWebhookIsChangedWhileItIsSentTo(t *testing.T) {
	const page = 20
	t.Run("disabled", func(t *testing.T) {
		w := newWorld(t)
		w.hook(t, "crm", w.receiver.url)
		w.grants(t.Context(), t, 3*page)
		w.meanwhile(func(ctx context.Context) { w.change(ctx, t, func(h *webhook.Webhook) { h.Enabled = false }) })
		w.run(t)
		if n := w.receiver.requests(); n > page {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		w := newWorld(t)
		w.hook(t, "crm", w.receiver.url)
		w.grants(t.Context(), t, 3*page)
		w.meanwhile(func(ctx context.Context) {
			now, err := w.store.Webhook(ctx, acme(), "crm")
			must(t, err)
			must(t, w.store.DeleteWebhook(ctx, acme(), w.act(), "crm", now.Revision))
		})
		w.run(t)
		if n := w.receiver.requests(); n > page {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("led elsewhere", func(t *testing.T) {
		w, other := newWorld(t), newReceiver(t)
		w.hook(t, "crm", w.receiver.url)
		want := w.grants(t.Context(), t, 3*page)
		w.meanwhile(func(ctx context.Context) { w.change(ctx, t, func(h *webhook.Webhook) { h.URL = other.url }) })
		w.run(t)
		wantSubjects(t, "received before", w.receiver.taken(), want[:page])
		wantSubjects(t, "received elsewhere", other.taken(), want[page:])
	})
}

// TestWhatIsWantedMeanwhileStaysDue: an owner who mends the webhook while an attempt is
// under way does not wait for what that attempt's failure puts off.
func TestWhatIsWantedMeanwhileStaysDue(t *testing.T) {
	for name, status := range map[string]int{"in vain": http.StatusInternalServerError, "gone": http.StatusGone} {
		t.Run(name, func(t *testing.T) {
			w, mended := newWorld(t), newReceiver(t)
			w.hook(t, "crm", w.receiver.url)
			want := w.grants(t.Context(), t, 2)
			w.receiver.answer(status)
			w.meanwhile(func(ctx context.Context) {
				w.change(ctx, t, func(h *webhook.Webhook) { h.URL, h.Enabled = mended.url, true })
			})
			w.run(t)
			w.run(t)
			wantSubjects(t, "received", mended.taken(), want)
		})
	}
}

// TestHalfOfARunIsForReceivers: an outbox that is never empty does not keep what left it
// from being sent.
func TestHalfOfARunIsForReceivers(t *testing.T) {
	w := newWorld(t)
	w.hook(t, "crm", w.receiver.url)
	want := w.grants(t.Context(), t, record.MaxTaken+1)
	w.onStep = func(ctx context.Context, s delivery.Step) error {
		if s == delivery.StepTaken {
			w.advance(10 * time.Second)
			w.grants(ctx, t, record.MaxTaken+1)
		}
		return nil
	}
	report, err := w.courier().Run(t.Context(), 2*time.Minute)
	must(t, err)
	if got := w.receiver.taken(); !report.More || report.Taken < 2 || len(got) != report.Taken || got[0] != want[0] {
		t.Errorf("%+v, received %d", report, len(got))
	}
}
