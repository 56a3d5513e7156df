package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// endingAtOnce is how many sessions a request ends beside each other: a hundred of them
// are over within a second or two, far inside a request's time.
const endingAtOnce = 8

func adminEndSessions() web.Operation {
	return web.Operation{
		ID: "adminEndSessions", Method: http.MethodPost, Path: api.PathAdminEndAll, Access: web.AccessAdmin,
		Query: dryRunQuery(), Body: web.BodyRequired,
		Summary: "End all sessions of a user or of a license", Description: "Ends up to 100 of them, the newest acquired first, each as by itself, and says whether there are more. Who is granted a seat meanwhile may keep it: disable a user or have a license suspended first. What failed half way is asked again, and goes on with the rest.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "They are over, or would be.", Body: api.EndSessionsReport{Ended: 7}}},
		Problems: []api.Code{api.OrganizationNotFound},
	}
}

func (f *function) endSessions(ctx context.Context, c web.Call, in api.EndSessionsRequest) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	if in.LicenseID == "" && in.UserID == "" {
		return web.Answer{}, invalid("", "names neither license_id nor user_id: name one of them, or both")
	}
	ended, more, err := f.endSome(ctx, c, a, record.SessionFilter{LicenseID: in.LicenseID, UserID: in.UserID})
	if err != nil {
		return web.Answer{}, err
	}
	web.Annotate(ctx, slog.Int("sessions_ended", ended))
	return web.Answer{Outcome: "revoked", Body: api.EndSessionsReport{Ended: ended, More: more}}, nil
}

// endSome ends the first [api.MaxEnded] sessions that the filter lets through.
func (f *function) endSome(ctx context.Context, c web.Call, a record.Act, filter record.SessionFilter) (ended int, more bool, err error) {
	ids, more, err := f.toEnd(ctx, c, filter)
	if err != nil {
		return 0, false, err
	}
	for some := range slices.Chunk(ids, endingAtOnce) {
		if err := f.endAll(ctx, c, a, some); err != nil {
			return 0, false, err
		}
	}
	return len(ids), more, nil
}

// endOf ends all sessions of a user, of whom it is to be said that it has none. Where the
// request's time is too short for all, the request, sent again, goes on with the rest.
func (f *function) endOf(ctx context.Context, c web.Call, a record.Act, userID string) error {
	if a.DryRun {
		return nil
	}
	total := 0
	for more := true; more; {
		ended, rest, err := f.endSome(ctx, c, a, record.SessionFilter{UserID: userID})
		if err != nil {
			return err
		}
		total, more = total+ended, rest
	}
	web.Annotate(ctx, slog.Int("sessions_ended", total))
	return nil
}

// endAll ends sessions beside each other. One that was deleted meanwhile is over as well.
func (f *function) endAll(ctx context.Context, c web.Call, a record.Act, ids []string) error {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			if err := f.end(ctx, c, a, id); !errors.Is(err, license.ErrSessionNotFound) {
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// toEnd are the first [api.MaxEnded] sessions that the filter lets through, and whether
// there are more. It goes on behind documents that cannot be read: they hold no seat, and
// nothing ends them.
func (f *function) toEnd(ctx context.Context, c web.Call, filter record.SessionFilter) (ids []string, more bool, err error) {
	for after := ""; ; {
		found, err := f.Record.SessionPage(ctx, caller(c), filter, after, api.MaxEnded-len(ids))
		if err != nil {
			return nil, false, err
		}
		for _, s := range found.Sessions {
			ids = append(ids, s.ID)
		}
		if !found.More || len(ids) == api.MaxEnded {
			return ids, found.More, nil
		}
		after = found.Last
	}
}
