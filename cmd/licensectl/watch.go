package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/watch"
)

type sessionWatch struct {
	Organization string        `arg:"" help:"The organization's id, such as acme."`
	License      string        `placeholder:"ID" help:"This license and its sessions alone."`
	User         string        `placeholder:"ID" help:"Sessions of this user alone; seats in use are counted of them."`
	Every        time.Duration `default:"5s" help:"How long to wait before the service is asked again, 1s at least."`
}

// Validate is asked by kong.
func (w sessionWatch) Validate() error {
	if w.Every < watch.Least {
		return fmt.Errorf("--every must be %s or more", watch.Least)
	}
	return nil
}

// Run shows a live view at a terminal; anywhere else, and with -o json, it prints a line
// for each change.
func (w sessionWatch) Run(ctx context.Context, a *app) error {
	tell := watch.Text(a.out)
	switch a.program.Output {
	case show.Table:
	case show.JSON:
		tell = watch.JSON(a.out)
	default:
		return usageError{errors.New("session watch prints table or json, a line for each change: say -o json")}
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	seats := watch.Watch{
		Organization: w.Organization, Every: w.Every, Wait: control.Wait,
		Look: func(ctx context.Context) (watch.Sight, error) { return w.look(ctx, c, time.Now) },
	}
	if a.screen && a.program.Output == show.Table {
		err = seats.Screen(ctx, a.in, a.out)
	} else {
		err = seats.Lines(ctx, tell, func(err error) {
			show.Error(a.err, w.failed(err))
			_, _ = fmt.Fprintln(a.err, "  The watch goes on.")
		})
	}
	if err != nil {
		return w.failed(err)
	}
	return nil
}

func (w sessionWatch) failed(err error) error {
	return &show.Failure{Doing: "watch sessions of organization " + w.Organization, Look: "licensectl org list", Err: err}
}

// look asks for the licenses and for the sessions that have their seats.
func (w sessionWatch) look(ctx context.Context, c *control.Client, now func() time.Time) (watch.Sight, error) {
	licenses, err := w.licenses(ctx, c)
	if err != nil {
		return watch.Sight{}, err
	}
	sessions, err := c.Sessions(ctx, w.Organization, control.SessionFilter{License: w.License, User: w.User})
	return watch.Sight{At: now(), Licenses: licenses, Sessions: sessions}, err
}

func (w sessionWatch) licenses(ctx context.Context, c *control.Client) ([]api.License, error) {
	if w.License == "" {
		return c.Licenses(ctx, w.Organization)
	}
	one, err := c.License(ctx, w.Organization, w.License)
	return []api.License{one}, err
}
