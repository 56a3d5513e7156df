// Command mutants breaks each guard of the seat protocol in turn and wants a
// test to notice.
//
//	go -C proof run ./mutants
//	go -C proof run ./mutants -run tombstone -v
//	go -C proof run ./mutants -check
//
// A mutant is a file patches/GUARD.patch, or patches/GUARD.VARIANT.patch where a
// guard can be broken in several ways. To write one, break the guard in the tree,
// put the output of git diff below a head of four lines, and take the change back:
//
//	Guard: the rule that the patch breaks
//	Without it: what goes wrong
//	Test: shared/record TestThatMustFail/and its subtest
//	File: shared/record/memory.go, shared/record/sessions.go
//
//	diff --git a/shared/record/memory.go b/shared/record/memory.go
//
// The tree itself is never touched: git applies the patch to copies, and go build
// takes them by its -overlay. Lines may have moved since, but no line of a patch
// may differ. Every test is first run on the tree as it is, because a test that
// fails anyway proves nothing. A mutant that does not apply or compile, or that
// only hangs, is not caught either.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
	check := flags.Bool("check", false, "only check that the patches fit the tree")
	timeout := flags.Duration("timeout", time.Minute, "a test that takes longer hangs")
	verbose := flags.Bool("v", false, "show what each guard is for, and what the tests wrote")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*pick)
	if err != nil {
		return err
	}
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	mutants, err := read(os.DirFS(filepath.Join(root, "proof", "mutants", "patches")))
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mutants-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	t := tally{workshop{root: root, tmp: tmp, timeout: *timeout}, out, *verbose}
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !wanted.MatchString(m.name) })
	if *check {
		return t.check(ctx, mutants)
	}
	return t.all(ctx, mutants)
}

// repository is the folder that holds the module of this command.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// tally tries mutants and counts.
type tally struct {
	workshop

	out     io.Writer
	verbose bool
}

// all wants every mutant caught.
func (t tally) all(ctx context.Context, mutants []mutant) error {
	start := time.Now()
	if err := t.unmutated(ctx, mutants); err != nil {
		return err
	}
	caught := 0
	for _, m := range mutants {
		begin := time.Now()
		r := t.try(ctx, m)
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.verdict == caughtIt {
			caught++
		}
		t.printf("%-8s %-46s %5.1fs  %s\n", r.verdict, m.name, time.Since(begin).Seconds(), r.by)
		if t.verbose || r.verdict != caughtIt {
			t.printf("  %s\n  without it: %s\n%s", m.guard, m.without, indented(r.output))
		}
	}
	t.printf("caught %d / %d in %s\n", caught, len(mutants), time.Since(start).Round(time.Second))
	return shortfall(caught, len(mutants), "caught")
}

// unmutated runs every test once on the tree as it is.
func (t tally) unmutated(ctx context.Context, mutants []mutant) error {
	start, n := time.Now(), 0
	tests := map[string][]test{}
	for _, m := range mutants {
		if pkg := m.test.pkg; !slices.Contains(tests[pkg], m.test) {
			tests[pkg] = append(tests[pkg], m.test)
			n++
		}
	}
	for pkg, some := range tests {
		if err := t.sound(ctx, pkg, some); err != nil {
			return err
		}
	}
	t.printf("%d tests pass unmutated in %s\n", n, time.Since(start).Round(time.Second))
	return nil
}

// check names the mutants that do not fit the tree.
func (t tally) check(ctx context.Context, mutants []mutant) error {
	fit := len(mutants)
	for _, m := range mutants {
		if err := t.fits(ctx, m); err != nil {
			fit--
			t.printf("%-8s %s\n%s", unfit, m.name, indented(err.Error()))
		}
	}
	t.printf("%d / %d patches fit\n", fit, len(mutants))
	return shortfall(fit, len(mutants), "fit for the tree")
}

// shortfall is the command's error unless all did well, and there were some.
func shortfall(good, all int, how string) error {
	if good < all || all == 0 {
		return fmt.Errorf("%d of %d mutants are %s", good, all, how)
	}
	return nil
}

func (t tally) printf(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }
