// Command scale measures what large organizations cost: rebuilds, reaping,
// crowds, lists. Redis is a real server that it starts itself; the record answers as
// slowly as Firestore does. docs/benchmarks.md says how to read the figures.
//
//	go -C proof run ./cmd/scale
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type program struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Measure and print."`
	Rebuild rebuildCommand `cmd:"" hidden:"" help:"Rebuild an organization until killed."`
}

type runCommand struct {
	Sessions      int           `default:"100000" help:"Sessions of the large organization."`
	Most          int           `default:"1000000" help:"Sessions of the largest; 0 leaves it out."`
	Organizations int           `default:"10000" help:"Small organizations that are lost at once, 100 sessions each."`
	Crowd         int           `default:"1000" help:"Programs that come at once to as many expired seats, and acquires a second."`
	Transaction   time.Duration `default:"20ms" help:"What a transaction of the record takes."`
	Page          time.Duration `default:"80ms" help:"What a page of the record takes."`
	Read          time.Duration `default:"20ms" help:"What a document of the record takes, and a query of fifty."`
	Lists         bool          `help:"Measure lists alone."`
}

// measurement is one of what is measured.
type measurement struct {
	what string
	do   func(context.Context) (string, error)
}

// Run measures everything, one after the other.
func (c runCommand) Run(ctx context.Context, out io.Writer) error {
	s, err := newStage(c.Transaction, c.Page) //nolint:contextcheck // starting a server has a deadline of its own
	if err != nil {
		return err
	}
	defer s.close()
	for _, m := range c.measurements(s) {
		figures, err := m.do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
		if _, err := fmt.Fprintf(out, "%-42s %s\n", m.what, figures); err != nil {
			return err
		}
	}
	return nil
}

func (c runCommand) measurements(s *stage) []measurement {
	lists := func(n int) measurement {
		return measurement{fmt.Sprintf("lists of 50 of %d sessions", n), func(ctx context.Context) (string, error) { return s.lists(ctx, n, c.Read) }}
	}
	if c.Lists {
		return []measurement{lists(fewSessions), lists(c.Sessions)}
	}
	return []measurement{
		{fmt.Sprintf("rebuild of %d sessions", c.Sessions), func(ctx context.Context) (string, error) { return s.rebuild(ctx, c.Sessions) }},
		{"... resumed after kill -9", func(ctx context.Context) (string, error) { return s.resume(ctx, c.Sessions) }},
		{fmt.Sprintf("rebuild of %d sessions", c.Most), func(ctx context.Context) (string, error) { return s.rebuild(ctx, c.Most) }},
		{fmt.Sprintf("%d expired at once, one reaper", c.Sessions), func(ctx context.Context) (string, error) { return s.reap(ctx, c.Sessions, 1) }},
		{"... two reapers", func(ctx context.Context) (string, error) { return s.reap(ctx, c.Sessions, 2) }},
		{fmt.Sprintf("%d organizations of 100 lost at once", c.Organizations), func(ctx context.Context) (string, error) { return s.many(ctx, c.Organizations) }},
		{fmt.Sprintf("%d programs on as many expired seats", c.Crowd), func(ctx context.Context) (string, error) { return s.herd(ctx, c.Crowd) }},
		{fmt.Sprintf("%d acquires a second", c.Crowd), func(ctx context.Context) (string, error) { return s.nineOClock(ctx, c.Crowd) }},
		lists(fewSessions), lists(c.Sessions),
	}
}

// fewSessions is what the large organization's lists are compared with.
const fewSessions = 1000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var p program
	k := kong.Parse(&p, kong.Description("Measures what large organizations cost."))
	k.BindTo(ctx, (*context.Context)(nil))
	k.BindTo(io.Writer(os.Stdout), (*io.Writer)(nil))
	k.FatalIfErrorf(k.Run())
}
