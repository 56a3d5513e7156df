package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	// pubsubJarVariable names a jar to use instead of the Google Cloud CLI's.
	pubsubJarVariable = "PUBSUB_EMULATOR_JAR"
	// pubsubJar is where the CLI's component lies below the CLI's root.
	pubsubJar = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
)

const howToInstallPubSub = "install Java 17 and the emulator: `sudo apt-get install openjdk-17-jre-headless " +
	"google-cloud-cli google-cloud-cli-pubsub-emulator` (packages.cloud.google.com/apt) or " +
	"`gcloud components install pubsub-emulator`, or name its jar in " + pubsubJarVariable

// PubSub returns the address (host:port) of Google's official Pub/Sub emulator, which all
// tests of this process share: each takes a project of its own. The first call starts it;
// [Main] or [Stop] ends it.
func PubSub(t testing.TB) (addr string) {
	t.Helper()
	addresses, err := shared.get("pubsub", func() ([]string, func() error, error) {
		addr, stop, err := startPubSub()
		return []string{addr}, stop, err
	})
	if errors.Is(err, errNotInstalled) {
		missing(t, "the Pub/Sub emulator", err.Error()+"; "+howToInstallPubSub)
	}
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func startPubSub() (addr string, stop func() error, err error) {
	java, jar, err := findPubSub()
	if err != nil {
		return "", nil, err
	}
	port, err := FindPort()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "pubsub-shared-*")
	if err != nil {
		return "", nil, err
	}
	proc, err := StartProcess(dir, java, "-Djava.awt.headless=true", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-jar", jar, "--host=127.0.0.1", "--port="+strconv.Itoa(port))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() error { return errors.Join(proc.Kill(), os.RemoveAll(dir)) }
	addr = loopback(port)
	if err := waitFor(proc.exited, func() bool { return listens(addr) }); err != nil {
		return "", nil, errors.Join(fmt.Errorf("Pub/Sub emulator %s: %w; it wrote:\n%s", addr, err, proc.Output()), stop())
	}
	return addr, stop, nil
}

// listens reports whether somebody takes connections.
func listens(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// findPubSub returns the java program and the emulator's jar.
func findPubSub() (java, jar string, err error) {
	if java, err = exec.LookPath("java"); err != nil {
		return "", "", fmt.Errorf("java: %w", errNotInstalled)
	}
	if jar = os.Getenv(pubsubJarVariable); jar != "" {
		if !isFile(jar) {
			return "", "", fmt.Errorf("no file %s, which %s names: %w", jar, pubsubJarVariable, errNotInstalled)
		}
		return java, jar, nil
	}
	for _, root := range []func() string{rootBesideGcloud, rootFromGcloud} {
		found, _ := filepath.Glob(filepath.Join(root(), pubsubJar))
		if len(found) > 0 && filepath.IsAbs(found[0]) {
			return java, found[len(found)-1], nil
		}
	}
	return "", "", fmt.Errorf("pubsub-emulator component of the Google Cloud CLI: %w", errNotInstalled)
}
