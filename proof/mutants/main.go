// Command mutants breaks each guard of the seat protocol in turn and wants a
// test to notice.
//
//	go run ./mutants
//	go run ./mutants -run tombstone -v
//
// A mutant is this module with a few lines changed, by go build's -overlay: the
// files themselves are never touched. Every test is first run on the module as
// it is, so that a test that fails anyway proves nothing; a mutant that does not
// compile, or that only hangs, is not caught either.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := program(ctx, os.Args[1:], os.Stdout); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// program is main with its surroundings handed in.
func program(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	pick := flags.String("run", "", "only mutants whose name this regular expression matches")
	timeout := flags.Duration("timeout", time.Minute, "a test that takes longer hangs")
	verbose := flags.Bool("v", false, "show what each guard is for, and what the tests wrote")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*pick)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mutants-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	w := &workshop{root: root, tmp: tmp, timeout: *timeout}
	return tally{out: out, verbose: *verbose}.all(ctx, w, chosen(guards(), wanted))
}

// chosen are the guards with those of their mutants that are wanted.
func chosen(all []guard, wanted *regexp.Regexp) []guard {
	var out []guard
	for _, g := range all {
		var mutants []mutant
		for _, m := range g.mutants {
			if wanted.MatchString(g.title(m)) {
				mutants = append(mutants, m)
			}
		}
		if g.mutants = mutants; len(mutants) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// tally runs mutants and tells.
type tally struct {
	out     io.Writer
	verbose bool
}

func (t tally) all(ctx context.Context, w *workshop, guards []guard) error {
	start := time.Now()
	if err := t.sound(ctx, w, guards); err != nil {
		return err
	}
	caught, total := 0, 0
	for _, g := range guards {
		if t.verbose {
			t.printf("\n%s: %s\n  without it: %s\n", g.name, g.keeps, g.without)
		}
		for _, m := range g.mutants {
			begin := time.Now()
			r := w.try(ctx, m)
			if err := ctx.Err(); err != nil {
				return err
			}
			total++
			if r.verdict == caughtIt {
				caught++
			}
			t.printf("%-8s %-44s %5.1fs  %s\n", r.verdict, g.title(m), time.Since(begin).Seconds(), r.by)
			if t.verbose || r.verdict != caughtIt {
				t.printf("%s", indented(r.output))
			}
		}
	}
	t.printf("caught %d / %d in %s\n", caught, total, time.Since(start).Round(time.Second))
	switch {
	case total == 0:
		return errors.New("no mutant has such a name")
	case caught < total:
		return fmt.Errorf("%d of %d mutants were not caught", total-caught, total)
	}
	return nil
}

// sound runs every test once on the module as it is.
func (t tally) sound(ctx context.Context, w *workshop, guards []guard) error {
	start := time.Now()
	tests := map[bench][]test{}
	for _, g := range guards {
		for _, m := range g.mutants {
			if b := m.bench(); !slices.Contains(tests[b], m.test) {
				tests[b] = append(tests[b], m.test)
			}
		}
	}
	n := 0
	for b, some := range tests {
		if err := w.sound(ctx, b, some); err != nil {
			return err
		}
		n += len(some)
	}
	t.printf("%d tests pass unmutated in %s\n", n, time.Since(start).Round(time.Second))
	return nil
}

func (t tally) printf(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }
