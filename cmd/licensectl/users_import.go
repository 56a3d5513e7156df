package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type userImport struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	File         string `arg:"" type:"existingfile" help:"CSV in UTF-8. Its first line names the columns: email, and any of name, role and groups, which have semicolons between. Lines that begin with # do not count."`
	Write
}

// imported is what came of one line.
type imported struct {
	Email string `json:"email"`
	// Result is invited, there already or what went wrong.
	Result     string `json:"result"`
	InviteLink string `json:"invite_link"`
}

const thereAlready = "there already"

// Run invites all of them. What is wrong with the file is found before anybody is
// invited; one who cannot be keeps out no other.
func (u userImport) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	file, err := os.Open(u.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	users, err := readUsers(file)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", u.File, err)}
	}
	lines, failures := make([]imported, len(users)), 0
	for i, in := range users {
		if lines[i], err = u.invite(ctx, c, in); err != nil {
			failures++
		}
	}
	columns := []show.Column{{Field: "email", Title: "EMAIL"}, {Field: "result", Title: "RESULT"}, {Field: "invite_link", Title: "LINK"}}
	if err := show.List(a.printer(), lines, columns, func(l imported) string { return u.Organization + "/" + l.Email }); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d of %d users could not be invited: correct their lines, and run this again", failures, len(users))
	}
	return nil
}

// invite names the invitation by what stands in the line, so that the same line, run again
// within a day, is the same invitation.
func (u userImport) invite(ctx context.Context, c *control.Client, in api.UserInput) (imported, error) {
	line := imported{Email: in.Email, Result: "invited"}
	if u.DryRun {
		line.Result = "would be invited"
	}
	made, err := c.InviteUser(ctx, u.Organization, u.key(in), in, u.DryRun)
	if errors.Is(err, api.EmailTaken) {
		if found, failed := c.FindUsers(ctx, u.Organization, in.Email); failed == nil && len(found) == 1 {
			line.Result = thereAlready
			return line, nil
		}
	}
	if err != nil {
		line.Result = problemOf(err)
		return line, err
	}
	line.InviteLink = made.InviteLink
	return line, nil
}

func (u userImport) key(in api.UserInput) string {
	return fmt.Sprintf("import-%x", sha256.Sum256(fmt.Appendf(nil, "%q %q", u.Organization, []any{in.Email, in.Name, in.Role, in.Groups})))
}

// problemOf is what went wrong, on one line.
func problemOf(err error) string {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		return err.Error()
	}
	faults := make([]string, len(p.Errors))
	for i, f := range p.Errors {
		faults[i] = f.Field + " " + f.Message
	}
	if len(faults) == 0 {
		return p.Title
	}
	return strings.Join(faults, "; ")
}

// readUsers reads the file. A column that is misspelt must not be left out unnoticed.
func readUsers(file io.Reader) ([]api.UserInput, error) {
	r := csv.NewReader(file)
	r.TrimLeadingSpace, r.Comment = true, '#'
	columns, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("the line that names the columns: %w", err)
	}
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff") // some programs put it before their text
	known := []string{"email", "name", "role", "groups"}
	for i, column := range columns {
		if !slices.Contains(known, column) || slices.Contains(columns[:i], column) {
			return nil, fmt.Errorf("the column %q is there twice, or none of %s", column, strings.Join(known, ", "))
		}
	}
	if !slices.Contains(columns, known[0]) {
		return nil, errors.New("no column is named email")
	}
	var users []api.UserInput
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return users, nil
		case err != nil:
			return nil, err
		}
		users = append(users, userOf(columns, row))
	}
}

func userOf(columns, row []string) (in api.UserInput) {
	for i, column := range columns {
		switch text := strings.TrimSpace(row[i]); column {
		case "email":
			in.Email = text
		case "name":
			in.Name = text
		case "role":
			in.Role = text
		case "groups":
			for group := range strings.SplitSeq(text, ";") {
				if group = strings.TrimSpace(group); group != "" {
					in.Groups = append(in.Groups, group)
				}
			}
		}
	}
	return in
}
