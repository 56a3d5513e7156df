package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// mainVariable makes this test binary the command itself.
const mainVariable = "LOCAL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(servers.Main(m))
}

// patience bounds every wait of these tests.
const patience = 5 * time.Minute

// noEnv is an environment without any variable.
func noEnv(string) string { return "" }

// server is a run of the command inside the test.
type server struct {
	t    *testing.T
	base string
	demo string // what it printed after its address
	stop func()
}

// serveLocal runs the command until the end of the test, or stop.
func serveLocal(t *testing.T, args ...string) *server {
	t.Helper()
	f, err := parseFlags(append([]string{"--addr", "127.0.0.1:0"}, args...), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it outlives t.Context, to end well
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, f, to)
		_ = to.Close()
		ended <- err
	}()
	s := &server{t: t}
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
	t.Cleanup(s.stop)
	s.base, s.demo = greeting(t, bufio.NewReader(from))
	return s
}

// greeting reads what the command prints, up to its last line.
func greeting(t *testing.T, from *bufio.Reader) (base, demo string) {
	t.Helper()
	var printed strings.Builder
	for !strings.Contains(printed.String(), "/dev/scheduler\n") {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", &printed, err)
		}
		printed.WriteString(line)
	}
	first, rest, _ := strings.Cut(printed.String(), "\n")
	base, ok := strings.CutPrefix(first, "listening on ")
	if !ok || !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Fatalf("the first line is %q", first)
	}
	return base, rest
}

// process is a run of the command as a process of its own.
type process struct {
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr strings.Builder
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), mainVariable+"=1")
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSignalsEndItCleanly: Ctrl-C, and what a supervisor sends.
func TestSignalsEndItCleanly(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, "--addr", "127.0.0.1:0")
		base, _ := greeting(t, p.out)
		if r := get(t, base+"/ready"); r.status != http.StatusOK {
			t.Errorf("ready: %d %s", r.status, r.body)
		}
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(p.out)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("%s: %v; %s", s, err, &p.stderr)
		}
		if len(rest) > 0 || p.stderr.Len() > 0 {
			t.Errorf("%s: it printed %q and %q", s, rest, &p.stderr)
		}
	}
}

// TestVerbose: request logs go to stderr, one JSON object a line.
func TestVerbose(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "-v")
	base, _ := greeting(t, p.out)
	get(t, base+"/openapi.json")
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got := p.stderr.String(); !strings.HasPrefix(got, `{"time":`) || !strings.Contains(got, `"message":"openapi 200"`) {
		t.Errorf("stderr: %q", got)
	}
}

// TestStartFailures end with a code that is not 0 and a sentence that helps.
func TestStartFailures(t *testing.T) {
	taken := serveLocal(t)
	addr := strings.TrimPrefix(taken.base, "http://")
	nowhere := "127.0.0.1:1"
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"try --addr 127.0.0.1:0", []string{"--addr", addr}},
		{"redis at " + nowhere, []string{"--addr", "127.0.0.1:0", "--redis", nowhere}},
		{"the address of redis is not host:port", []string{"--addr", "127.0.0.1:0", "--redis", "somewhere"}},
		{"emulator at " + nowhere, []string{"--addr", "127.0.0.1:0", "--firestore", nowhere}},
		{"--session-ttl must be at least", []string{"--session-ttl", "1ms"}},
	} {
		p := start(t, tt.args...)
		out, _ := io.ReadAll(p.out)
		if err := p.cmd.Wait(); err == nil || p.cmd.ProcessState.ExitCode() < 1 {
			t.Errorf("%s: %v", tt.args, err)
		}
		if !strings.Contains(p.stderr.String(), tt.want) || strings.Contains(string(out), "listening") {
			t.Errorf("%s: %q, and %q; want %q", tt.args, &p.stderr, out, tt.want)
		}
	}
}

// TestReachable: what listens everywhere is named by its loopback address.
func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:80": "127.0.0.1:80", "[::]:8080": "127.0.0.1:8080", "127.0.0.1:1": "127.0.0.1:1", "[::1]:2": "[::1]:2", "192.0.2.1:3": "192.0.2.1:3",
	} {
		if got := reachable(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
