package topic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(m)) }

// emulator is how clients reach it.
func emulator(t *testing.T) []option.ClientOption {
	t.Helper()
	return []option.ClientOption{
		option.WithEndpoint(servers.PubSub(t)), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// subscribed makes a topic with a subscription that is told in order.
func subscribed(t *testing.T) (name string, pull func(n int) []*pubsubpb.PubsubMessage) {
	t.Helper()
	project := "projects/t-" + uuid.NewString()
	name = project + "/topics/events"
	topics, err := pubsub.NewTopicAdminClient(t.Context(), emulator(t)...)
	must(t, err)
	t.Cleanup(func() { _ = topics.Close() })
	_, err = topics.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name})
	must(t, err)
	subscriptions, err := pubsub.NewSubscriptionAdminClient(t.Context(), emulator(t)...)
	must(t, err)
	t.Cleanup(func() { _ = subscriptions.Close() })
	s, err := subscriptions.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: project + "/subscriptions/all", Topic: name, EnableMessageOrdering: true,
	})
	must(t, err)
	return name, func(n int) (all []*pubsubpb.PubsubMessage) {
		for len(all) < n {
			got, err := subscriptions.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: s.GetName(), MaxMessages: 100})
			must(t, err)
			var ids []string
			for _, m := range got.GetReceivedMessages() {
				all, ids = append(all, m.GetMessage()), append(ids, m.GetAckId())
			}
			if len(ids) > 0 {
				must(t, subscriptions.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: s.GetName(), AckIds: ids}))
			}
		}
		return all
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func events(org string, n int) (all []event.Event) {
	for i := range n {
		all = append(all, event.Event{
			ID: event.NewID(event.SeatGranted, fmt.Sprint(i)), OrganizationID: org, Type: event.SeatGranted, Subject: fmt.Sprintf("sessions/%d", i),
			Data: json.RawMessage("{}"), RecordedAt: time.Date(2026, 11, 23, 12, 0, i, 0, time.UTC),
		})
	}
	return all
}

// TestPublish: whole, in order by organization, with what a subscription filters by.
func TestPublish(t *testing.T) {
	name, pull := subscribed(t)
	p, err := topic.Dial(t.Context(), name, time.Minute, emulator(t)...)
	must(t, err)
	defer func() { must(t, p.Close()) }()
	const n = 20
	for _, org := range []string{"acme", "globex"} {
		all := events(org, n)
		must(t, p.Publish(t.Context(), org, all[:n/2]))
		must(t, p.Publish(t.Context(), org, all[n/2:]))
	}
	next := map[string]int{}
	for _, m := range pull(2 * n) {
		org := m.GetOrderingKey()
		e := events(org, n)[next[org]]
		want, err := e.Encode()
		must(t, err)
		if a := m.GetAttributes(); !bytes.Equal(m.GetData(), want) || a["organization_id"] != org || a["type"] != "seat.granted" || a["content-type"] != event.ContentType {
			t.Errorf("%s, %v: want %s", m.GetData(), a, want)
		}
		next[org]++
	}
	if next["acme"] != n || next["globex"] != n {
		t.Errorf("%v", next)
	}
}

// TestATopicThatIsNotThere is an error, as is a time that is over.
func TestATopicThatIsNotThere(t *testing.T) {
	p, err := topic.Dial(t.Context(), "projects/t-"+uuid.NewString()+"/topics/none", time.Minute, emulator(t)...)
	must(t, err)
	defer func() { must(t, p.Close()) }()
	if p.Publish(t.Context(), "acme", events("acme", 1)) == nil {
		t.Error("published to no topic")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if p.Publish(over, "acme", events("acme", 1)) == nil {
		t.Error("published when the time was over")
	}
	broken := events("acme", 1)
	broken[0].Data = json.RawMessage("{")
	if p.Publish(t.Context(), "acme", broken) == nil {
		t.Error("published what is no event")
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"projects/acme-licenses/topics/events": true, "projects/example.com:acme/topics/e-1": true, "events": false, "projects/acme/topics/": false,
		"projects/acme/topics/1st": false, "projects/acme/topics/a/b": false, "projects/acme/subscriptions/events": false, "": false,
	} {
		if got := topic.CheckName(name) == nil; got != ok {
			t.Errorf("%q: %t", name, got)
		}
	}
}
