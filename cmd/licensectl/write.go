package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// Write is how something is written.
type Write struct {
	DryRun bool `short:"n" help:"Let the service check it and show what would be; write nothing."`
}

// dryNote ends what is told of a dry run.
const dryNote = " (dry run, nothing is written)"

// Match is which revision a change is for.
type Match struct {
	IfMatch string `placeholder:"ETAG" help:"Change it only if it still has this ETag; the one just read, if absent."`
}

// Sure is for what takes something from people.
type Sure struct {
	Yes bool `short:"y" help:"Do not ask."`
}

// subject is an organization, a license or a user: its document D is changed by a patch P.
type subject[D, P any] struct {
	kind, name string
	// look is the command that shows it.
	look   string
	read   func(context.Context) (D, error)
	change func(ctx context.Context, etag string, patch P, dry bool) (D, error)
	// unfinished, if there is one, says of what was changed that it must be changed again,
	// to the same.
	unfinished func(D) bool
}

func (s subject[D, P]) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &show.Failure{Doing: doing + " " + s.kind + " " + s.name, Look: s.look, Err: err}
}

// show prints it.
func (s subject[D, P]) show(ctx context.Context, a *app) error {
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("show", err)
	}
	return show.One(a.printer(), now, s.name)
}

// create creates it.
func (s subject[D, P]) create(ctx context.Context, a *app, w Write, do func(context.Context) (D, error)) error {
	made, err := do(ctx)
	if err != nil {
		return s.failed("create", err)
	}
	return s.written(a, w, "created", made, fields.Said(made))
}

// alter changes it, if the patch says anything new. The question, if there is one, is
// asked before.
func (s subject[D, P]) alter(ctx context.Context, a *app, w Write, m Match, patch P, ask func() error) error {
	before, err := s.read(ctx)
	if err != nil {
		return s.failed("change", err)
	}
	if len(fields.Changes(before, patch)) == 0 && (s.unfinished == nil || !s.unfinished(before)) {
		return s.written(a, w, "", before, nil)
	}
	if ask != nil && !w.DryRun {
		if err := ask(); err != nil {
			return err
		}
	}
	after, err := s.change(ctx, cmp.Or(m.IfMatch, etagOf(before)), patch, w.DryRun)
	if err != nil {
		return s.failed("change", err)
	}
	return s.written(a, w, "changed", after, fields.Changes(before, after))
}

// written shows a write with what each field was and is; programs get what is there now.
func (s subject[D, P]) written(a *app, w Write, done string, now D, changes []fields.Change) error {
	p := a.printer()
	notePast(a, s.kind+" "+s.name, changes)
	if p.Format != show.Table {
		return show.One(p, now, s.name)
	}
	what := s.kind + " " + s.name
	switch {
	case done == "":
		what += ": no change"
	case w.DryRun:
		what += " would be " + done + dryNote
	default:
		what += " " + done
	}
	_, _ = fmt.Fprintln(p.Out, what)
	show.Changes(p, changes)
	return nil
}

// notePast says that an end which was just given is over. It may be meant, to end a license
// at once; more often the year is mistyped.
func notePast(a *app, what string, changes []fields.Change) {
	for _, c := range changes {
		if end, err := time.Parse(time.RFC3339, c.After); c.Field == "expires_at" && err == nil && end.Before(time.Now()) {
			_, _ = fmt.Fprintf(a.err, "Note: the end of %s, %s, is in the past: no seat of it is granted.\n", what, show.Human(c.Field, c.After))
		}
	}
}

// asking is the question before something ends sessions, unless the answer is there.
func asking(a *app, sure Sure, question string) func() error {
	return func() error {
		if sure.Yes {
			return nil
		}
		return a.confirm(question)
	}
}

func etagOf(document any) string { return fields.Value(fields.Of(document), fields.ETag) }
