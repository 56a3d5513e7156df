package main

import (
	"context"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type purgeCommand struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	User         string `placeholder:"ID" help:"Erase this user alone, by id."`
	Confirm      string `placeholder:"ORGANIZATION" help:"The organization's id once more, to erase all of it."`
	Write
	Sure
}

// Run erases an organization, or one of its users.
func (p purgeCommand) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	switch {
	case err != nil:
		return err
	case p.User != "":
		return p.user(ctx, a, c)
	case p.Confirm != p.Organization && !p.DryRun:
		return usageError{fmt.Errorf("all of organization %s would be erased for good: say --confirm %s, or --dry-run to see how much that is", p.Organization, p.Organization)}
	}
	return p.organization(ctx, a, c)
}

// organization goes on until all of it is gone. Each request that is sent again goes on
// where the one before ended.
func (p purgeCommand) organization(ctx context.Context, a *app, c *control.Client) error {
	var first api.PurgeReport
	for n := 0; ; n++ {
		report, err := c.PurgeOrganization(ctx, p.Organization, p.Organization, p.DryRun)
		if err != nil {
			return &show.Failure{Doing: "purge organization " + p.Organization, Look: "licensectl org show " + p.Organization, Err: err}
		}
		if n == 0 {
			first, first.Deleted = report, 0
		}
		first.Deleted, first.More = first.Deleted+report.Deleted, report.More
		if !report.More {
			break
		}
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), first, p.Organization)
	}
	what := "organization " + p.Organization + " is gone"
	if p.DryRun {
		what = "organization " + p.Organization + " would go" + dryNote
	}
	_, err := fmt.Fprintf(a.out, "%s\n    licenses: %d\n    users: %d\n    sessions: %d\n    days of usage: %d\n    entries of the audit: %d\n",
		what, first.Licenses, first.Users, first.Sessions, first.Usage, first.Audit)
	return err
}

func (p purgeCommand) user(ctx context.Context, a *app, c *control.Client) error {
	name := p.Organization + "/" + p.User
	if !p.DryRun {
		question := fmt.Sprintf("Erase user %s? Its account is deleted, its sessions end, and nothing tells any more what it was.", name)
		if err := asking(a, p.Sure, question)(); err != nil {
			return err
		}
	}
	total := api.UserPurgeReport{OrganizationID: p.Organization, UserID: p.User}
	for more := true; more; {
		report, err := c.PurgeUser(ctx, p.Organization, p.User, p.DryRun)
		if err != nil {
			return &show.Failure{Doing: "purge user " + name, Look: "licensectl user list " + p.Organization, Err: err}
		}
		total.AccountRemoved = total.AccountRemoved || report.AccountRemoved
		total.SessionsEnded += report.SessionsEnded
		total.SessionsErased += report.SessionsErased
		more = report.More
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), total, name)
	}
	what := "user " + name + " is erased"
	if p.DryRun {
		what = "user " + name + " would be erased" + dryNote
	}
	_, err := fmt.Fprintf(a.out, "%s\n    account removed: %t\n    sessions ended: %d\n    sessions erased: %d\n", what, total.AccountRemoved, total.SessionsEnded, total.SessionsErased)
	return err
}
