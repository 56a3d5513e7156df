package deployed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

const (
	// startLimit bounds a start: far above what one takes on a loaded machine.
	startLimit = 30 * time.Second
	// killLimit is when Cloud Run sends SIGKILL after SIGTERM.
	// https://cloud.google.com/run/docs/container-contract#instance-shutdown
	killLimit = 10 * time.Second
)

// process is the deployed program, running.
type process struct {
	t      *testing.T
	target string
	base   string // http://127.0.0.1:port
	cmd    *exec.Cmd
	exited chan struct{} // closed once it is gone; then cmd.ProcessState is its end

	stdout, stderr output
}

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// launch runs the usual program with this environment and nothing else.
func launch(t *testing.T, target string, environment []string) *process {
	t.Helper()
	return usual.launch(t, target, environment)
}

// launch runs the program with this environment and nothing else.
//
// The goroutine that forks keeps its thread until the child is gone: the
// kernel takes that thread for the parent of dieWithParent.
func (b *binary) launch(t *testing.T, target string, environment []string) *process {
	t.Helper()
	p := &process{t: t, target: target, exited: make(chan struct{})}
	p.cmd = exec.Command(b.program(t)) //nolint:noctx // ended by signals, which are what is tested
	p.cmd.Env = environment
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its exit code is looked at where it matters
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.alive() {
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	})
	return p
}

// start runs a function of the cloud until the end of the test, which then is
// a good end: see [process.finish]. changes are NAME=value.
func (c *cloud) start(target string, changes ...string) *process {
	c.t.Helper()
	const attempts = 3 // somebody else may take the port in between
	for range attempts {
		port := strconv.Itoa(servers.FreePort(c.t))
		p := c.binary.launch(c.t, target, c.environment(target, append(changes, "PORT="+port)...))
		p.base = "http://127.0.0.1:" + port
		if p.listens() {
			c.t.Cleanup(func() {
				p.finish(c.secrets())
				if c.t.Failed() {
					c.t.Logf("%s printed:\n%s%s", target, &p.stdout, &p.stderr)
				}
			})
			return p
		}
		if !strings.Contains(p.stderr.String()+p.stdout.String(), "address already in use") {
			c.t.Fatalf("%s did not start:\n%s%s", target, &p.stdout, &p.stderr)
		}
	}
	c.t.Fatalf("%s found no free port", target)
	return nil
}

// listens waits until the process answers its liveness probe; false if it ended.
func (p *process) listens() bool {
	deadline := time.After(startLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return false
		case <-deadline:
			p.t.Errorf("%s does not listen after %s", p.target, startLimit)
			return false
		case <-tick.C:
			if _, err := probe(p.t.Context(), p.base+"/live"); err == nil {
				return true
			}
		}
	}
}

// probe asks on a connection of its own.
func probe(ctx context.Context, url string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s to %s: %v", s, p.target, err)
	}
}

// ended waits for the process's end and returns its exit code; -1 if it is
// there after limit, or was killed by a signal.
func (p *process) ended(limit time.Duration) int {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		return -1
	}
}

// finish asks the process to end, as Cloud Run does, and judges all it printed.
func (p *process) finish(secrets []string) {
	p.signal(syscall.SIGTERM)
	// How soon is what the tests of draining judge; here a busy machine has its time.
	if code := p.ended(time.Minute); code != 0 {
		p.t.Errorf("%s ended with code %d after SIGTERM, want 0", p.target, code)
	}
	lines, err := logLines(p.stdout.String())
	if err != nil {
		p.t.Errorf("%s: %v", p.target, err)
	}
	for _, line := range lines {
		if line["severity"] == "ERROR" && strings.Contains(fmt.Sprint(line["error"]), "panic") {
			p.t.Errorf("%s panicked: %v", p.target, line)
		}
	}
	if text := strings.TrimSpace(p.stderr.String()); text != "" {
		p.t.Errorf("%s wrote to stderr:\n%s", p.target, text)
	}
	for _, secret := range secrets {
		if strings.Contains(p.stdout.String()+p.stderr.String(), secret) {
			p.t.Errorf("%s printed %q", p.target, secret)
		}
	}
}

// logLines reads structured log lines: every line must be one JSON object with what
// Cloud Logging reads.
func logLines(text string) ([]map[string]any, error) {
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			return lines, fmt.Errorf("not a JSON line: %q", line)
		}
		for _, member := range []string{"severity", "message", "time"} {
			if s, ok := object[member].(string); !ok || s == "" {
				return lines, fmt.Errorf("no %s in %q", member, line)
			}
		}
		lines = append(lines, object)
	}
	return lines, nil
}
