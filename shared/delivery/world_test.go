package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// budget is more than any run takes.
const budget = time.Hour

// world is a record with events, a topic and a receiver, and a courier between them.
type world struct {
	store    *record.Memory
	topic    *topic
	receiver *receiver
	sender   *webhook.Sender
	key      webhook.Key
	onStep   func(context.Context, delivery.Step) error

	mu  sync.Mutex
	now time.Time
	n   int // sessions made
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		store: record.NewMemory().TellEvents(), topic: &topic{}, key: webhook.Key("a key for the secrets of all webhooks"),
		sender: webhook.NewSender(webhook.SenderOptions{Policy: webhook.Policy{Local: true}}), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
	w.receiver = newReceiver(t)
	t.Cleanup(w.sender.Close)
	w.sell(t, "acme")
	return w
}

func acme() license.Caller { return license.ServiceCaller("acme") }

func (w *world) act() record.Act { return record.Act{Actor: "eve@vendor.example", At: w.clock()} }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// sell makes an organization whose seats can be granted, with what that tells taken away.
func (w *world) sell(t *testing.T, id string) {
	t.Helper()
	c := license.ServiceCaller(id)
	must(t, w.store.PutOrganization(t.Context(), c, license.Organization{Name: id, Slug: id, Status: license.StatusActive}))
	_, err := w.store.OpenEpoch(t.Context(), c, "nonce")
	must(t, err)
}

func (w *world) hook(t *testing.T, id, url string) webhook.Webhook {
	t.Helper()
	made, err := w.store.CreateWebhook(t.Context(), acme(), w.act(), webhook.Webhook{ID: id, URL: url, Enabled: true})
	must(t, err)
	return made.Value
}

// grant records a session, which tells an event, and answers the event's subject.
func (w *world) grant(ctx context.Context, t *testing.T, c license.Caller) string {
	t.Helper()
	w.n++
	s := license.Session{
		ID: fmt.Sprintf("0199aaaa-0000-7000-8000-%012d", w.n), Holder: license.Holder{LicenseID: "pro", UserID: "u"}, AcquiredAt: w.clock(),
		Epoch: license.NewEpoch(1, "nonce"),
	}
	must(t, w.store.Create(ctx, c, s))
	return "sessions/" + s.ID
}

func (w *world) grants(ctx context.Context, t *testing.T, n int) (subjects []string) {
	t.Helper()
	for range n {
		subjects = append(subjects, w.grant(ctx, t, acme()))
	}
	return subjects
}

func (w *world) courier() *delivery.Courier {
	return delivery.New(delivery.Options{
		Store: w.store, Publisher: w.topic, Sender: w.sender, Key: w.key, Log: slog.New(slog.DiscardHandler), Now: w.clock,
		Jitter: func() float64 { return 0 }, OnStep: w.onStep,
	})
}

func (w *world) run(t *testing.T) delivery.Report {
	t.Helper()
	report, err := w.courier().Run(t.Context(), budget)
	must(t, err)
	return report
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// topic is where events are published.
type topic struct {
	mu       sync.Mutex
	subjects map[string][]string // by organization
	fails    func(organizationID string) error
}

// Publish implements [delivery.Publisher].
func (p *topic) Publish(_ context.Context, organizationID string, events []event.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		if err := p.fails(organizationID); err != nil {
			return err
		}
	}
	if p.subjects == nil {
		p.subjects = map[string][]string{}
	}
	for _, e := range events {
		p.subjects[organizationID] = append(p.subjects[organizationID], e.Subject)
	}
	return nil
}

// receiver takes events.
type receiver struct {
	url string

	mu     sync.Mutex
	status int // what it answers
	all    []request
}

// request is what it was sent, and what it answered.
type request struct {
	id, subject string
	header      http.Header
	body        []byte
	status      int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP implements [http.Handler].
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	var e struct {
		ID      string `json:"id"`
		Subject string `json:"subject"`
	}
	_ = json.Unmarshal(body, &e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, request{e.ID, e.Subject, q.Header, body, r.status})
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// taken are the subjects of the events that it took, in the order in which it first did.
func (r *receiver) taken() (subjects []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.all {
		if q.status < 300 && !slices.Contains(subjects, q.subject) {
			subjects = append(subjects, q.subject)
		}
	}
	return subjects
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

func wantSubjects(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// distinct are subjects without repeats, in the order of the first.
func distinct(all []string) (once []string) {
	for _, s := range all {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}
