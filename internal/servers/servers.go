// Package servers starts real backend servers for tests and for the torture
// command: redis-server (single, replicated, cluster; each with a clock of its own
// where that is to be stepped) and Google's emulators of Firestore, of Pub/Sub and of Identity Platform.
//
// Every server belongs either to one test, which stops it when it ends, or to
// the test process (the Shared functions), which stops it in [Main]. Whatever
// happens to the test process, its servers do not survive it (see process.go).
// A server that is not installed skips the test on a developer's machine and
// fails it in CI: a suite that quietly did not run proves nothing.
package servers

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Runner is what [testing.M] and goleak's TestingM have in common.
type Runner interface {
	// Run executes the tests and returns the process's exit code.
	Run() int
}

// Main wraps a package's tests so that the shared servers are stopped after
// the last test and before anybody looks for leaked goroutines:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(m)) }
//	func TestMain(m *testing.M) { os.Exit(servers.Main(m).Run()) }
func Main(m Runner) Runner { return runThenStop{tests: m} }

type runThenStop struct{ tests Runner }

// Run implements [Runner]; a server that could not be stopped turns success
// into failure, because it would be a process left behind.
func (r runThenStop) Run() int {
	code := r.tests.Run()
	if err := Stop(); err != nil {
		_, _ = os.Stderr.WriteString("servers: stopping shared servers: " + err.Error() + "\n")
		return max(code, 1)
	}
	return code
}

// Stop ends the servers that the tests of this process shared, by process id,
// and removes their folders. It is safe to call again, and a Shared function
// called afterwards starts a new server.
func Stop() error { return shared.stop() }

// registry holds what the tests of one process share.
type registry struct {
	mu      sync.Mutex
	named   map[string][]string // addresses by kind of server
	cleanup []func() error
}

// shared is the package's one mutable variable. Tests of one process have no
// other place in common: each gets only its own testing.TB.
var shared = &registry{named: map[string][]string{}} //nolint:gochecknoglobals // see above

// get returns the addresses of the shared server of that kind, starting it for
// the first that asks. A failed start is not remembered.
func (r *registry) get(kind string, start func() (addresses []string, stop func() error, err error)) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if addresses, running := r.named[kind]; running {
		return addresses, nil
	}
	addresses, stop, err := start()
	if err != nil {
		return nil, err
	}
	r.named[kind] = addresses
	r.cleanup = append(r.cleanup, stop)
	return addresses, nil
}

func (r *registry) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stop := range r.cleanup {
		errs = append(errs, stop())
	}
	r.cleanup = nil
	clear(r.named)
	return errors.Join(errs...)
}

// missing ends a test whose server is not installed: with a failure where the
// environment variable CI is set, otherwise with a skip that says what to do.
func missing(t testing.TB, what, how string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and CI runs every test: %s", what, how)
	}
	t.Skipf("%s is not installed: %s", what, how)
}
