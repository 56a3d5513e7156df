package servers

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
)

const howToInstallRedis = "run `make test` (it runs scripts/install-test-tools.sh), " +
	"or install it yourself: `sudo apt-get install redis-server` or `brew install redis`"

// RedisServer is a redis-server that belongs to one test: what goes wrong in its
// methods fails that test.
type RedisServer struct {
	*RedisProcess

	t testing.TB
}

// Redis starts an empty redis-server for this test and waits until it answers.
// It persists nothing, evicts nothing (as production is configured) and ends
// with the test. args are appended to its command line, for example
// "--requirepass", "…".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	requireRedis(t)
	process, err := StartRedis(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	server := &RedisServer{RedisProcess: process, t: t}
	t.Cleanup(server.end)
	return server
}

// SharedRedis returns the address (host:port) of a redis-server that all tests
// of this process share: they must use keys of their own and leave the server
// as a whole alone. [Main] or [Stop] ends it.
func SharedRedis(t testing.TB) string {
	t.Helper()
	requireRedis(t)
	addresses, err := shared.get("redis", startSharedRedis)
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func startSharedRedis() ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "redis-shared-*")
	if err != nil {
		return nil, nil, err
	}
	server, err := StartRedis(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error { return errors.Join(server.Kill(), os.RemoveAll(dir)) }
	return []string{server.Addr()}, stop, nil
}

// Kill is [RedisProcess.Kill].
func (r *RedisServer) Kill() { r.check(r.RedisProcess.Kill()) }

// Start is [RedisProcess.Start].
func (r *RedisServer) Start() { r.check(r.RedisProcess.Start()) }

// Pause is [RedisProcess.Pause].
func (r *RedisServer) Pause() { r.check(r.RedisProcess.Pause()) }

// Resume is [RedisProcess.Resume].
func (r *RedisServer) Resume() { r.check(r.RedisProcess.Resume()) }

// Promote is [RedisProcess.Promote].
func (r *RedisServer) Promote() { r.check(r.RedisProcess.Promote(context.Background())) }

// Follow is [RedisProcess.Follow]: what happens to the old master after a failover.
func (r *RedisServer) Follow(of *RedisServer) {
	r.check(r.RedisProcess.Follow(context.Background(), of.Addr()))
}

// check fails the test without ending the calling goroutine, which need not be
// the test's own.
func (r *RedisServer) check(err error) {
	if err != nil {
		r.t.Errorf("redis-server %s: %v", r.Addr(), err)
	}
}

func (r *RedisServer) end() {
	r.Kill()
	if r.t.Failed() {
		r.t.Logf("redis-server %s wrote:\n%s", r.Addr(), r.Output())
	}
}

func requireRedis(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "redis-server", howToInstallRedis)
	}
}
