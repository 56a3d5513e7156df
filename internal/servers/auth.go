package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	// firebaseFolder is where npm puts Google's firebase-tools, from the repository's
	// root, and firebaseProgram their entry in it.
	firebaseFolder  = "proof/firebase"
	firebaseProgram = "node_modules/firebase-tools/lib/bin/firebase.js"
)

// AuthProject is the one project whose users can sign in at the emulator: programs that do
// name none. It begins with demo, so the emulator asks nobody in the cloud about it.
const AuthProject = "demo-auth"

const howToInstallAuth = "install Node 18 and run `npm ci --ignore-scripts` in " + firebaseFolder

// Auth returns the address (host:port) of Google's official emulator of Identity
// Platform, which all tests of this process share, one after the other: its accounts are
// gone whenever it is asked for. The first call starts it, which takes some ten seconds;
// [Main] or [Stop] ends it.
func Auth(t testing.TB) (addr string) {
	t.Helper()
	addresses, err := shared.get("auth", func() ([]string, func() error, error) {
		addr, stop, err := startAuth()
		return []string{addr}, stop, err
	})
	if errors.Is(err, errNotInstalled) {
		missing(t, "the Auth emulator", err.Error()+"; "+howToInstallAuth)
	}
	if err == nil {
		err = clearAuth(t.Context(), addresses[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

// clearAuth deletes all accounts.
func clearAuth(ctx context.Context, addr string) error {
	return askAuth(ctx, http.MethodDelete, "http://"+addr+"/emulator/v1/projects/"+AuthProject+"/accounts", nil)
}

func startAuth() (addr string, stop func() error, err error) {
	node, program, err := findAuth()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "auth-shared-*")
	if err != nil {
		return "", nil, err
	}
	const attempts = 3
	var errs []error
	for range attempts {
		var proc *Process
		if addr, proc, err = runAuth(dir, node, program); err == nil {
			return addr, func() error { return errors.Join(proc.Kill(), os.RemoveAll(dir)) }, nil
		}
		errs = append(errs, err)
	}
	return "", nil, errors.Join(append(errs, os.RemoveAll(dir))...)
}

// runAuth starts the emulator on free ports: it, and what the tools run beside it. They
// are one process, which keeps its own files in dir.
func runAuth(dir, node, program string) (addr string, proc *Process, err error) {
	ports := make([]int, 3)
	for i := range ports {
		if ports[i], err = FindPort(); err != nil {
			return "", nil, err
		}
	}
	if err := configureAuth(dir, ports); err != nil {
		return "", nil, err
	}
	// env becomes the program: it is the same process.
	proc, err = StartProcess(dir, "env", "CI=1", "HOME="+dir, "TMPDIR="+dir, "NO_UPDATE_NOTIFIER=1",
		node, program, "emulators:start", "--only", "auth", "--project", AuthProject)
	if err != nil {
		return "", nil, err
	}
	addr = loopback(ports[0])
	if err := waitFor(proc.exited, func() bool { return authAnswers(addr) }); err != nil {
		return "", nil, errors.Join(fmt.Errorf("Auth emulator %s: %w; it wrote:\n%s", addr, err, proc.Output()), proc.Kill())
	}
	return addr, proc, nil
}

func configureAuth(dir string, ports []int) error {
	at := func(port int) map[string]any { return map[string]any{"host": "127.0.0.1", "port": port} }
	text, err := json.Marshal(map[string]any{"emulators": map[string]any{
		"auth": at(ports[0]), "hub": at(ports[1]), "logging": at(ports[2]),
		"ui": map[string]any{"enabled": false}, "singleProjectMode": false,
	}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "firebase.json"), text, 0o600)
}

// authAnswers asks the emulator's own page, which says that it is ready.
func authAnswers(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var page struct {
		Emulator struct {
			Ready bool `json:"ready"`
		} `json:"authEmulator"`
	}
	return askAuth(ctx, http.MethodGet, "http://"+addr+"/", &page) == nil && page.Emulator.Ready
}

// askAuth reads the emulator's answer, as its administrator.
func askAuth(ctx context.Context, method, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer owner")
	// A transport of its own: a kept-alive connection would look like a leak.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the Auth emulator answers %s %s with %s", method, url, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// findAuth returns the node program and that of the emulator, which lies in the
// repository that the tests are of.
func findAuth() (node, program string, err error) {
	if node, err = exec.LookPath("node"); err != nil {
		return "", "", fmt.Errorf("node: %w", errNotInstalled)
	}
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if program = filepath.Join(dir, firebaseFolder, firebaseProgram); isFile(program) {
			return node, program, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return "", "", errors.Join(err, fmt.Errorf("firebase-tools: %w", errNotInstalled))
}
