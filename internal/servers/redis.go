package servers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startLimit bounds every wait for a server: far above what a start takes even
// on a loaded machine, far below a test binary's own time limit.
const startLimit = 30 * time.Second

// pollEvery is how often a wait looks again.
const pollEvery = 5 * time.Millisecond

const howToInstallRedis = "run `make test` (it runs scripts/install-test-tools.sh), " +
	"or install it yourself: `sudo apt-get install redis-server` or `brew install redis`"

// RedisServer is a redis-server process on a loopback port of its own. Its
// methods may be called from any goroutine of the test it belongs to; what
// goes wrong in them fails that test.
type RedisServer struct {
	t    testing.TB
	port int
	dir  string

	mu   sync.Mutex
	args []string
	proc *process // the current or the last process
}

// Redis starts an empty redis-server for this test and waits until it answers.
// It persists nothing, evicts nothing (as production is configured) and ends
// with the test. args are appended to its command line, for example
// "--requirepass", "…".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	requireRedis(t)
	server, err := newRedis(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	server.t = t
	t.Cleanup(server.end)
	return server
}

// SharedRedis returns the address (host:port) of a redis-server that all tests
// of this process share: they must use keys of their own and leave the server
// as a whole alone. [Main] or [Stop] ends it.
func SharedRedis(t testing.TB) string {
	t.Helper()
	requireRedis(t)
	addresses, err := shared.get("redis", startSharedRedis)
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func startSharedRedis() ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "redis-shared-*")
	if err != nil {
		return nil, nil, err
	}
	server, err := newRedis(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error { return errors.Join(server.proc.kill(), os.RemoveAll(dir)) }
	return []string{server.Addr()}, stop, nil
}

// Addr is the server's host:port; it stays the same over Kill and Start.
func (r *RedisServer) Addr() string { return loopback(r.port) }

// Pid is the process id of the running server, or of the last that ran.
func (r *RedisServer) Pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc.pid
}

// Kill ends the server as a crash would (SIGKILL), with all its data, and
// returns when the process is gone. Killing a dead server changes nothing.
func (r *RedisServer) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check(r.proc.kill())
}

// Start runs a killed server again on the same port, empty and with another
// run_id, and waits until it answers.
func (r *RedisServer) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.proc.exited:
		r.check(r.run())
	default:
		r.t.Errorf("redis-server %s: Start while it is running", r.Addr())
	}
}

// Pause stops the process where it stands (SIGSTOP): connections stay open and
// are still accepted by the kernel, and nothing is answered.
func (r *RedisServer) Pause() { r.signal(syscall.SIGSTOP) }

// Resume lets a paused server continue (SIGCONT); it then works off what was
// sent to it meanwhile.
func (r *RedisServer) Resume() { r.signal(syscall.SIGCONT) }

func (r *RedisServer) signal(s syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check(r.proc.signal(s))
}

// check fails the test without ending the calling goroutine, which need not be
// the test's own.
func (r *RedisServer) check(err error) {
	if err != nil {
		r.t.Errorf("redis-server %s: %v", r.Addr(), err)
	}
}

func (r *RedisServer) end() {
	r.Kill()
	if r.t.Failed() {
		r.t.Logf("redis-server %s wrote:\n%s", r.Addr(), r.proc.output())
	}
}

func requireRedis(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "redis-server", howToInstallRedis)
	}
}

// newRedis starts a server on a free port; when somebody else was faster to
// listen there, on another.
func newRedis(dir string, args ...string) (*RedisServer, error) {
	const attempts = 5
	var err error
	for range attempts {
		var port int
		if port, err = freePort(); err != nil {
			return nil, err
		}
		r := &RedisServer{port: port, dir: dir, args: args}
		if err = r.run(); err == nil {
			return r, nil
		}
	}
	return nil, err
}

// run starts the process and waits until it, and no other server on the same
// port, answers.
func (r *RedisServer) run() error {
	logFrom := fileSize(filepath.Join(r.dir, "output.log"))
	proc, err := startProcess(r.dir, "redis-server", slices.Concat(r.baseArgs(), r.args)...)
	if err != nil {
		return err
	}
	r.proc = proc
	if err := r.waitReady(logFrom); err != nil {
		return errors.Join(fmt.Errorf("redis-server %s: %w; it wrote:\n%s", r.Addr(), err, proc.output()), proc.kill())
	}
	return nil
}

func (r *RedisServer) baseArgs() []string {
	return []string{
		"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
		"--maxmemory-policy", "noeviction",
		// The master's setting, 5 s by default: a replica would wait that long.
		"--repl-diskless-sync-delay", "0",
	}
}

// waitReady waits for the process's own word that it listens (a PING alone
// might be answered by somebody else's server), then for an answer.
func (r *RedisServer) waitReady(logFrom int64) error {
	return waitFor(r.proc.exited, func() bool {
		return strings.Contains(readFrom(r.proc.logPath, logFrom), "Ready to accept connections") && answers(r.Addr())
	})
}

// answers says whether a Redis answers PING, with PONG or with a demand for
// the password.
func answers(address string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH")
}

// waitFor polls until done, the death of the process, or startLimit.
func waitFor(exited <-chan struct{}, done func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	for !done() {
		select {
		case <-exited:
			return errors.New("the process ended")
		case <-limit.C:
			return fmt.Errorf("not ready after %s", startLimit)
		case <-tick.C:
		}
	}
	return nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func readFrom(path string, offset int64) string {
	text, err := os.ReadFile(path)
	if err != nil || int64(len(text)) < offset {
		return ""
	}
	return string(text[offset:])
}
