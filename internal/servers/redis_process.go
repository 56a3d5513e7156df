package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds every wait for a server: far above what a start takes even
// on a loaded machine, far below a test binary's own time limit.
const startLimit = 3 * time.Minute

// pollEvery is how often a wait looks again.
const pollEvery = 5 * time.Millisecond

// RedisProcess is a redis-server process on a loopback port of its own. Its
// methods may be called from any goroutine.
type RedisProcess struct {
	port int
	dir  string

	clocks *Clocks

	mu    sync.Mutex
	args  []string
	clock *clock   // nil: the machine's
	proc  *Process // the current or the last process
}

// Addr is the server's host:port; it stays the same over Kill and Start.
func (r *RedisProcess) Addr() string { return loopback(r.port) }

// Pid is the process id of the running server, or of the last that ran.
func (r *RedisProcess) Pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc.Pid()
}

// Output is the last part of what the server wrote, for error messages.
func (r *RedisProcess) Output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc.Output()
}

// Kill ends the server as a crash would (SIGKILL), with all its data, and
// returns when the process is gone. Killing a dead server changes nothing.
func (r *RedisProcess) Kill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc.Kill()
}

// Start runs a killed server again on the same port, empty and with another
// run_id, and waits until it answers.
func (r *RedisProcess) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.proc.Exited():
		return r.run()
	default:
		return fmt.Errorf("redis-server %s: Start while it is running", r.Addr())
	}
}

// Pause stops the process where it stands (SIGSTOP): connections stay open and
// are still accepted by the kernel, and nothing is answered.
func (r *RedisProcess) Pause() error { return r.signal(syscall.SIGSTOP) }

// Resume lets a paused server continue (SIGCONT); it then works off what was
// sent to it meanwhile.
func (r *RedisProcess) Resume() error { return r.signal(syscall.SIGCONT) }

func (r *RedisProcess) signal(s syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proc.Signal(s)
}

// Promote makes a replica a master, as a failover does: it keeps the data it
// has, takes writes, and has a new replication id (master_replid).
func (r *RedisProcess) Promote(ctx context.Context) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	if err := client.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.args = nil // a later Start runs a master, not a replica of the old one
	return nil
}

// StartRedis starts an empty server on a free port and waits until it answers;
// when somebody else was faster to listen there, on another. It persists
// nothing, evicts nothing and ends by [RedisProcess.Kill].
func StartRedis(dir string, args ...string) (*RedisProcess, error) {
	return (*Clocks)(nil).StartRedis(dir, args...)
}

// StartRedis is the function of that name with a clock for the server.
func (c *Clocks) StartRedis(dir string, args ...string) (*RedisProcess, error) {
	const attempts = 5
	clock, err := c.newClock(dir)
	if err != nil {
		return nil, err
	}
	for range attempts {
		var port int
		if port, err = FindPort(); err != nil {
			return nil, err
		}
		r := &RedisProcess{port: port, dir: dir, args: args, clocks: c, clock: clock}
		if err = r.run(); err == nil {
			return r, nil
		}
	}
	return nil, err
}

// run starts the process and waits until it, and no other server on the same
// port, answers.
func (r *RedisProcess) run() error {
	logFrom := fileSize(filepath.Join(r.dir, "output.log"))
	program, args := r.clocks.command(r.clock, "redis-server", slices.Concat(r.baseArgs(), r.args))
	proc, err := StartProcess(r.dir, program, args...)
	if err != nil {
		return err
	}
	r.proc = proc
	if err := r.waitReady(logFrom); err != nil {
		return errors.Join(fmt.Errorf("redis-server %s: %w; it wrote:\n%s", r.Addr(), err, proc.Output()), proc.Kill())
	}
	return nil
}

func (r *RedisProcess) baseArgs() []string {
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
func (r *RedisProcess) waitReady(logFrom int64) error {
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

// Do sends the server one command, and answers its error.
func (r *RedisProcess) Do(ctx context.Context, args ...any) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return client.Do(ctx, args...).Err()
}

// Follow makes the server a replica of the one at master (host:port), possibly
// through a proxy, and waits until it has the other's data.
func (r *RedisProcess) Follow(ctx context.Context, master string) error {
	host, port, err := net.SplitHostPort(master)
	if err != nil {
		return err
	}
	if err := r.Do(ctx, "REPLICAOF", host, port); err != nil {
		return err
	}
	return r.WaitReplicated(ctx)
}
