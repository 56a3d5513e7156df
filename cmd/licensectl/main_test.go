package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// command is its name, where it is run as a process.
const command = "licensectl"

// TestMain makes this test binary the command itself where it is run as licensectl, and
// puts that into the path.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == command {
		main()
	}
	os.Exit(tests(m))
}

// tests runs them, and leaves nothing behind.
func tests(m *testing.M) int {
	folder, err := os.MkdirTemp("", command)
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	built.folder = folder
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "LICENSECTL_") {
			_ = os.Unsetenv(name) // the person's own, which no test is about
		}
	}
	binary, err := os.Executable()
	err = errors.Join(err,
		os.Symlink(binary, filepath.Join(folder, command)),
		os.Setenv("PATH", folder+string(filepath.ListSeparator)+os.Getenv("PATH")),
		// A program under the race detector sleeps a second at its end, unless it is told
		// otherwise.
		os.Setenv("GORACE", cmp.Or(os.Getenv("GORACE"), "atexit_sleep_ms=0")),
	)
	if err != nil {
		panic(err)
	}
	return m.Run()
}

// built is the local stack's program, compiled once.
var built struct {
	sync.Once
	folder string
	err    error
}

// build compiles the service's own cmd/local, from its own module: this one does not
// require it.
func build(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		// It is linked without what only a debugger reads, as go test links its own programs.
		args := []string{"build", "-C", "../..", "-ldflags=-s -w", fmt.Sprintf("-race=%t", raceDetector), "-o", filepath.Join(built.folder, "local"), "./cmd/local"}
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil { //nolint:noctx // for several tests
			built.err = fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.folder, "local")
}

// startLocal runs a local stack for the test, and returns its address.
func startLocal(t *testing.T) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), build(t), "--addr", "127.0.0.1:0")
	c.Stderr = t.Output()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() }) // the context has ended it
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if err != nil || !ok {
		t.Fatalf("the local stack begins with %q, %v", first, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // until it ends
	return base
}

// TestStories plays the scripts of testdata against one local stack, each in an
// organization of its own. They have these words beside testscript's:
//
//	licensectl ARGS…           runs the command in this process
//	status N licensectl ARGS…  likewise, and it must end with that status
//	exec licensectl ARGS…      runs it in a process of its own
//	status N exec PROGRAM…     likewise, and it must end with that status
func TestStories(t *testing.T) {
	base := startLocal(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("LICENSECTL_LOCAL", "true")
			env.Setenv("LICENSECTL_ENDPOINT", base)
			env.Values[watchedKey{}] = &watched{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"etag": etag, "name": name,
			command: func(ts *testscript.TestScript, refused bool, args []string) {
				if refused {
					ts.Fatalf("say with which status it is refused")
				}
				expect(ts, 0, called(t.Context(), ts, args))
			},
			"status": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				switch args[1] {
				case "exec":
					expect(ts, want, executed(ts, args[2:]))
				case command:
					expect(ts, want, called(t.Context(), ts, args[2:]))
				default:
					ts.Fatalf("unknown command %q", args[1])
				}
			},
			"beside": beside, "sees": sees, "interrupt": interrupt,
			"take": func(ts *testscript.TestScript, _ bool, args []string) {
				session, token, err := take(t.Context(), base, args[0], args[1], args[2])
				ts.Check(err)
				ts.Setenv("SEAT", session)
				ts.Setenv("SEAT_TOKEN", token)
			},
			"beat": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(beat(t.Context(), base, ts.Getenv, args[0], args[1]))
			},
			"machine": func(ts *testscript.TestScript, refused bool, args []string) {
				machineIn(t.Context(), ts, refused, base, args[0], args[1])
			},
			"signin": func(ts *testscript.TestScript, refused bool, args []string) {
				signIn(t.Context(), ts, refused, base, args[0], args[1])
			},
		},
	})
}

// called is how licensectl ends in this process, at a fraction of what a process of its own
// takes to start. Flags tell it what a story's environment tells a process, and there is
// nothing to read. What only a process has, such as a variable, a folder from which files
// are named, a standard input or a terminal, stories try with exec.
func called(ctx context.Context, ts *testscript.TestScript, args []string) int {
	service := []string{"--local=" + ts.Getenv("LICENSECTL_LOCAL"), "--endpoint=" + ts.Getenv("LICENSECTL_ENDPOINT")}
	return run(ctx, append(service, args...), terminal{in: strings.NewReader(""), out: ts.Stdout(), err: ts.Stderr()})
}

// executed is how a program ends.
func executed(ts *testscript.TestScript, args []string) int {
	var ended *exec.ExitError
	err := ts.Exec(args[0], args[1:]...)
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	ts.Check(err)
	return 0
}

// expect fails a story where something has ended otherwise.
func expect(ts *testscript.TestScript, want, got int) {
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// etag NAME puts the ETag that the last program printed into a variable.
func etag(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == "etag" {
			ts.Setenv(args[0], words[1])
			return
		}
	}
	ts.Fatalf("no etag was printed")
}

// name NAME puts what the last program printed into a variable.
func name(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// take takes a seat as a program does: for a user of an organization, on a machine. It
// returns the session, and the token that the program shows for it.
func take(ctx context.Context, base, organization, user, machine string) (id, idToken string, err error) {
	var token struct {
		ID string `json:"id_token"`
	}
	if err := post(ctx, base+"/dev/token", "", fmt.Sprintf(`{"user_id":%q,"organization_id":%q}`, user, organization), &token); err != nil {
		return "", "", err
	}
	return acquire(ctx, base, token.ID, machine)
}

func acquire(ctx context.Context, base, token, machine string) (session, bearer string, err error) {
	var taken api.Session
	err = post(ctx, base+api.PathAcquire, token, fmt.Sprintf(`{"hardware_id":%q}`, machine), &taken)
	return taken.SessionID, token, err
}

func post(ctx context.Context, url, token, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", api.ContentTypeJSON)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := api.CheckResponse(response); err != nil {
		return err
	}
	return json.NewDecoder(response.Body).Decode(into)
}
