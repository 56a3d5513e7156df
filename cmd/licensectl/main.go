// Command licensectl sells licenses from a terminal: organizations, their licenses, and
// who changed what. It is a client of the vendor's API and needs nothing else.
//
// It ends with 0 if all was done, 1 if something was refused or failed, 2 if the command
// line says nothing valid, and 3 if diff --exit-code found differences.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// The statuses that the process ends with, beside 0.
const (
	statusFailed  = 1
	statusUsage   = 2
	statusDiffers = 3
)

// usageError is a command line that says nothing valid.
type usageError struct{ error }

// Unwrap is what is wrong with it.
func (e usageError) Unwrap() error { return e.error }

// errDiffers is what diff --exit-code has found. It has printed it.
var errDiffers = errors.New("there are differences")

// program is the command line.
type program struct {
	Connection
	Output string `short:"o" enum:"table,json,yaml,csv,name" default:"table" help:"How to print: ${enum}."`

	Org        orgCommands       `cmd:"" help:"Organizations: who buys."`
	License    licenseCommands   `cmd:"" help:"Licenses: what an organization has bought."`
	Session    sessionCommands   `cmd:"" help:"Sessions: who has a seat now."`
	User       userCommands      `cmd:"" help:"Users: who may sign in for an organization, and what they may do."`
	Webhook    webhookCommands   `cmd:"" help:"Webhooks: who is told what happens."`
	Usage      usageCommands     `cmd:"" help:"Usage: how seats were used and refused."`
	Key        keyCommands       `cmd:"" help:"Keys of license tokens: which one signs, and why."`
	Ledger     ledgerCommands    `cmd:"" help:"Seat ledgers: what counts the seats, compared with the record."`
	Audit      auditCommand      `cmd:"" help:"Who changed what, newest first."`
	Export     exportCommand     `cmd:"" help:"Write all that is known of an organization, or of one of its users."`
	Import     importCommand     `cmd:"" help:"Make organizations and licenses as an export has them."`
	Purge      purgeCommand      `cmd:"" help:"Erase an organization, or one of its users, for good."`
	Diff       diffCommand       `cmd:"" help:"What apply would do."`
	Apply      applyCommand      `cmd:"" help:"Make organizations and licenses as files say."`
	Doctor     doctorCommand     `cmd:"" help:"What stands between this machine and the service, and what to do."`
	Completion completionCommand `cmd:"" help:"Lines that teach a shell to complete commands."`
	Version    versionCommand    `cmd:"" help:"Which version this is."`
}

// Connection is which service is asked, and in whose name.
type Connection struct {
	Local    bool   `env:"LICENSECTL_LOCAL" help:"Ask the local stack (go run ./cmd/local), as its staff."`
	Endpoint string `env:"LICENSECTL_ENDPOINT" placeholder:"URL" help:"The service's address; with --local ${local}, if absent."`

	Audience             string `env:"LICENSECTL_AUDIENCE" placeholder:"URL" help:"What the service takes ID tokens for (control_audience of terraform output); the endpoint, if absent."`
	IdentityTokenCommand string `env:"LICENSECTL_IDENTITY_TOKEN_COMMAND" placeholder:"COMMAND" help:"Prints an ID token for the audience, for which {audience} stands; no shell reads it. If absent: the file of GOOGLE_APPLICATION_CREDENTIALS, gcloud, or the machine's own account."`
	Impersonate          string `env:"LICENSECTL_IMPERSONATE" placeholder:"ACCOUNT" help:"The service account to act as."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], ours())
	stop()
	os.Exit(status)
}

// run does what the arguments say, and returns the status to end with.
func run(ctx context.Context, args []string, t terminal) int {
	var p program
	a := &app{terminal: t, program: &p}
	parser, err := newParser(ctx, &p, a)
	if err != nil {
		return a.failed(err)
	}
	if line, ok := os.LookupEnv(completionVariable); ok {
		complete(t.out, parser.Model.Node, line)
		return 0
	}
	command, err := parser.Parse(args)
	if err != nil {
		return a.failed(usageError{err})
	}
	return a.failed(command.Run())
}

func newParser(ctx context.Context, p *program, a *app) (*kong.Kong, error) {
	return kong.New(p,
		kong.Name("licensectl"), kong.Description("Sell floating licenses: organizations, their licenses, who changed what."),
		kong.Writers(a.out, a.err), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"local": control.LocalEndpoint},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a),
	)
}

// app is what a command works with.
type app struct {
	terminal
	program *program
	client  *control.Client
}

// failed tells of an error, and returns the status to end with.
func (a *app) failed(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDiffers):
		return statusDiffers
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(a.err, "licensectl: %v (--help tells more)\n", err)
		return statusUsage
	}
	show.Error(a.err, err)
	return statusFailed
}

func (a *app) printer() show.Printer {
	return show.Printer{Out: a.out, Format: a.program.Output, Color: a.color}
}

// control is a client of the service that the command line names.
func (a *app) control() (*control.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	c := a.program.Connection
	if c.Local {
		c.Endpoint = cmp.Or(c.Endpoint, control.LocalEndpoint)
	}
	if c.Endpoint == "" {
		return nil, usageError{errors.New("no service is named: say --endpoint URL (or LICENSECTL_ENDPOINT), or --local")}
	}
	endpoint, err := control.CheckEndpoint(c.Endpoint, c.Local)
	if err != nil {
		return nil, usageError{err}
	}
	token := control.Identity{Audience: cmp.Or(c.Audience, endpoint), Command: c.IdentityTokenCommand, Impersonate: c.Impersonate}.Token()
	if c.Local {
		token = control.LocalToken(endpoint)
	}
	a.client = control.New(endpoint, token)
	return a.client, nil
}
