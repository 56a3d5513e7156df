package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// patience is how long a program may take to print what it is going to.
const patience = time.Minute

// watched is a program that a story runs beside itself. Its lines are read from the pipe
// as they come, so nobody waits for longer than it takes.
type watched struct {
	command *exec.Cmd
	lines   *bufio.Scanner
	stop    func()
}

// watchedKey is where a story's environment has its [watched].
type watchedKey struct{}

// beside PROGRAM ARGS… starts a program that goes on while the story does.
func beside(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), "LICENSECTL_LOCAL=true", "LICENSECTL_ENDPOINT="+ts.Getenv("LICENSECTL_ENDPOINT"))
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	w, ok := ts.Value(watchedKey{}).(*watched)
	if !ok {
		ts.Fatalf("the story has no place for a program beside it")
	}
	*w = watched{c, bufio.NewScanner(out), cancel}
	ts.Defer(func() { cancel(); _ = c.Wait() })
}

// sees PATTERN waits for a line that matches, and puts it into $LINE.
func sees(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value(watchedKey{}).(*watched) //nolint:forcetypeassert // a failed test
	want := regexp.MustCompile(args[0])
	var before []string
	for w.lines.Scan() {
		if want.MatchString(w.lines.Text()) {
			ts.Setenv("LINE", w.lines.Text())
			return
		}
		before = append(before, w.lines.Text())
	}
	ts.Fatalf("no line like %s after\n%s", args[0], strings.Join(before, "\n"))
}

// interrupt ends the program as ctrl+c does, which must be no failure.
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	w := ts.Value(watchedKey{}).(*watched) //nolint:forcetypeassert // a failed test
	ts.Check(w.command.Process.Signal(os.Interrupt))
	ts.Check(w.command.Wait())
	w.stop()
}

// beat STATUS TEXT sends a heartbeat of the seat that was taken last, as its program does.
func beat(ctx context.Context, base string, env func(string) string, status, text string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPatch, base+api.HeartbeatPath(env("SEAT")), http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+env("SEAT_TOKEN"))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if got := fmt.Sprint(response.StatusCode); got != status || !strings.Contains(string(body), text) {
		return fmt.Errorf("%s %s, want %s %s", got, body, status, text)
	}
	return nil
}

// TestWatchLines: a line for each license and session, for people and for programs.
func TestWatchLines(t *testing.T) {
	for line, want := range map[string][]string{
		"session watch acme":                       {"seats  pro 1/3", "held   pro 1/3 s-2 bob hw-2", "held   pro 1/3 s-1 ann room-3 Studio 4.2.0"},
		"session watch acme --license pro -o json": {`"change":"seats"`, `"session_id":"s-2"`, `"hostname":"room-3"`},
	} {
		asked, printed := watchOnce(t, line)
		lines := strings.Split(strings.TrimSpace(printed), "\n")
		if len(lines) != len(want) {
			t.Errorf("%s printed\n%s", line, printed)
			continue
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("%s printed\n%s\nwant %s in line %d", line, printed, want[i], i+1)
			}
			if strings.HasSuffix(line, "json") && !json.Valid([]byte(lines[i])) {
				t.Errorf("no JSON: %s", lines[i])
			}
		}
		if filtered := strings.Contains(asked, "license=pro") && strings.Contains(asked, "/licenses/pro\n"); filtered != strings.Contains(line, "--license") {
			t.Errorf("%s asked\n%s", line, asked)
		}
	}
}

// watchOnce runs a watch until it has looked once.
func watchOnce(t *testing.T, line string) (asked, printed string) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	d := &door{}
	server := newDoor(t, d)
	out := &onLine{n: 3, do: end}
	status := run(ctx, append([]string{"--local", "--endpoint", server}, strings.Fields(line)...), terminal{in: strings.NewReader(""), out: out, err: out})
	if status != 0 {
		t.Errorf("%s: status %d\n%s", line, status, &out.Buffer)
	}
	return strings.Join(d.asked, "\n"), out.String()
}

// onLine does something as its n-th line is written.
type onLine struct {
	bytes.Buffer
	n  int
	do func()
}

func (o *onLine) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	if bytes.Count(o.Bytes(), []byte("\n")) >= o.n {
		o.do()
	}
	return n, err
}

// TestWatchIsRefused before anything is asked, or with the service's own reason.
func TestWatchIsRefused(t *testing.T) {
	for line, want := range map[string]struct {
		printed string
		status  int
	}{
		"session watch acme --every 999ms":     {"--every must be 1s or more", 2},
		"session watch acme --every soon":      {"--every", 2},
		"session watch acme -o csv":            {"session watch prints table or json", 2},
		"session watch":                        {"<organization>", 2},
		"session watch nowhere":                {"cannot watch sessions of organization nowhere", 1},
		"session watch acme --license nobodys": {"cannot watch sessions of organization acme", 1},
	} {
		_, printed, status := told(t, line)
		if status != want.status || !strings.Contains(printed, want.printed) {
			t.Errorf("%s: status %d, %s", line, status, printed)
		}
	}
}

// TestWatchAtATerminal: it draws on the real one, quits by a key, and leaves it as it was.
func TestWatchAtATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "licensectl", "--local", "--endpoint", newDoor(t, &door{}), "session", "watch", "acme")
	c.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	screen, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = screen.Close() }()
	var drawn strings.Builder
	part := make([]byte, 4096)
	for pressed := false; ; {
		n, err := screen.Read(part)
		drawn.Write(part[:n])
		if err != nil {
			break // the terminal's other end is closed
		}
		if !pressed && strings.Contains(drawn.String(), "room-3") {
			pressed = true
			_, _ = screen.WriteString("q")
		}
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"Sessions of acme", "1 of 3", "\x1b[?1049h", "\x1b[?1049l"} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("%q was not drawn: %q", want, drawn.String())
		}
	}
}
