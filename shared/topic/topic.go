// Package topic publishes events to a topic of Pub/Sub, by Google's own client.
package topic

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/shared/event"
)

// Attributes of a message, by which subscriptions can filter.
const (
	AttributeContentType  = "content-type"
	AttributeOrganization = "organization_id"
	AttributeType         = "type"
)

var name = regexp.MustCompile(`^projects/[a-z0-9:.-]{4,}/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`)

// CheckName reports what is wrong with the name of a topic, reading on from its variable.
func CheckName(topic string) error {
	if !name.MatchString(topic) {
		return errors.New("is no topic's name: set it to projects/P/topics/T")
	}
	return nil
}

// Publisher publishes to one topic. It is safe for concurrent use. It holds no message
// back: what it is given is one request, so that nothing is left to do when a function
// has answered.
type Publisher struct {
	client   *pubsub.TopicAdminClient
	topic    string
	deadline time.Duration
}

// Dial makes a publisher, which connects at its first call. deadline bounds each call
// with its repeats. Close it.
func Dial(ctx context.Context, topic string, deadline time.Duration, options ...option.ClientOption) (*Publisher, error) {
	client, err := pubsub.NewTopicAdminClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("pubsub client: %w", err)
	}
	return &Publisher{client: client, topic: topic, deadline: deadline}, nil
}

// Close hangs up.
func (p *Publisher) Close() error { return p.client.Close() }

// Publish publishes events of one organization with its id as the ordering key, in one
// request: all of them are published, in their order, or none is known to be.
func (p *Publisher) Publish(ctx context.Context, organizationID string, events []event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, p.deadline)
	defer cancel()
	request := &pubsubpb.PublishRequest{Topic: p.topic}
	for _, e := range events {
		body, err := e.Encode()
		if err != nil {
			return err
		}
		request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{
			Data: body, OrderingKey: organizationID,
			Attributes: map[string]string{
				AttributeContentType: event.ContentType, AttributeOrganization: organizationID, AttributeType: string(e.Type),
			},
		})
	}
	if _, err := p.client.Publish(ctx, request); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
