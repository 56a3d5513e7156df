package main

import (
	"context"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

const (
	active    = "active"
	suspended = "suspended"
)

type orgCommands struct {
	Create  orgCreate  `cmd:"" help:"Create an organization."`
	List    orgList    `cmd:"" help:"List all organizations."`
	Show    orgShow    `cmd:"" help:"Show an organization."`
	Update  orgUpdate  `cmd:"" help:"Change what is said; the rest stays."`
	Suspend orgSuspend `cmd:"" help:"Grant it nothing; its sessions end at their next heartbeat."`
	Resume  orgResume  `cmd:"" help:"Undo suspend."`
}

// Org is the organization that a command is about.
type Org struct {
	ID string `arg:"" name:"organization" help:"The organization's id, such as acme."`
}

func (o Org) subject(c *control.Client) subject[api.Organization, api.OrganizationPatch] {
	return subject[api.Organization, api.OrganizationPatch]{
		kind: "organization", name: o.ID, look: "licensectl org show " + o.ID,
		read: func(ctx context.Context) (api.Organization, error) { return c.Organization(ctx, o.ID) },
		change: func(ctx context.Context, etag string, patch api.OrganizationPatch, dry bool) (api.Organization, error) {
			return c.ChangeOrganization(ctx, o.ID, etag, patch, dry)
		},
	}
}

func (o Org) alter(ctx context.Context, a *app, w Write, m Match, patch api.OrganizationPatch, ask func() error) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return o.subject(c).alter(ctx, a, w, m, patch, ask)
}

type orgCreate struct {
	Org
	Name  string `required:"" placeholder:"NAME" help:"What people call it."`
	Seats int    `required:"" placeholder:"N" help:"Seats of all its licenses together."`
	Tier  string `placeholder:"NAME" help:"What was sold."`
	Slug  string `placeholder:"NAME" help:"Its short name in addresses; its id, if absent."`
	Write
}

// Run creates an organization.
func (o orgCreate) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	in := api.OrganizationInput{ID: o.ID, Name: o.Name, Slug: o.Slug, SubscriptionTier: o.Tier, MaxConcurrentSeats: o.Seats}
	s := o.subject(c)
	s.look = "licensectl org list"
	return s.create(ctx, a, o.Write, func(ctx context.Context) (api.Organization, error) {
		return c.CreateOrganization(ctx, in, o.DryRun)
	})
}

type orgList struct{}

// Run lists all organizations.
func (orgList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Organizations(ctx)
	if err != nil {
		return &show.Failure{Doing: "list organizations", Err: err}
	}
	columns := []show.Column{
		{Field: "id", Title: "ORGANIZATION"},
		{Field: "name", Title: "NAME"},
		{Field: "subscription_tier", Title: "TIER"},
		{Field: "max_concurrent_seats", Title: "SEATS"},
		{Field: "status", Title: "STATUS"},
	}
	return show.List(a.printer(), list, columns, func(o api.Organization) string { return o.ID })
}

type orgShow struct{ Org }

// Run shows an organization.
func (o orgShow) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return o.subject(c).show(ctx, a)
}

type orgUpdate struct {
	Org
	Name  *string `placeholder:"NAME" help:"What people call it."`
	Seats *int    `placeholder:"N" help:"Seats of all its licenses together; fewer end nobody's session."`
	Tier  *string `placeholder:"NAME" help:"What was sold."`
	Slug  *string `placeholder:"NAME" help:"Its short name in addresses."`
	Write
	Match
}

// Run changes an organization.
func (o orgUpdate) Run(ctx context.Context, a *app) error {
	patch := api.OrganizationPatch{Name: o.Name, Slug: o.Slug, SubscriptionTier: o.Tier, MaxConcurrentSeats: o.Seats}
	if patch == (api.OrganizationPatch{}) {
		return errNothingToChange
	}
	return o.alter(ctx, a, o.Write, o.Match, patch, nil)
}

type orgSuspend struct {
	Org
	Now
	Write
	Match
	Sure
}

// Run suspends an organization.
func (o orgSuspend) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	status, s, ended := suspended, o.subject(c), api.EndedNow{}
	if o.Now.Now {
		s.unfinished = func(api.Organization) bool { return true } // there may be sessions
		s.change = func(ctx context.Context, etag string, patch api.OrganizationPatch, dry bool) (api.Organization, error) {
			now, err := c.SuspendOrganizationNow(ctx, o.ID, etag, patch, dry)
			ended = now.EndedNow
			return now.Organization, err
		}
	}
	question := fmt.Sprintf("Suspend organization %s? All its sessions end %s.", o.ID, o.when())
	err = s.alter(ctx, a, o.Write, o.Match, api.OrganizationPatch{Status: &status}, asking(a, o.Sure, question))
	o.note(a, ended, o.DryRun)
	return err
}

type orgResume struct {
	Org
	Write
	Match
}

// Run resumes an organization.
func (o orgResume) Run(ctx context.Context, a *app) error {
	status := active
	return o.alter(ctx, a, o.Write, o.Match, api.OrganizationPatch{Status: &status}, nil)
}
