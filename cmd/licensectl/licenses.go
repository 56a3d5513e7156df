package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/when"
)

type licenseCommands struct {
	Create  licenseCreate  `cmd:"" help:"Create a license."`
	List    licenseList    `cmd:"" help:"List an organization's licenses."`
	Show    licenseShow    `cmd:"" help:"Show a license."`
	Update  licenseUpdate  `cmd:"" help:"Change what is said; the rest stays."`
	Renew   licenseRenew   `cmd:"" help:"Let it end later: by so much from its present end, or from now if that is over."`
	Suspend licenseSuspend `cmd:"" help:"Grant no seat of it; its sessions end at their next heartbeat."`
	Resume  licenseResume  `cmd:"" help:"Undo suspend."`
	Delete  licenseDelete  `cmd:"" help:"Delete it; its sessions end at their next heartbeat. The audit keeps what it was."`
}

// License is the license that a command is about.
type License struct {
	ID licenseID `arg:"" name:"organization/license" help:"Whose, and its id, such as acme/acme-pro."`
}

func (l License) subject(c *control.Client) subject[api.License, api.LicensePatch] {
	return subject[api.License, api.LicensePatch]{
		kind: "license", name: l.ID.String(), look: "licensectl license show " + l.ID.String(),
		read: func(ctx context.Context) (api.License, error) { return c.License(ctx, l.ID.organization, l.ID.license) },
		change: func(ctx context.Context, etag string, patch api.LicensePatch, dry bool) (api.License, error) {
			return c.ChangeLicense(ctx, l.ID.organization, l.ID.license, etag, patch, dry)
		},
	}
}

func (l License) alter(ctx context.Context, a *app, w Write, m Match, patch api.LicensePatch, ask func() error) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return l.subject(c).alter(ctx, a, w, m, patch, ask)
}

// Terms are what of a license need not be said.
type Terms struct {
	Plan               *string    `placeholder:"NAME" help:"The edition."`
	Grace              lengthFlag `placeholder:"7d" help:"For how long after its end those who hold a seat keep it."`
	OfflineMax         lengthFlag `placeholder:"30d" help:"How long programs may go on without the service; 0: as the service has it."`
	Handover           *int       `placeholder:"N" help:"How many tokens of earlier holders may be good for each seat."`
	MaxSessionsPerUser *int       `placeholder:"N" help:"How many sessions one user may have at a time; 0 for as many as there are seats."`
	Entitlements       listFlag   `placeholder:"A,B" help:"The features, all of them; empty for none."`
}

type licenseCreate struct {
	License
	Product string  `required:"" placeholder:"NAME" help:"The product."`
	Seats   int     `required:"" placeholder:"N" help:"Seats."`
	Expires endFlag `required:"" placeholder:"END" help:"Its last day (2027-01-31, in UTC), a moment (2027-01-31T17:00:00Z), never, or how long from now (+1y, +6mo, +2w, +90d)."`
	Terms
	Write
}

// Run creates a license.
func (l licenseCreate) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	in := api.LicenseInput{
		ID: l.ID.license, Product: l.Product, Plan: or(l.Plan), MaxSeats: l.Seats, ExpiresAt: or(l.Expires.value), GraceSeconds: or(l.Grace.value),
		OfflineMaxSeconds: or(l.OfflineMax.value), Handover: l.Handover, MaxSessionsPerUser: or(l.MaxSessionsPerUser), Entitlements: or(l.Entitlements.value),
	}
	s := l.subject(c)
	s.look = "licensectl license list " + l.ID.organization
	return s.create(ctx, a, l.Write, func(ctx context.Context) (api.License, error) {
		return c.CreateLicense(ctx, l.ID.organization, in, l.DryRun)
	})
}

// or is what is said, or nothing.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

type licenseList struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
}

