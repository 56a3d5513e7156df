package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// TokenFile is where a machine's token goes.
type TokenFile struct {
	Path string `name:"token-file" placeholder:"FILE" help:"Write the token into this file, which must not be there and nobody else may read, and print none."`
}

type userCreateMachine struct {
	Organization string   `arg:"" help:"The organization's id, such as acme."`
	Name         string   `arg:"" help:"What people call the machine, such as build-farm."`
	Role         string   `enum:"member,metrics" default:"member" help:"What it may do: take seats as a member, or read metrics and nothing else."`
	Groups       listFlag `placeholder:"A,B" help:"The machine's groups."`
	TokenFile
	Write
}

// Run makes a machine user.
func (u userCreateMachine) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := User{userID{u.Organization, u.Name}}.subject(c)
	var made api.UserMachine
	done, err := u.keep(u.DryRun, func() (*string, error) {
		made, err = c.CreateMachine(ctx, u.Organization, api.MachineInput{Name: u.Name, Role: u.Role, Groups: or(u.Groups.value)}, u.DryRun)
		return &made.RefreshToken, s.failed("create", err)
	})
	if err != nil {
		return err
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), made, u.Organization+"/"+made.User.ID)
	}
	if err := s.written(a, u.Write, "created", made.User, fields.Said(made.User)); err != nil {
		return err
	}
	return done(a, made.RefreshToken)
}

type userRotateToken struct {
	User
	TokenFile
	Write
}

// Run gives a machine another token.
func (u userRotateToken) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := u.subject(c)
	found, err := s.read(ctx)
	if err != nil {
		return s.failed("rotate the token of", err)
	}
	var made api.MachineToken
	done, err := u.keep(u.DryRun, func() (*string, error) {
		made, err = c.RotateToken(ctx, u.ID.organization, found.ID, u.DryRun)
		return &made.RefreshToken, s.failed("rotate the token of", err)
	})
	if err != nil {
		return err
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), made, u.ID.String())
	}
	if u.DryRun {
		_, err = fmt.Fprintln(a.out, "the token of user "+u.ID.String()+" would be rotated"+dryNote)
		return err
	}
	return done(a, made.RefreshToken)
}

// keep makes the file, then lets the service make the token, and writes it there: where there
// can be no file, no token is made that would be lost. What it answers tells people where the
// token is.
func (f TokenFile) keep(dry bool, ask func() (*string, error)) (func(a *app, token string) error, error) {
	if f.Path == "" || dry {
		_, err := ask()
		return tellToken, err
	}
	file, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, usageError{fmt.Errorf("the token's file: %w", err)}
	}
	token, err := ask()
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(f.Path))
	}
	_, err = fmt.Fprintln(file, *token)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("the token was made and is not in %s: make another one by rotate-token: %w", f.Path, err)
	}
	*token = ""
	return func(a *app, _ string) error {
		_, err := fmt.Fprintln(a.out, "The token is in "+f.Path+". Nobody can read it anywhere else; it is as good as a password.")
		return err
	}, nil
}

func tellToken(a *app, token string) error {
	if token == "" {
		return nil
	}
	_, err := fmt.Fprintln(a.out, "Keep this as a password; nobody can read it again:\n"+token)
	return err
}
