package admin

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func nowQuery() []web.Param {
	return append(dryRunQuery(), web.Param{
		Name: api.QueryNow, Enum: []any{"true", "false"},
		Description: "true, of a change that suspends: sessions end with it, license_suspended, and not at their next heartbeat. A seat that is granted meanwhile, by an instance that has not heard of the change yet, is lost at its first heartbeat.",
	})
}

// atOnce reports whether the request ends the sessions of what it suspends.
func atOnce(c web.Call) (bool, error) {
	switch now := c.Query[api.QueryNow]; {
	case len(now) == 0 || now[0] == "false":
		return false, nil
	case now[0] == "true":
		return true, nil
	}
	return false, invalid(api.QueryNow, "is not true or false: send one of them")
}

// suspending wants of a change that is to end sessions that it leaves their owner suspended.
func suspending(now bool, status license.Status) error {
	if now && status != license.StatusSuspended {
		return invalid(api.QueryNow, "ends the sessions of what is suspended: send status suspended with it, or leave it out")
	}
	return nil
}

// endNow ends, while there is time, the sessions of what was suspended, each as its next
// heartbeat would. What is left ends at that: the change stands either way. A dry run counts
// them.
func (f *function) endNow(ctx context.Context, c web.Call, a record.Act, filter record.SessionFilter) api.EndedNow {
	soon, cancel := half(ctx)
	defer cancel()
	ended := 0
	for after, more := "", true; more; {
		found, err := f.Record.SessionPage(ctx, caller(c), filter, after, api.MaxPage)
		for some := range slices.Chunk(found.Sessions, endingAtOnce) {
			if err = errors.Join(err, soon.Err()); err != nil {
				break
			}
			n := len(some)
			if !a.DryRun {
				n, err = f.endSuspended(ctx, some)
			}
			ended += n
		}
		if err != nil {
			web.Degraded(ctx, "sessions_left", err)
			return api.EndedNow{SessionsEnded: &ended, SessionsLeft: true}
		}
		after, more = found.Last, found.More
	}
	return api.EndedNow{SessionsEnded: &ended}
}

// endSuspended ends sessions beside each other, and says how many ended and why one did not.
// One that was deleted meanwhile is over as well.
func (f *function) endSuspended(ctx context.Context, sessions []license.Session) (ended int, err error) {
	errs := make([]error, len(sessions))
	var all sync.WaitGroup
	for i, s := range sessions {
		all.Go(func() {
			holder := license.Caller{OrganizationID: s.OrganizationID, UserID: s.UserID, Role: license.RoleMember}
			err := f.Seats.Revoke(ctx, holder, ledger.Hold{Session: s}, license.EndLicenseSuspended)
			if !errors.Is(err, license.ErrSessionNotFound) {
				errs[i] = err
			}
		})
	}
	all.Wait()
	for _, e := range errs {
		if e == nil {
			ended++
		}
		err = cmp.Or(err, e)
	}
	return ended, err
}
