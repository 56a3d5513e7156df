package admin

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

const idOfDelivery = "^[0-9]{16}-[0-9]-[0-9a-f]{32}$"

var deliveryPattern = regexp.MustCompile(idOfDelivery)

func validDelivery(id string) bool { return deliveryPattern.MatchString(id) }

func oneDelivery() []web.Param {
	return append(oneWebhook(), web.Param{
		Name: "delivery", Description: "The delivery.", Pattern: idOfDelivery, Missing: api.DeliveryNotFound,
	})
}

func listDeliveries() web.Operation {
	return web.Operation{
		ID: "listDeliveries", Method: http.MethodGet, Path: api.PathDeliveries, Params: oneWebhook(), Access: web.AccessStaff,
		Query: append(pageQuery(), web.Param{
			Name: api.QueryState, Description: "Those of this state alone.", Enum: []any{api.DeliveryPending, api.DeliveryDelivered, api.DeliveryDead},
		}),
		Summary: "List what was sent to a webhook, and what is to be", Description: forVendor + "The oldest event first, a page at a time. Deliveries are kept for 30 days.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.DeliveryList{Deliveries: []api.Delivery{{
			ID: "1795435201000000-0-3b5d5c3712955042212316173ccf37be", EventID: "3b5d5c3712955042212316173ccf37be",
			Type: string(event.SeatGranted), Subject: "sessions/01993f5a-6c00-7000-8000-000000000001", State: api.DeliveryPending,
			MadeAt: api.NewTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)), Attempts: 1,
			LastAttemptAt: api.NewTime(time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC)), LastStatus: http.StatusServiceUnavailable,
		}}}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listDeliveries(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, validDelivery)
	if err != nil {
		return web.Answer{}, err
	}
	state := record.DeliveryState(c.Query.Get(api.QueryState))
	switch state {
	case "", record.DeliveryPending, record.DeliveryDelivered, record.DeliveryDead:
	default:
		return web.Answer{}, invalid(api.QueryState, "is not one of pending, delivered and dead: send one of them, or leave it out")
	}
	found, err := f.Record.Deliveries(ctx, caller(c), c.Param("webhook"), state, p.after, p.limit+1)
	if err != nil {
		return web.Answer{}, afterError(err, license.ErrDeliveryNotFound)
	}
	found, more := cut(found, p)
	list := api.DeliveryList{Deliveries: make([]api.Delivery, len(found))}
	for i, d := range found {
		list.Deliveries[i] = deliveryOf(d)
	}
	if more {
		list.After = found[len(found)-1].ID
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

func deliveryOf(d record.Delivery) api.Delivery {
	out := api.Delivery{
		ID: d.ID, EventID: d.EventID, Type: string(d.Type), Subject: d.Subject, State: string(d.State),
		MadeAt: api.NewTime(d.MadeAt), Attempts: d.Attempts, LastStatus: d.LastStatus, LastFailure: d.LastFailure,
	}
	if !d.LastAttemptAt.IsZero() {
		out.LastAttemptAt = api.NewTime(d.LastAttemptAt)
	}
	return out
}

func retryDelivery() web.Operation {
	return web.Operation{
		ID: "retryDelivery", Method: http.MethodPost, Path: api.PathDeliveryRetry, Params: oneDelivery(), Access: web.AccessStaff,
		Query:   dryRunQuery(),
		Summary: "Send a delivery again", Description: forVendor + "Whatever its state, also one that was delivered. It is sent within a minute or so, before all that waits, and so does not come in its old place in the order.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is to be sent, or would be."}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) retryDelivery(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	if err := f.Record.RetryDelivery(ctx, caller(c), a, c.Param("webhook"), c.Param("delivery")); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "retried"}, nil
}
