package servers

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFirestoreIsSharedAndStopped(t *testing.T) {
	addr := Firestore(t)
	if again := Firestore(t); again != addr {
		t.Errorf("two emulators: %s, %s", addr, again)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("%s is not a loopback address", addr)
	}
	if !emulatorAnswers(addr) {
		t.Fatalf("nobody answers on %s", addr)
	}
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	if emulatorAnswers(addr) {
		t.Errorf("%s still answers", addr)
	}
}

// TestRestartedEmulator: it is empty, and where it was.
func TestRestartedEmulator(t *testing.T) {
	Firestore(t) // says so where the emulator is not installed
	f, err := StartEmulator()
	if err != nil {
		t.Fatal(err)
	}
	addr := f.Addr()
	documents := "http://" + addr + "/v1/projects/p/databases/(default)/documents/c"
	ask := func(method, url, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	made := ask(http.MethodPost, documents+"?documentId=d", `{"fields":{}}`)
	before := ask(http.MethodGet, documents+"/d", "")
	if err := f.Restart(); err != nil {
		t.Fatal(err)
	}
	if after := ask(http.MethodGet, documents+"/d", ""); made != 200 || before != 200 || after != 404 || f.Addr() != addr {
		t.Errorf("made %d, read %d, then %d at %s, before at %s", made, before, after, f.Addr(), addr)
	}
	if err := f.Stop(); err != nil || emulatorAnswers(addr) {
		t.Errorf("it goes on: %v", err)
	}
}

func TestFindEmulator(t *testing.T) {
	for name, test := range map[string]struct {
		files     map[string]string // path below the test's folder → content
		path      string            // PATH, below the folder
		jar       string            // FIRESTORE_EMULATOR_JAR, below the folder
		want      string
		wantError string
	}{
		"no java":             {path: "bin", wantError: "java"},
		"no gcloud":           {files: script("bin/java", ""), path: "bin", wantError: "firestore-emulator component"},
		"named jar":           {files: script("bin/java", "", "my.jar"), path: "bin", jar: "my.jar", want: "my.jar"},
		"named jar not there": {files: script("bin/java", ""), path: "bin", jar: "my.jar", wantError: emulatorJarVariable},
		"beside gcloud": {
			files: script("sdk/bin/gcloud", "exit 1", "sdk/bin/java", "sdk/"+emulatorJar),
			path:  "sdk/bin", want: "sdk/" + emulatorJar,
		},
		"as gcloud says": {
			files: script("bin/gcloud", "echo {}/sdk", "bin/java", "sdk/"+emulatorJar),
			path:  "bin", want: "sdk/" + emulatorJar,
		},
		"gcloud without the component": {
			files: script("bin/gcloud", "echo {}/sdk", "bin/java"), path: "bin", wantError: "firestore-emulator component",
		},
		"gcloud that fails": {
			files: script("bin/gcloud", "exit 1", "bin/java"), path: "bin", wantError: "firestore-emulator component",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := layOut(t, test.files)
			t.Setenv("PATH", filepath.Join(dir, test.path))
			t.Setenv(emulatorJarVariable, "")
			if test.jar != "" {
				t.Setenv(emulatorJarVariable, filepath.Join(dir, test.jar))
			}
			_, jar, err := findEmulator()
			if test.wantError != "" {
				if !errors.Is(err, errNotInstalled) || !strings.Contains(err.Error(), test.wantError) {
					t.Errorf("%q, %v; want an error about %s", jar, err, test.wantError)
				}
				return
			}
			if err != nil || jar != filepath.Join(dir, test.want) {
				t.Errorf("%q, %v; want %s", jar, err, test.want)
			}
		})
	}
}

// script is a program with that body, and further files that do nothing.
func script(path, body string, others ...string) map[string]string {
	files := map[string]string{path: "#!/bin/sh\n" + body + "\n"}
	for _, other := range others {
		files[other] = "#!/bin/sh\n"
	}
	return files
}

// layOut makes the files in a new folder; {} in them stands for the folder.
func layOut(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		content = strings.ReplaceAll(content, "{}", dir)
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFirestoreThatDoesNotStart: the reason is in the error, no process stays.
func TestFirestoreThatDoesNotStart(t *testing.T) {
	dir := layOut(t, script("java", "echo no such main class; exit 1"))
	f := &Emulator{java: filepath.Join(dir, "java"), jar: "emulator.jar", dir: t.TempDir()}
	if err := f.start(); err == nil || !strings.Contains(err.Error(), "no such main class") {
		t.Errorf("error %v does not say why", err)
	}
}
