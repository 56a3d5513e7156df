package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// shell is one bash, to which lines are pasted.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// newShell starts one; more are tools that its lines need besides.
func newShell(t *testing.T, more ...string) *shell {
	t.Helper()
	for _, tool := range append([]string{"bash", "curl", "sed"}, more...) {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is not installed, and CI runs every test", tool)
			}
			t.Skipf("%s is not installed: the printed lines need it", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = in.Close(), cmd.Wait()
		cancel()
	})
	return &shell{t, in, bufio.NewReader(out)}
}

// paste runs a line as it is, and returns what it printed.
func (s *shell) paste(line string) string {
	s.t.Helper()
	const mark = "--- end of line, status "
	_, _ = fmt.Fprintf(s.in, "%s\necho; echo %q$?\n", line, mark)
	var printed strings.Builder
	for {
		text, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: %v after %q", line, err, &printed)
		}
		if status, ok := strings.CutPrefix(text, mark); ok {
			if strings.TrimSpace(status) != "0" {
				s.t.Errorf("%s: status %s", line, status)
			}
			return strings.TrimSpace(printed.String())
		}
		printed.WriteString(text)
	}
}

// TestPrintedLines pastes what the command prints, on each kind of backend.
func TestPrintedLines(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { pasteAll(t, serveLocal(t)) })
	t.Run("redis", func(t *testing.T) { pasteAll(t, serveLocal(t, "--redis", servers.Redis(t).Addr())) })
	t.Run("firestore", func(t *testing.T) { pasteAll(t, serveLocal(t, "--firestore", emptyFirestore(t))) })
}

func pasteAll(t *testing.T, server *server) {
	// Each line's own beginning, and what it must print; every comment says so too.
	expected := []struct{ begins, prints string }{
		{"ANN=", ""},
		{"curl -s -w", "\n201"},
		{"SESSION=", ""},
		{"curl -s -w", "\n200"},
		{"for n in 2 3", "hw-2: 201\nhw-3: 201"},
		{"curl -si", "HTTP/1.1 409 Conflict"},
		{"curl -s -o", "204"},
		{"curl -s -o", "hw-4: 201"},
		{"curl -s http", `"keys":[{`},
		{"curl -s http", `"openapi":"3.1.`},
		{"curl -s -X POST", `"sessions_reaped":0`},
	}
	bash := newShell(t)
	var printed []string
	_, script, _ := strings.Cut(server.demo, "\n#") // before it is prose
	for line := range strings.Lines("#" + script) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			bash.paste(line) // harmless when pasted, too
			continue
		}
		i := len(printed)
		if i == len(expected) || !strings.HasPrefix(line, expected[i].begins) {
			t.Fatalf("line %d is not the one expected: %s", i, line)
		}
		out := bash.paste(line)
		if printed = append(printed, out); !strings.Contains(strings.ReplaceAll(out, "\r", ""), expected[i].prints) {
			t.Errorf("%s\nprinted %q, want %q", line, out, expected[i].prints)
		}
	}
	if len(printed) != len(expected) {
		t.Fatalf("%d lines, want %d", len(printed), len(expected))
	}
	if !strings.Contains(printed[5], "Retry-After: ") || !strings.Contains(printed[5], `"no_seats_available"`) {
		t.Errorf("the refusal: %s", printed[5])
	}
	session := bash.paste("echo $SESSION")
	for _, i := range []int{1, 3} {
		if len(session) != 36 || !strings.Contains(printed[i], `"session_id":"`+session+`"`) {
			t.Errorf("line %d is not about session %q: %s", i, session, printed[i])
		}
	}
}
