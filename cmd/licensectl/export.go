package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type exportCommand struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	User         string `placeholder:"ID" help:"What is known of this user alone."`
	File         string `short:"f" placeholder:"FILE" help:"Write into this file, which must not be there; the standard output, if absent."`
	After        string `placeholder:"CURSOR" help:"Go on behind this cursor, which an export that broke off has printed; what follows is added to the file."`
}

// Run writes all that is known of an organization, a JSON document on each line.
func (e exportCommand) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	out, done, err := e.open(a)
	if err != nil {
		return err
	}
	reached := e.After
	err = c.Export(ctx, control.Export{Organization: e.Organization, User: e.User, After: e.After}, func(lines []byte, after string) error {
		if _, err := out.Write(lines); err != nil {
			return err
		}
		reached = after
		return nil
	})
	if closed := done(); err == nil {
		err = closed
	}
	if err != nil {
		if reached != "" {
			_, _ = fmt.Fprintf(a.err, "What is written is whole up to a cursor. Go on behind it with --after %s\n", reached)
		}
		return &show.Failure{Doing: "export organization " + e.Organization, Look: "licensectl org list", Err: err}
	}
	return nil
}

// open is where the lines go. They tell of people: the file is the caller's alone.
func (e exportCommand) open(a *app) (io.Writer, func() error, error) {
	if e.File == "" {
		return a.out, func() error { return nil }, nil
	}
	how := os.O_CREATE | os.O_EXCL
	if e.After != "" {
		how = os.O_APPEND
	}
	file, err := os.OpenFile(e.File, os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return file, file.Close, nil
}
