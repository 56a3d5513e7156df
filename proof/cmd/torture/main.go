// Command torture runs the service against real backends, breaks everything that
// can break, and checks that no promise was broken with it.
//
//	go -C proof run ./cmd/torture --seed 7 --duration 3m
//
// It needs redis-server and the Firestore emulator (make test-tools). The seed
// decides the plan: who does what, and which faults come when. The timing is the
// operating system's, so a seed that found something may need several runs to
// find it again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coditect-ai/coditect-licenses/proof/torture"
	"github.com/coditect-ai/coditect-licenses/proof/torture/drill"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
)

// program is the command line: to torture, or to be one of the processes that
// are tortured.
type program struct {
	Run   runCommand   `cmd:"" default:"withargs" help:"Torture the service and print the verdict."`
	Drill drillCommand `cmd:"" help:"Play the outages an operator will meet, one by one, and print what they cost."`
	Serve serveCommand `cmd:"" hidden:"" name:"serve"`
}

type runCommand struct {
	Seed       uint64        `help:"The plan; 0 chooses one."`
	Duration   time.Duration `default:"3m" help:"How long, in all."`
	Active     time.Duration `default:"8s" help:"How long faults are played in a round, which takes three seconds more."`
	Topology   string        `default:"both" enum:"replica,cluster,both" help:"Redis as a primary with a replica, as three masters, or one after the other (${enum})."`
	Workers    int           `default:"3" help:"How many function processes."`
	SessionTTL time.Duration `default:"500ms" help:"How long a session lives; everything else follows."`
	Firestore  string        `default:"optimistic" enum:"optimistic,pessimistic" help:"How the record keeps transactions apart: without locks, or with locks that a dead process leaves for a sixth of a session's life (${enum})."`
	Unguarded  bool          `help:"Judge steps of clocks as if no step were too large for anything to be granted or ended."`
	Faults     []string      `placeholder:"NAME,…" help:"The faults to play: ${faults}. NAME* is all that begin so, !NAME is not played. Default: all."`
	Round      int           `help:"Play this round of each topology alone; 0: all."`
	History    string        `placeholder:"FILE" type:"path" help:"Write every operation and fault here, one JSON object a line."`
	Unbroken   bool          `help:"Play no faults: what is left is load."`
	Verbose    bool          `short:"v" help:"Print the plan of each round."`
}

// Validate is called by kong after parsing.
func (c runCommand) Validate() error {
	if c.Duration <= 0 || c.Active <= 0 || c.Workers < 1 || c.SessionTTL < 100*time.Millisecond || c.Round < 0 {
		return errors.New("--duration, --active and --workers must be positive, --session-ttl at least 100ms, --round not negative")
	}
	return torture.CheckFaults(c.Faults)
}

// Run tortures.
func (c runCommand) Run(ctx context.Context, out io.Writer) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var file io.Writer
	if c.History != "" {
		f, createErr := os.Create(c.History)
		if createErr != nil {
			return createErr
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		file = f
	}
	for c.Seed == 0 {
		c.Seed = uint64(rand.Uint32()) //nolint:gosec // any will do; it is printed
	}
	topologies := []rig.Topology{rig.Replica, rig.Cluster}
	if c.Topology != "both" {
		topologies = []rig.Topology{rig.Topology(c.Topology)}
	}
	if _, err := fmt.Fprintf(out, "torture: seed %d, %s, %v\n", c.Seed, c.Duration, topologies); err != nil {
		return err
	}
	return torture.Run(ctx, torture.Options{
		Seed: c.Seed, Duration: c.Duration, Topologies: topologies, Workers: c.Workers, Pace: torture.Pace(c.SessionTTL), Active: c.Active,
		Launch: rig.Launch{Program: self, Args: []string{"serve"}}, Out: out, Verbose: c.Verbose, Only: c.Round, Unbroken: c.Unbroken, History: file,
		Faults: c.Faults, Unguarded: c.Unguarded, Firestore: torture.Firestore(rig.Concurrency(c.Firestore), c.SessionTTL),
	})
}

type drillCommand struct {
	Only   string        `arg:"" optional:"" help:"The one drill to play: redis-killed, redis-hangs, firestore-unreachable, firestore-hangs, kms-hangs."`
	Outage time.Duration `default:"30s" help:"How long a backend hangs."`
}

// Validate is called by kong after parsing.
func (c drillCommand) Validate() error {
	if c.Only != "" && !slices.Contains(drill.Drills(), c.Only) {
		return fmt.Errorf("no drill %q: there are %v", c.Only, drill.Drills())
	}
	if c.Outage < time.Second || c.Outage > 2*time.Minute {
		return errors.New("--outage must be between 1s and 2m")
	}
	return nil
}

// Run plays the drills.
func (c drillCommand) Run(ctx context.Context, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return drill.Run(ctx, drill.Options{
		Only: c.Only, Outage: c.Outage, Launch: rig.Launch{Program: self, Args: []string{"serve"}}, Out: out,
	})
}

// serveCommand is a function process.
type serveCommand struct {
	Config string `arg:""`
}

// Run serves until the process is killed.
func (c serveCommand) Run(ctx context.Context, out io.Writer) error {
	return worker.Main(ctx, c.Config, out)
}

func main() {
	boot.TuneMemory() // as where the functions are deployed
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	var p program
	parser, err := kong.New(&p,
		kong.Name("torture"), kong.Description("Break everything around the service; find out whether it broke a promise."),
		kong.Vars{"faults": strings.Join(torture.Faults(), ", ")},
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
