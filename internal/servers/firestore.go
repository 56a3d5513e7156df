package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// emulatorJarVariable names a jar to use instead of the Google Cloud CLI's.
	emulatorJarVariable = "FIRESTORE_EMULATOR_JAR"
	// emulatorJar is where the CLI's component lies below the CLI's root.
	emulatorJar = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
	// emulatorMain is the jar's entry; started directly, without the CLI's
	// wrappers, the emulator is one process whose id we know.
	emulatorMain = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
)

const howToInstallFirestore = "install Java 17 and the emulator: `sudo apt-get install openjdk-17-jre-headless " +
	"google-cloud-cli google-cloud-cli-firestore-emulator` (packages.cloud.google.com/apt) or " +
	"`gcloud components install cloud-firestore-emulator`, or name its jar in " + emulatorJarVariable

// errNotInstalled marks that a part of the emulator is not on this machine.
var errNotInstalled = errors.New("not installed")

// Firestore returns the address (host:port) of Google's official Firestore
// emulator, which all tests of this process share: each takes a project id of
// its own, and projects see nothing of each other. The first call starts it,
// which takes some seconds; [Main] or [Stop] ends it.
func Firestore(t testing.TB) (addr string) {
	t.Helper()
	addresses, err := shared.get("firestore", func() ([]string, func() error, error) {
		addr, stop, err := StartFirestore()
		return []string{addr}, stop, err
	})
	if errors.Is(err, errNotInstalled) {
		missing(t, "the Firestore emulator", err.Error()+"; "+howToInstallFirestore)
	}
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

// StartFirestore is [Firestore] outside of tests: stop ends the emulator. args
// are appended to its command line, for example "--rules=FILE".
func StartFirestore(args ...string) (addr string, stop func() error, err error) {
	f, err := StartEmulator(args...)
	if err != nil {
		return "", nil, err
	}
	return f.Addr(), f.Stop, nil
}

// Emulator is a Firestore emulator that its starter has for itself.
type Emulator struct {
	java, jar, dir string
	args           []string
	port           int
	proc           *Process
}

// StartEmulator starts one on a free port; when somebody else was faster to listen
// there, on another. args are as for [StartFirestore].
func StartEmulator(args ...string) (f *Emulator, err error) {
	f = &Emulator{args: args}
	if f.java, f.jar, err = findEmulator(); err != nil {
		return nil, err
	}
	if f.dir, err = os.MkdirTemp("", "firestore-shared-*"); err != nil {
		return nil, err
	}
	if err := f.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.dir))
	}
	return f, nil
}

func (f *Emulator) start() error {
	const attempts = 3
	var errs []error
	for range attempts {
		var err error
		if f.port, err = FindPort(); err == nil {
			err = f.run()
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Addr is where it listens (host:port).
func (f *Emulator) Addr() string { return loopback(f.port) }

// Restart ends the emulator and starts an empty one at the same address. What was
// deleted stays in an emulator for good, and every query looks at it.
func (f *Emulator) Restart() error {
	if err := f.proc.Kill(); err != nil {
		return err
	}
	return f.run()
}

// Stop ends the emulator.
func (f *Emulator) Stop() error { return errors.Join(f.proc.Kill(), os.RemoveAll(f.dir)) }

func (f *Emulator) run() error {
	// It lives for seconds: what the JVM spends on fast code and on collecting garbage
	// beside the program does not come back.
	command := append([]string{
		"-Djava.awt.headless=true", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f.jar,
		emulatorMain, "start", "--host=127.0.0.1", "--port=" + strconv.Itoa(f.port),
	}, f.args...)
	proc, err := StartProcess(f.dir, f.java, command...)
	if err != nil {
		return err
	}
	if err := waitFor(proc.exited, func() bool { return emulatorAnswers(f.Addr()) }); err != nil {
		return errors.Join(fmt.Errorf("Firestore emulator %s: %w; it wrote:\n%s", f.Addr(), err, proc.Output()), proc.Kill())
	}
	f.proc = proc
	return nil
}

// emulatorAnswers asks the emulator's own health page, which says "Ok".
func emulatorAnswers(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return false
	}
	// A transport of its own: a kept-alive connection would look like a leak.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 16))
	return response.StatusCode == http.StatusOK && strings.HasPrefix(string(body), "Ok")
}

// findEmulator returns the java program and the emulator's jar.
func findEmulator() (java, jar string, err error) {
	java, err = exec.LookPath("java")
	if err != nil {
		return "", "", fmt.Errorf("java: %w", errNotInstalled)
	}
	if jar = os.Getenv(emulatorJarVariable); jar != "" {
		if !isFile(jar) {
			return "", "", fmt.Errorf("no file %s, which %s names: %w", jar, emulatorJarVariable, errNotInstalled)
		}
		return java, jar, nil
	}
	for _, root := range []func() string{rootBesideGcloud, rootFromGcloud} {
		if jar = filepath.Join(root(), emulatorJar); filepath.IsAbs(jar) && isFile(jar) {
			return java, jar, nil
		}
	}
	return "", "", fmt.Errorf("firestore-emulator component of the Google Cloud CLI: %w", errNotInstalled)
}

// rootBesideGcloud is the CLI's root if the gcloud on the path lies, links
// followed, in its bin folder. It is asked first: running gcloud takes a second.
func rootBesideGcloud() string {
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return ""
	}
	if gcloud, err = filepath.EvalSymlinks(gcloud); err != nil {
		return ""
	}
	return filepath.Dir(filepath.Dir(gcloud))
}

// rootFromGcloud asks gcloud itself, which may be a wrapper (snap, Homebrew).
func rootFromGcloud() string {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "gcloud", "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
