package main

import (
	"context"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type auditCommand struct {
	Organization string `arg:"" optional:"" help:"The organization's id, such as acme; without one, acts on what is no organization's: signing keys, and organizations that were purged."`
	Actor        string `placeholder:"WHO" help:"Acts of this one alone: an e-mail address or a user id."`
	Action       string `placeholder:"ACTION" help:"Acts of this kind alone, such as license.changed."`
	Object       string `placeholder:"OBJECT" help:"Acts on this alone, such as organizations/acme/licenses/acme-pro."`
	From         string `placeholder:"DAY" help:"From this day on (2026-11-01, in UTC), or this time."`
	To           string `placeholder:"DAY" help:"Before this day, or this time."`
	Limit        int    `default:"50" placeholder:"N" help:"So many acts at most; 0: all."`
}

// act is an audit entry as a line of a table.
type act struct {
	At     api.Time `json:"at"`
	Actor  string   `json:"actor"`
	Action string   `json:"action"`
	Object string   `json:"object"`
	Change string   `json:"change"`
}

// Run shows who changed what.
func (c auditCommand) Run(ctx context.Context, a *app) error {
	client, err := a.control()
	if err != nil {
		return err
	}
	entries, err := c.entries(ctx, client)
	if err != nil {
		return err
	}
	if a.program.Output != show.Table {
		return show.List(a.printer(), entries, nil, func(e api.AuditEntry) string { return e.ID })
	}
	acts := make([]act, len(entries))
	for i, e := range entries {
		acts[i] = act{e.At, e.Actor, did(e), e.Object, turned(e)}
	}
	columns := []show.Column{
		{Field: "at", Title: "WHEN"},
		{Field: "actor", Title: "WHO"},
		{Field: "action", Title: "DID"},
		{Field: "object", Title: "TO"},
		{Field: "change", Title: "WHAT"},
	}
	return show.List(a.printer(), acts, columns, nil)
}

func (c auditCommand) entries(ctx context.Context, client *control.Client) ([]api.AuditEntry, error) {
	filter := control.AuditFilter{Actor: c.Actor, Action: c.Action, Object: c.Object, From: c.From, To: c.To}
	if c.Organization == "" {
		entries, err := client.ServiceAudit(ctx, filter, c.Limit)
		if err != nil {
			return nil, &show.Failure{Doing: "read the service's audit", Err: err}
		}
		return entries, nil
	}
	entries, err := client.Audit(ctx, c.Organization, filter, c.Limit)
	if err != nil {
		return nil, &show.Failure{Doing: "read the audit of organization " + c.Organization, Look: "licensectl org list", Err: err}
	}
	return entries, nil
}

// did is the action. What was asked for, or refused, must not look as if it were done.
func did(e api.AuditEntry) string {
	switch e.State {
	case "", "done":
		return e.Action
	}
	return e.Action + " (" + e.State + ")"
}

// internal are fields of the record that say nothing to people: where a session is kept,
// and until when. JSON, YAML and CSV have them.
func internal() []string { return []string{"epoch", "part", "purge_at", "token_ends"} }

// turned is which fields a change gave other values. What was created or deleted as a
// whole is told by the action.
func turned(e api.AuditEntry) string {
	if e.Before == nil || e.After == nil {
		return ""
	}
	var parts []string
	for _, c := range fields.Recorded(e.Before, e.After) {
		if slices.Contains(internal(), c.Field) {
			continue
		}
		parts = append(parts, c.Field+" "+show.Turned(c))
	}
	return strings.Join(parts, ", ")
}
