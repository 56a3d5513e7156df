package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// Now has what is suspended lose its sessions with it.
type Now struct {
	Now bool `help:"End its sessions at once, and not at their next heartbeat."`
}

func (n Now) when() string {
	if n.Now {
		return "at once"
	}
	return "at their next heartbeat"
}

// note says how many sessions ended. It stands beside the document, which programs read.
func (n Now) note(a *app, ended api.EndedNow, dry bool) {
	if ended.SessionsEnded == nil {
		return
	}
	if dry {
		_, _ = fmt.Fprintf(a.err, "Sessions that would end: %d.\n", *ended.SessionsEnded)
		return
	}
	_, _ = fmt.Fprintf(a.err, "Sessions ended: %d.\n", *ended.SessionsEnded)
	if ended.SessionsLeft {
		_, _ = fmt.Fprintln(a.err, "Some are left, and end at their next heartbeat, or by the same command once more.")
	}
}

type sessionEnd struct {
	Organization string  `arg:"" help:"The organization's id, such as acme."`
	License      *string `placeholder:"ID" help:"Sessions of this license."`
	User         *string `placeholder:"ID" help:"Sessions of this user."`
	All          bool    `help:"All sessions of the organization."`
	Write
	Sure
}

// those are whose sessions are meant. An empty id is a variable of a script that nobody has
// set, and no word for all.
func (s sessionEnd) those() (api.EndSessionsRequest, error) {
	those := api.EndSessionsRequest{All: s.All}
	if s.License != nil {
		those.LicenseID = *s.License
	}
	if s.User != nil {
		those.UserID = *s.User
	}
	empty := s.License != nil && those.LicenseID == "" || s.User != nil && those.UserID == ""
	if empty || s.All == (s.License != nil || s.User != nil) {
		return those, usageError{errors.New("say whose sessions are to end: --license or --user or both, neither empty, or --all alone")}
	}
	return those, nil
}

// Run ends all sessions that are meant, a hundred a request.
func (s sessionEnd) Run(ctx context.Context, a *app) error {
	those, err := s.those()
	if err != nil {
		return err
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	fail := func(err error) error {
		return &show.Failure{Doing: "end sessions of organization " + s.Organization, Look: "licensectl session list " + s.Organization, Err: err}
	}
	if !s.DryRun {
		if err := asking(a, s.Sure, fmt.Sprintf("End these sessions of organization %s? Their programs hear of it at their next heartbeat.", s.Organization))(); err != nil {
			return err
		}
	}
	sum := api.EndSessionsReport{More: true}
	for sum.More {
		r, err := c.EndSessions(ctx, s.Organization, those, s.DryRun)
		if err != nil {
			return fail(err)
		}
		sum.Ended, sum.More = sum.Ended+r.Ended, r.More
		if s.DryRun {
			break
		}
	}
	return s.told(a, sum)
}

func (s sessionEnd) told(a *app, sum api.EndSessionsReport) error {
	if a.program.Output != show.Table {
		return show.One(a.printer(), sum, s.Organization)
	}
	text := fmt.Sprintf("%d sessions of organization %s ended", sum.Ended, s.Organization)
	if s.DryRun {
		least := ""
		if sum.More {
			least = "at least "
		}
		text = fmt.Sprintf("%s%d sessions of organization %s would end%s", least, sum.Ended, s.Organization, dryNote)
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}
