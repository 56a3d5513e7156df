package admin

import (
	"context"
	"fmt"
	"slices"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// sessionScan is how many sessions are read at once where some are picked from them.
const sessionScan = 200

// sessions are a page of those that are asked for.
func (f *function) sessions(ctx context.Context, c web.Call, q sessionQuery, p page) (web.Answer, error) {
	if err := q.check(); err != nil {
		return web.Answer{}, err
	}
	organizationID := caller(c).OrganizationID
	position, err := q.position(organizationID, p.after)
	if err != nil {
		return web.Answer{}, err
	}
	p.after = position
	part := f.scanned
	if q.sort != "" {
		part = f.sorted
	}
	list, err := part(ctx, c, q, p)
	if err != nil {
		return web.Answer{}, afterError(err, license.ErrSessionNotFound)
	}
	if list.After != "" {
		list.After = q.mark(organizationID) + list.After
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

// scanned is a page in the record's order, which ends when it is full, there is no more, or
// enough was read.
func (f *function) scanned(ctx context.Context, c web.Call, q sessionQuery, p page) (api.SessionList, error) {
	list, size, reads := api.SessionList{Sessions: []api.LiveSession{}, After: p.after}, sessionScan, api.MaxScanned/sessionScan
	if !q.picks() {
		size, reads = p.limit, 1
	}
	for range reads {
		found, err := f.Record.SessionPage(ctx, caller(c), q.SessionFilter, list.After, size)
		if err != nil {
			return list, err
		}
		picked, next, more := f.picked(ctx, c, q, found.Sessions), found.Last, found.More
		if room := p.limit - len(list.Sessions); len(picked) > room {
			picked = picked[:room]
			next, more = record.SessionPosition(picked[room-1].SessionID), true
		}
		list.Sessions = append(list.Sessions, picked...)
		list.UnreadableDocuments = append(list.UnreadableDocuments, found.Unreadable...)
		if list.After = next; !more {
			list.After = ""
		}
		if !more || len(list.Sessions) == p.limit {
			break
		}
	}
	return list, nil
}

// picked are those of the record's sessions that are asked for, as the ledger has them now.
func (f *function) picked(ctx context.Context, c web.Call, q sessionQuery, found []license.Session) []api.LiveSession {
	matching := slices.DeleteFunc(found, func(s license.Session) bool { return !q.matches(s) })
	return slices.DeleteFunc(f.live(ctx, c, matching), func(s api.LiveSession) bool { return q.state != "" && q.state != s.State })
}

// sorted is a page in another order. By heartbeats and ends nothing but the ledger could sort,
// and only all of them, so there must not be too many.
func (f *function) sorted(ctx context.Context, c web.Call, q sessionQuery, p page) (api.SessionList, error) {
	behind := place{}
	if p.after != "" {
		var err error
		if behind, err = placeIn(p.after); err != nil {
			return api.SessionList{}, err
		}
	}
	list, err := f.everyone(ctx, c, q)
	if err != nil {
		return list, err
	}
	slices.SortFunc(list.Sessions, func(a, b api.LiveSession) int { return q.compare(q.placeOf(a), q.placeOf(b)) })
	if p.after != "" {
		list.Sessions = slices.DeleteFunc(list.Sessions, func(s api.LiveSession) bool { return q.compare(q.placeOf(s), behind) <= 0 })
	}
	some, more := cut(list.Sessions, p)
	if list.Sessions = some; more {
		list.After = q.placeOf(some[len(some)-1]).encode()
	}
	return list, nil
}

// everyone are all sessions that are asked for, if not more than [api.MaxSorted] have to be
// looked at for them.
func (f *function) everyone(ctx context.Context, c web.Call, q sessionQuery) (api.SessionList, error) {
	list, after := api.SessionList{Sessions: []api.LiveSession{}}, ""
	for range api.MaxSorted / sessionScan {
		found, err := f.Record.SessionPage(ctx, caller(c), q.SessionFilter, after, sessionScan)
		if err != nil {
			return list, err
		}
		list.Sessions = append(list.Sessions, f.picked(ctx, c, q, found.Sessions)...)
		list.UnreadableDocuments = append(list.UnreadableDocuments, found.Unreadable...)
		if !found.More {
			return list, nil
		}
		after = found.Last
	}
	return list, invalid(api.QuerySort, fmt.Sprintf("would sort more than %d live sessions: name a license, a user or a project, or leave it out", api.MaxSorted))
}
