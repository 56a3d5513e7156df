package servers

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// clockSource is preloaded into servers that have a clock of their own.
//
//go:embed clock/clock.c
var clockSource []byte

const howToInstallCompiler = "run `make test` (it runs scripts/install-test-tools.sh), " +
	"or install a C compiler yourself: `sudo apt-get install gcc libc6-dev`"

// compileLimit bounds the compilation of one small file.
const compileLimit = 3 * time.Minute

// Clocks start redis-servers that have a wall clock each, which can be stepped
// ([RedisProcess.StepClock]): TIME follows it, and what measures durations inside
// the server does not. Without Clocks (nil) the servers have the machine's clock.
type Clocks struct{ library string }

// CompileClocks builds what is preloaded into the servers; dir must outlive them.
// It takes a C compiler, and Linux.
func CompileClocks(dir string) (*Clocks, error) {
	compiler, err := findCompiler()
	if err != nil {
		return nil, err
	}
	source := filepath.Join(dir, "clock.c")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		return nil, err
	}
	c := &Clocks{library: filepath.Join(dir, "clock.so")}
	ctx, cancel := context.WithTimeout(context.Background(), compileLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, compiler, "-shared", "-fPIC", "-O2", "-o", c.library, source).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("clocks of servers' own: %w\n%s", err, out)
	}
	return c, nil
}

// SharedClocks are what all tests of this process start servers with whose clocks
// are stepped. Without a C compiler the test ends as without a server.
func SharedClocks(t testing.TB) *Clocks {
	t.Helper()
	requireClocks(t)
	found, err := shared.get("clocks", compileShared)
	if err != nil {
		t.Fatal(err)
	}
	return &Clocks{library: found[0]}
}

func requireClocks(t testing.TB) {
	t.Helper()
	if _, err := findCompiler(); err != nil {
		missing(t, "a C compiler", err.Error()+"; "+howToInstallCompiler)
	}
}

// findCompiler also says so where no library can be preloaded.
func findCompiler() (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("clocks of servers' own, on %s: %w", runtime.GOOS, errNotInstalled)
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return "", fmt.Errorf("cc: %w", errNotInstalled)
	}
	return compiler, nil
}

func compileShared() ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "clocks-shared-*")
	if err != nil {
		return nil, nil, err
	}
	c, err := CompileClocks(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return []string{c.library}, func() error { return os.RemoveAll(dir) }, nil
}

// command is the program with its clock: a variable of its environment alone, so
// that nothing else is preloaded.
func (c *Clocks) command(clock *clock, program string, args []string) (string, []string) {
	if c == nil {
		return program, args
	}
	return "env", append([]string{"LD_PRELOAD=" + c.library, "SERVERS_CLOCK=" + clock.path, program}, args...)
}

// clock is how far one server's clock is from the machine's, in a file that the
// server has mapped.
type clock struct {
	path   string
	offset time.Duration
}

// newClock is the clock of a server whose files are in dir; nil without Clocks.
func (c *Clocks) newClock(dir string) (*clock, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no clock of its own is no error
	}
	k := &clock{path: filepath.Join(dir, "clock")}
	err := k.set(0)
	return k, err
}

// set is one write of eight aligned bytes, which the server sees whole.
func (k *clock) set(offset time.Duration) error {
	file, err := os.OpenFile(k.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(offset.Milliseconds())), 0)
	if err == nil {
		k.offset = offset
	}
	return errors.Join(err, file.Close())
}

// StepClock moves the server's clock by d, to whole milliseconds: forward, or
// back if d is negative. It counts at once, and stays over Kill and Start.
func (r *RedisProcess) StepClock(d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock == nil {
		return fmt.Errorf("redis-server %s has the machine's clock", r.Addr())
	}
	return r.clock.set(r.clock.offset + d.Truncate(time.Millisecond))
}

// ClockOffset is how far the server's clock is ahead of the machine's.
func (r *RedisProcess) ClockOffset() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock == nil {
		return 0
	}
	return r.clock.offset
}