// Run lists an organization's licenses.
func (l licenseList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Licenses(ctx, l.Organization)
	if err != nil {
		return &show.Failure{Doing: "list licenses of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	columns := []show.Column{
		{Field: "id", Title: "LICENSE"},
		{Field: "product", Title: "PRODUCT"},
		{Field: "plan", Title: "PLAN"},
		{Field: "max_seats", Title: "SEATS"},
		{Field: "status", Title: "STATUS"},
		{Field: "expires_at", Title: "ENDS"},
	}
	return show.List(a.printer(), list, columns, func(l api.License) string { return l.OrganizationID + "/" + l.ID })
}

type licenseShow struct{ License }

// Run shows a license.
func (l licenseShow) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return l.subject(c).show(ctx, a)
}

type licenseUpdate struct {
	License
	Product *string `placeholder:"NAME" help:"The product."`
	Seats   *int    `placeholder:"N" help:"Seats; fewer end nobody's session."`
	Expires endFlag `placeholder:"END" help:"Its last day (2027-01-31, in UTC), a moment (2027-01-31T17:00:00Z), never, or how long from now (+1y, +6mo, +2w, +90d)."`
	Terms
	Write
	Match
}

// Run changes a license.
func (l licenseUpdate) Run(ctx context.Context, a *app) error {
	patch := api.LicensePatch{
		Product: l.Product, Plan: l.Plan, MaxSeats: l.Seats, ExpiresAt: l.Expires.value, GraceSeconds: l.Grace.value,
		OfflineMaxSeconds: l.OfflineMax.value, Handover: l.Handover, MaxSessionsPerUser: l.MaxSessionsPerUser, Entitlements: l.Entitlements.value,
	}
	if patch == (api.LicensePatch{}) {
		return errNothingToChange
	}
	return l.alter(ctx, a, l.Write, l.Match, patch, nil)
}

type licenseRenew struct {
	License
	By spanFlag `arg:"" help:"How long: +1y, +6mo, +2w or +90d."`
	Write
	Match
}

// Run renews a license. The change is for the revision whose end was read.
func (l licenseRenew) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := l.subject(c)
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("renew", err)
	}
	end, err := when.Renewed(now.ExpiresAt, string(l.By), time.Now())
	if err != nil {
		return s.failed("renew", err)
	}
	if l.IfMatch == "" {
		l.IfMatch = now.ETag
	}
	return s.alter(ctx, a, l.Write, l.Match, api.LicensePatch{ExpiresAt: &end}, nil)
}

type licenseSuspend struct {
	License
	Now
	Write
	Match
	Sure
}

// Run suspends a license.
func (l licenseSuspend) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	status, s, ended := suspended, l.subject(c), api.EndedNow{}
	if l.Now.Now {
		s.unfinished = func(api.License) bool { return true } // there may be sessions
		s.change = func(ctx context.Context, etag string, patch api.LicensePatch, dry bool) (api.License, error) {
			now, err := c.SuspendLicenseNow(ctx, l.ID.organization, l.ID.license, etag, patch, dry)
			ended = now.EndedNow
			return now.License, err
		}
	}
	question := fmt.Sprintf("Suspend license %s? Its sessions end %s.", l.ID, l.when())
	err = s.alter(ctx, a, l.Write, l.Match, api.LicensePatch{Status: &status}, asking(a, l.Sure, question))
	l.note(a, ended, l.DryRun)
	return err
}

type licenseResume struct {
	License
	Write
	Match
}

// Run resumes a license.
func (l licenseResume) Run(ctx context.Context, a *app) error {
	status := active
	return l.alter(ctx, a, l.Write, l.Match, api.LicensePatch{Status: &status}, nil)
}

type licenseDelete struct {
	License
	Write
	Match
	Sure
}

// Run deletes a license.
func (l licenseDelete) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := l.subject(c)
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("delete", err)
	}
	if !l.DryRun {
		question := fmt.Sprintf("Delete license %s? Its sessions end at their next heartbeat.", l.ID)
		if err := asking(a, l.Sure, question)(); err != nil {
			return err
		}
	}
	if l.IfMatch == "" {
		l.IfMatch = now.ETag
	}
	if err := c.DeleteLicense(ctx, l.ID.organization, l.ID.license, l.IfMatch, l.DryRun); err != nil {
		return s.failed("delete", err)
	}
	return s.written(a, l.Write, "deleted", now, nil)
}
