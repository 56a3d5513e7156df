package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// outcome records how a function under test ends its test.
type outcome struct {
	testing.TB
	verdict, text string
}

func (o *outcome) Helper() {}

func (o *outcome) Fatalf(format string, args ...any) { o.end("failed", fmt.Sprintf(format, args...)) }

func (o *outcome) Skipf(format string, args ...any) { o.end("skipped", fmt.Sprintf(format, args...)) }

// end keeps the first verdict: the real methods do not return.
func (o *outcome) end(verdict, text string) {
	if o.verdict == "" {
		o.verdict, o.text = verdict, text
	}
}

func TestMissingServerFailsInCIAndSkipsElsewhere(t *testing.T) {
	for _, c := range []struct{ ci, want string }{{"true", "failed"}, {"1", "failed"}, {"", "skipped"}} {
		t.Run("CI="+c.ci, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			t.Setenv("PATH", t.TempDir())
			got := &outcome{TB: t}
			requireRedis(got)
			if got.verdict != c.want {
				t.Errorf("verdict %q, want %q", got.verdict, c.want)
			}
			for _, advice := range []string{"make test", "apt-get install redis-server"} {
				if !strings.Contains(got.text, advice) {
					t.Errorf("%q does not say %q", got.text, advice)
				}
			}
		})
	}
}

type exitCode int

func (c exitCode) Run() int { return int(c) }

func TestMainKeepsTheExitCodeAndStopsSharedServers(t *testing.T) {
	address := SharedRedis(t)
	for _, code := range []int{0, 1, 2} {
		if got := Main(exitCode(code)).Run(); got != code {
			t.Errorf("Run = %d, want %d", got, code)
		}
	}
	if answers(address) {
		t.Error("a shared server outlived Main")
	}
}

func TestMainFailsWhenAServerCannotBeStopped(t *testing.T) {
	stop := func() error { return errors.New("still there") }
	_, err := shared.get("stubborn", func() ([]string, func() error, error) { return nil, stop, nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := Main(exitCode(0)).Run(); got != 1 {
		t.Errorf("Run = %d, want 1", got)
	}
}

func TestAFailedSharedStartIsTriedAgain(t *testing.T) {
	r := &registry{named: map[string][]string{}}
	broken := errors.New("broken")
	fail := func() ([]string, func() error, error) { return nil, nil, broken }
	if _, err := r.get("x", fail); !errors.Is(err, broken) {
		t.Fatalf("error = %v", err)
	}
	work := func() ([]string, func() error, error) { return []string{"a"}, func() error { return nil }, nil }
	if got, err := r.get("x", work); err != nil || got[0] != "a" {
		t.Errorf("second try: %v, %v", got, err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

const childVariable = "SERVERS_TEST_CHILD"

// TestServersDieWithAKilledTestProcess runs this test binary as a child that
// starts a server and is then killed, so that none of its cleanups run.
func TestServersDieWithAKilledTestProcess(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		fmt.Println("pid", Redis(t).Pid())
		_, _ = io.Copy(io.Discard, os.Stdin) // until killed
		return
	}
	if !diesWithParent {
		t.Skip("only Linux kills children with their parent; elsewhere nothing is promised")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childVariable+"=1")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	pid := startAndReadPid(t, child)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if err := waitFor(nil, func() bool { return gone(pid) }); err != nil {
		t.Errorf("redis-server %d outlived its test process: %v", pid, err)
	}
}

func startAndReadPid(t *testing.T, child *exec.Cmd) int {
	t.Helper()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "pid "); found {
			pid, err := strconv.Atoi(text)
			if err != nil || !alive(pid) {
				t.Fatalf("pid %q: %v", text, err)
			}
			return pid
		}
	}
	t.Fatal("the child started no server")
	return 0
}

// gone says whether the process ended. Nobody may be there to reap an orphan,
// so a zombie counts.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}
