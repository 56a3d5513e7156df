package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func purgeOrganization() web.Operation {
	return web.Operation{
		ID: "purgeOrganization", Method: http.MethodPost, Path: api.PathPurge, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: dryRunQuery(), Body: web.BodyRequired,
		Summary:     "Erase an organization",
		Description: forVendor + "With its licenses, users and their accounts, sessions, usage and audit; the organization's own document goes last. It must be suspended, and nobody may have a seat of it. What a request has no time for is left, and more says so: ask again, also after a failure; from the first request on nothing can be created in it or changed of it. When it is gone the answer is 404. The service's own audit keeps that it was purged, by whom and when. A dry run counts what would go.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "What is gone, or would be.", Body: api.PurgeReport{
			OrganizationID: "acme", Licenses: 2, Users: 40, Sessions: 12_000, Usage: 180, Audit: 77, Deleted: 12_299,
		}}},
		Problems: []api.Code{api.Forbidden, api.InUse},
	}
}

func (f *function) purgeOrganization(ctx context.Context, c web.Call, in api.PurgeRequest) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	organizationID := caller(c).OrganizationID
	if in.Confirm != organizationID {
		return web.Answer{}, invalid("confirm", "is not the id of the organization in the path: send it, to say that all of it shall go")
	}
	if err := f.idle(ctx, organizationID); err != nil {
		return web.Answer{}, err
	}
	there, err := f.Record.Contents(ctx, caller(c), "")
	if err != nil {
		return web.Answer{}, err
	}
	report := api.PurgeReport{
		OrganizationID: organizationID, Licenses: there.Licenses, Users: there.Users, Sessions: there.Sessions, Usage: there.Usage, Audit: there.Audit,
	}
	if err := f.Record.BeginPurge(ctx, caller(c), a); err != nil {
		return web.Answer{}, err
	}
	f.done(a, organizationID)
	if !a.DryRun {
		if report.Deleted, report.More, err = f.purge(ctx, c); err != nil {
			return web.Answer{}, err
		}
	}
	web.Annotate(ctx, slog.Int("documents_deleted", report.Deleted), slog.Bool("more", report.More))
	return web.Answer{Outcome: "deleted", Body: report}, nil
}

// idle: nobody has a seat, in the ledger or in the record.
func (f *function) idle(ctx context.Context, organizationID string) error {
	found, err := f.Seats.Compare(ctx, organizationID)
	if err == nil && found.InLedger+found.InRecord > 0 {
		err = license.ErrInUse
	}
	return err
}

// purge deletes while there is time, users with their accounts first: who is gone there
// cannot sign in any more. More says that there is something left.
func (f *function) purge(ctx context.Context, c web.Call) (deleted int, more bool, err error) {
	soon, cancel := half(ctx)
	defer cancel()
	for _, page := range []func(context.Context, web.Call) (int, error){f.purgeUsers, f.purgePage} {
		for n := 1; n > 0; deleted += n {
			if soon.Err() != nil {
				return deleted, true, nil
			}
			if n, err = page(ctx, c); err != nil {
				return deleted, false, err
			}
		}
	}
	return deleted + 1, false, f.Record.FinishPurge(ctx, caller(c))
}

// purgedUsers is how many accounts are deleted between two looks at the time.
const purgedUsers = 10

func (f *function) purgeUsers(ctx context.Context, c web.Call) (int, error) {
	users, err := f.Record.UserPage(ctx, caller(c), record.UserFilter{}, "", purgedUsers)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(users))
	for i, u := range users {
		if ids[i] = u.Value.ID; err == nil {
			err = f.People.DeleteAccount(ctx, caller(c), ids[i])
		}
	}
	if err != nil {
		return 0, err
	}
	return len(ids), f.Record.DropUsers(ctx, caller(c), ids)
}

func (f *function) purgePage(ctx context.Context, c web.Call) (int, error) {
	return f.Record.PurgePage(ctx, caller(c))
}

func purgeUser() web.Operation {
	return web.Operation{
		ID: "purgeUser", Method: http.MethodPost, Path: api.PathUserPurge, Params: oneUser(), Access: web.AccessStaff, Query: dryRunQuery(),
		Summary:     "Erase a user",
		Description: forVendor + "Deletes its account, ends its sessions, and takes what tells of the person out of all of them and out of what the audit says of their ends: user, machine, instance and program. The audit keeps the user's id, which names nobody from then on. What a request has no time for is left, and more says so: ask again, also after a failure. An ID token lives for an hour at most: who has one may take a seat until then, so ask again after it. When nothing is left the answer is 404. A dry run counts.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "What is erased, or would be.", Body: api.UserPurgeReport{
			OrganizationID: "acme", UserID: exampleUser().ID, AccountRemoved: true, SessionsEnded: 1, SessionsErased: 211,
		}}},
		Problems: []api.Code{api.Forbidden, api.LastOwner, api.PreconditionFailed},
	}
}

func (f *function) purgeUser(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	user := c.Param("user")
	there, err := f.Record.Contents(ctx, caller(c), user)
	switch {
	case err != nil:
		return web.Answer{}, err
	case there.Users+there.Sessions == 0:
		return web.Answer{}, license.ErrUserNotFound
	}
	report := api.UserPurgeReport{OrganizationID: caller(c).OrganizationID, UserID: user}
	if report.AccountRemoved, err = f.removed(ctx, c, a, user); err != nil {
		return web.Answer{}, err
	}
	if report.SessionsEnded, report.More, err = f.endSome(ctx, c, a, record.SessionFilter{UserID: user}); err != nil {
		return web.Answer{}, err
	}
	if a.DryRun {
		report.SessionsErased, report.More = there.Sessions, false
	} else if err := f.erase(ctx, c, a, user, &report); err != nil {
		return web.Answer{}, err
	}
	web.Annotate(ctx, slog.Int("sessions_ended", report.SessionsEnded), slog.Int("sessions_erased", report.SessionsErased))
	return web.Answer{Outcome: "deleted", Body: report}, nil
}

// endedBelow leaves the user's sessions to the erasure that removes it.
func endedBelow(context.Context) error { return nil }

// removed removes the user, if there is one, at the revision that it has now.
func (f *function) removed(ctx context.Context, c web.Call, a record.Act, user string) (bool, error) {
	found, err := f.Record.User(ctx, caller(c), user)
	if err == nil {
		err = f.People.Remove(ctx, caller(c), a, user, found.Revision, endedBelow)
	}
	if errors.Is(err, license.ErrUserNotFound) {
		return false, nil
	}
	return err == nil, err
}

// erase erases ended sessions while there is time.
func (f *function) erase(ctx context.Context, c web.Call, a record.Act, user string, report *api.UserPurgeReport) error {
	soon, cancel := half(ctx)
	defer cancel()
	for {
		n, err := f.Record.EraseSessions(ctx, caller(c), a, user)
		if err != nil {
			return err
		}
		report.SessionsErased += n
		switch {
		case n < record.MaxErased:
			return nil
		case soon.Err() != nil:
			report.More = true
			return nil
		}
	}
}
