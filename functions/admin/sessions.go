package admin

import (
	"cmp"
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exampleLive() api.LiveSession {
	s := api.ExampleSession()
	return api.LiveSession{
		SessionID: s.SessionID, LicenseID: s.LicenseID, UserID: s.UserID, HardwareID: s.HardwareID,
		Client:     api.LiveClient{Name: "Studio", Version: "4.2.0", Hostname: "drawing-room-3", Project: "bridge-7"},
		AcquiredAt: s.AcquiredAt, LastHeartbeatAt: s.LastHeartbeatAt, ExpiresAt: s.ExpiresAt, State: api.SessionActive,
	}
}

func listSessions() web.Operation {
	return web.Operation{
		ID: "listSessions", Method: http.MethodGet, Path: api.PathSessions, Params: []web.Param{organizationParam()},
		Query: append(pageQuery(), filterQuery()...), Access: web.AccessStaff,
		Summary: "List an organization's live sessions", Description: forVendor + howListed(),
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.SessionList{
			Sessions: []api.LiveSession{exampleLive()}, After: "3f-" + exampleLive().SessionID,
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listSessions(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, looked)
	if err != nil {
		return web.Answer{}, err
	}
	return f.sessions(ctx, c, queriedSessions(c), p)
}

func adminListSessions() web.Operation {
	op := forAdmins(listSessions(), "adminListSessions", api.PathAdminSessions, "List the organization's live sessions")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

// findSessions has what no query is to have: see [api.SessionSearch].
func findSessions() web.Operation {
	op := listSessions()
	op.ID, op.Method, op.Path, op.Query, op.Body = "findSessions", http.MethodPost, api.PathSessionsFind, nil, web.BodyRequired
	op.Reads, op.Summary = true, "Look for live sessions of an organization"
	op.Description += " It changes nothing, and is a POST because request logs keep what a path or a query says."
	return op
}

func (f *function) findSessions(ctx context.Context, c web.Call, in api.SessionSearch) (web.Answer, error) {
	return f.sessions(ctx, c, searchedSessions(in), page{after: in.After, limit: cmp.Or(in.Limit, api.DefaultPage)})
}

func adminFindSessions() web.Operation {
	op := forAdmins(findSessions(), "adminFindSessions", api.PathAdminSessionsFind, "Look for live sessions of the organization")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func oneSession() []web.Param { return []web.Param{organizationParam(), web.SessionParam()} }

func getSession() web.Operation {
	return web.Operation{
		ID: "getSession", Method: http.MethodGet, Path: api.PathSessionOf, Params: oneSession(), Access: web.AccessStaff,
		Summary: "Read a live session", Description: forVendor + "One whose end is recorded is 410, with the reason.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleLive()}},
		Problems: []api.Code{api.Forbidden, api.SessionEnded},
	}
}

func adminGetSession() web.Operation {
	return forAdmins(getSession(), "adminGetSession", api.PathAdminSession, "Read a live session of the organization")
}

func (f *function) getSession(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	s, err := f.Sessions.Session(ctx, caller(c), c.SessionID())
	if err != nil {
		return web.Answer{}, err
	}
	if s.Status != license.SessionActive {
		return web.Answer{}, &license.SessionEndedError{Reason: s.EndedReason}
	}
	return web.Answer{Outcome: "read", Body: f.live(ctx, c, []license.Session{s})[0]}, nil
}

// live are active sessions of the record with what the ledger has of them now.
func (f *function) live(ctx context.Context, c web.Call, sessions []license.Session) []api.LiveSession {
	sights := f.look(ctx, c, sessions)
	live := make([]api.LiveSession, len(sessions))
	for i, s := range sessions {
		live[i] = api.LiveSession{
			SessionID: s.ID, LicenseID: s.LicenseID, UserID: s.UserID, HardwareID: s.HardwareID, InstanceID: s.InstanceID,
			Client: api.LiveClient(s.Client), AcquiredAt: api.NewTime(s.AcquiredAt), LastHeartbeatAt: api.NewTime(s.LastHeartbeatAt),
			ExpiresAt: api.NewTime(s.ExpiresAt), State: api.SessionUnknown,
		}
		if sights != nil {
			see(&live[i], sights[i])
		}
	}
	return live
}

// look asks the ledger once for all of them. It answers nil where the ledger cannot be
// asked or waits for its rebuild: the record's word is better than none.
func (f *function) look(ctx context.Context, c web.Call, sessions []license.Session) []ledger.Sight {
	if len(sessions) == 0 {
		return nil
	}
	ids := make([]string, len(sessions))
	for i, s := range sessions {
		ids[i] = s.ID
	}
	sights, err := f.Ledger.Look(ctx, caller(c), ids)
	if err != nil {
		web.Degraded(ctx, "unseen", err)
		return nil
	}
	return sights
}

// see is what the ledger knows better than the record.
func see(s *api.LiveSession, sight ledger.Sight) {
	switch sight.State {
	case ledger.Unheld:
		s.State = api.SessionEnding
		return
	case ledger.Living:
		s.State = api.SessionActive
	case ledger.Over:
		s.State = api.SessionExpired
	case ledger.Ending:
		s.State = api.SessionEnding
	}
	s.LastHeartbeatAt, s.ExpiresAt = api.NewTime(sight.LastHeartbeatAt), api.NewTime(sight.ExpiresAt)
}

func revokeSession() web.Operation {
	return web.Operation{
		ID: "revokeSession", Method: http.MethodDelete, Path: api.PathSessionOf, Params: oneSession(), Access: web.AccessStaff, Query: dryRunQuery(),
		Summary: "End a session", Description: forVendor + "Its seat is free at once; its program hears of it at its next heartbeat, 410 revoked, and may work on until then. One that has ended stays as it is, and that succeeds.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is over, or would be."}},
		Problems: []api.Code{api.Forbidden},
	}
}

func adminRevokeSession() web.Operation {
	return forAdmins(revokeSession(), "adminRevokeSession", api.PathAdminSession, "End a session of the organization")
}

func (f *function) revokeSession(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	if err := f.end(ctx, c, a, c.SessionID()); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "revoked"}, nil
}

// end notes first who asks: from then on no process can record the end without the
// audit's entry.
func (f *function) end(ctx context.Context, c web.Call, a record.Act, id string) error {
	if err := f.Record.RevokeSession(ctx, caller(c), a, id); err != nil || a.DryRun {
		return err
	}
	return f.Seats.Release(ctx, owner(c), id)
}

// owner may end any session of the organization, as the vendor may. None is its own, so
// each is revoked, not released.
func owner(c web.Call) license.Caller {
	return license.Caller{OrganizationID: caller(c).OrganizationID, Role: license.RoleOwner}
}
