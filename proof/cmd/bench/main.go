// Command bench measures the service against a real redis-server that it
// starts itself, and prints what a request costs beside what a bare HTTP
// handler and a bare script call cost in the very same run.
//
//	go -C proof run ./cmd/bench
//
// The function, the bare handler and the KMS stand-in run in processes of their
// own (this program, started again), so that each one's CPU time can be told.
// docs/benchmarks.md says how to read the numbers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// program is the command line: to measure, or to be one of the processes that
// a measurement starts.
type program struct {
	Run      runCommand      `cmd:"" default:"withargs" help:"Measure and print."`
	Function functionCommand `cmd:"" hidden:"" name:"serve-function"`
	Bare     bareCommand     `cmd:"" hidden:"" name:"serve-bare"`
	KMS      kmsCommand      `cmd:"" hidden:"" name:"serve-kms"`
}

type runCommand struct {
	Duration    time.Duration `default:"2s" help:"How long each cell is measured."`
	Connections []int         `default:"1,8,64" help:"Keep-alive connections to measure with."`
	Rounds      int           `default:"3" help:"How often all cells are measured; the round whose heartbeats cost the median is shown."`
	Quick       bool          `help:"Everything at a fraction of its size: shows that it works, measures nothing."`
	Profile     string        `placeholder:"FILE" type:"path" help:"Write the function's CPU profile of the heartbeats here (go tool pprof)."`
}

// Validate is called by kong after parsing.
func (c runCommand) Validate() error {
	if c.Duration < time.Millisecond {
		return errors.New("--duration must be at least 1ms")
	}
	if c.Rounds < 1 {
		return errors.New("--rounds must be at least 1")
	}
	if len(c.Connections) == 0 {
		return errors.New("--connections names no number")
	}
	for _, n := range c.Connections {
		if n < 1 || n > 1024 {
			return fmt.Errorf("--connections: %d is not between 1 and 1024", n)
		}
	}
	return nil
}

// Run measures everything.
func (c runCommand) Run(ctx context.Context, out io.Writer) error {
	r, err := measure(ctx, c.plan())
	if err != nil {
		return err
	}
	return r.print(out)
}

// plan is what is measured, and how large.
type plan struct {
	duration    time.Duration
	connections []int
	rounds      int
	// levels are the numbers of living seats of a license to acquire at,
	// ascending; the last is also what the memory is measured with.
	levels []int
	// rebuilt is how many sessions a rebuild brings back, rebuilds how often.
	rebuilt, rebuilds int
	// pool is how many sessions are made to be released, per second of duration.
	pool    int
	profile string
	quick   bool
}

func (c runCommand) plan() plan {
	p := plan{
		duration: c.Duration, connections: c.Connections, rounds: c.Rounds, profile: c.Profile, quick: c.Quick,
		levels: []int{1, 1_000, 100_000}, rebuilt: 100_000, rebuilds: 5, pool: 6_000,
	}
	if c.Quick {
		p.duration, p.connections, p.rounds = 50*time.Millisecond, []int{1, 2}, 1
		p.levels, p.rebuilt, p.rebuilds = []int{1, 50, 500}, 1_000, 1
	}
	return p
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	var p program
	parser, err := kong.New(&p,
		kong.Name("bench"), kong.Description("What the service costs, in ratios of one run."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(out, (*io.Writer)(nil)),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return command.Run()
}
