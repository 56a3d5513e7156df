package main

import (
	"context"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/watch"
)

type sessionCommands struct {
	List    sessionList    `cmd:"" help:"List who has a seat now, the newest first."`
	Watch   sessionWatch   `cmd:"" help:"Show live who has a seat, and which license has how many left."`
	Show    sessionShow    `cmd:"" help:"Show a session."`
	Release sessionRelease `cmd:"" help:"End a session: its seat is free at once, its program hears of it at its next heartbeat."`
	EndAll  sessionEnd     `cmd:"" name:"end-all" help:"End all sessions of a user, of a license or of the organization."`
}

type sessionList struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	License      string `placeholder:"ID" help:"Sessions of this license alone."`
	User         string `placeholder:"ID" help:"Sessions of this user alone."`
	Project      string `placeholder:"NAME" help:"Sessions for this project alone: without --license and --user."`
	Machine      string `placeholder:"ID" help:"Sessions on this machine alone: its fingerprint, which is hardware_id of -o json."`
	State        string `enum:",active,ending,expired,unknown" default:"" placeholder:"STATE" help:"Sessions of this state alone: active, ending, expired or unknown."`
	Text         string `placeholder:"WORDS" help:"Sessions alone that have this, in capitals or not, somewhere in user, project, program or host name."`
	Sort         string `enum:"since,heartbeat,expires,user" default:"since" help:"By what: ${enum}. Since has the newest first, the others the earliest. By others than since, a thousand sessions at most."`
	Reverse      bool   `help:"The other way round."`
}

// filter is what the service is asked for.
func (l sessionList) filter() control.SessionFilter {
	order := map[string][2]string{
		"since":     {"", api.SortOldest}, // the newest first is as the service has it
		"heartbeat": {api.SortHeartbeat, api.SortHeartbeatDown},
		"expires":   {api.SortExpiry, api.SortExpiryDown}, "user": {api.SortUser, api.SortUserDown},
	}[l.Sort]
	sort := order[0]
	if l.Reverse {
		sort = order[1]
	}
	return control.SessionFilter{
		License: l.License, User: l.User, Project: l.Project, Machine: l.Machine, State: l.State, Text: l.Text, Sort: sort,
	}
}

// seat is a live session as a line of a table.
type seat struct {
	SessionID string   `json:"session_id"`
	License   string   `json:"license"`
	User      string   `json:"user"`
	Machine   string   `json:"machine"`
	Program   string   `json:"program"`
	Project   string   `json:"project"`
	Since     api.Time `json:"since"`
	Heartbeat api.Time `json:"heartbeat"`
	Expires   api.Time `json:"expires"`
	State     string   `json:"state"`
}

func seatOf(s api.LiveSession) seat {
	return seat{
		SessionID: s.SessionID, License: s.LicenseID, User: s.UserID, Machine: watch.Machine(s),
		Program: watch.Program(s), Project: s.Client.Project,
		Since: s.AcquiredAt, Heartbeat: s.LastHeartbeatAt, Expires: s.ExpiresAt, State: s.State,
	}
}

// Run lists who has a seat.
func (l sessionList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Sessions(ctx, l.Organization, l.filter())
	if err != nil {
		return &show.Failure{Doing: "list sessions of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	if a.program.Output != show.Table {
		return show.List(a.printer(), list, nil, func(s api.LiveSession) string { return l.Organization + "/" + s.SessionID })
	}
	seats := make([]seat, len(list))
	for i, s := range list {
		seats[i] = seatOf(s)
	}
	columns := []show.Column{
		{Field: "session_id", Title: "SESSION"},
		{Field: "license", Title: "LICENSE"},
		{Field: "user", Title: "USER"},
		{Field: "machine", Title: "MACHINE"},
		{Field: "program", Title: "PROGRAM"},
		{Field: "project", Title: "PROJECT"},
		{Field: "since", Title: "SINCE"},
		{Field: "heartbeat", Title: "HEARTBEAT"},
		{Field: "state", Title: "STATE"},
	}
	return show.List(a.printer(), seats, columns, nil)
}

// Session is the session that a command is about.
type Session struct {
	ID sessionID `arg:"" name:"organization/session" help:"Whose, and its id, as session list -o name prints them."`
}

func (s Session) failed(doing string, err error) error {
	return &show.Failure{Doing: doing + " session " + s.ID.String(), Look: "licensectl session list " + s.ID.organization, Err: err}
}

type sessionShow struct{ Session }

// Run shows a session.
func (s sessionShow) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.Session(ctx, s.ID.organization, s.ID.session)
	if err != nil {
		return s.failed("show", err)
	}
	if a.program.Output == show.Table {
		return show.One(a.printer(), seatOf(found), "")
	}
	return show.One(a.printer(), found, s.ID.String())
}

type sessionRelease struct {
	Session
	Write
	Sure
}

// Run ends a session.
func (s sessionRelease) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.Session(ctx, s.ID.organization, s.ID.session)
	if err != nil {
		return s.failed("release", err)
	}
	if !s.DryRun {
		seat := seatOf(found)
		question := fmt.Sprintf("Release the seat of %s on %s? Its program hears of it at its next heartbeat.", seat.User, seat.Machine)
		if err := asking(a, s.Sure, question)(); err != nil {
			return err
		}
	}
	if err := c.ReleaseSession(ctx, s.ID.organization, s.ID.session, s.DryRun); err != nil {
		return s.failed("release", err)
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), found, s.ID.String())
	}
	text := " released"
	if s.DryRun {
		text = " would be released" + dryNote
	}
	_, err = fmt.Fprintln(a.out, "session "+s.ID.String()+text)
	return err
}
