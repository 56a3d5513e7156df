package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
)

var errNoRedis = errors.New("redis-server is not in PATH; to install it run scripts/install-test-tools.sh, " +
	"`sudo apt-get install redis-server` or `brew install redis`")

// startLimit is far above what a start takes even on a loaded machine.
const startLimit = 30 * time.Second

// redisServer is a redis-server of this run alone: on loopback, persisting
// nothing, configured not to evict as production is.
type redisServer struct {
	addr    string
	version string
	// client asks for statistics; the measured traffic has connections of its own.
	client redis.UniversalClient

	cmd    *exec.Cmd
	output *bytes.Buffer // safe to read once gone is closed
	gone   chan struct{}
	dir    string
}

// startRedis starts a server on a free port; when somebody else was faster to
// listen there, on another.
func startRedis(ctx context.Context) (*redisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNoRedis
	}
	const attempts = 5
	for range attempts {
		var r *redisServer
		if r, err = runRedis(ctx, path); err == nil {
			return r, nil
		}
	}
	return nil, err
}

func runRedis(ctx context.Context, path string) (*redisServer, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-redis-*")
	if err != nil {
		return nil, err
	}
	r := &redisServer{addr: net.JoinHostPort("127.0.0.1", port), dir: dir, output: &bytes.Buffer{}, gone: make(chan struct{})}
	//nolint:gosec // the program found in PATH, with arguments made here
	r.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, "--port", port, "--bind", "127.0.0.1", "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--maxmemory-policy", "noeviction")
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() { defer close(r.gone); _ = r.cmd.Wait() }() // killed is how it ends
	if err := r.ready(ctx); err != nil {
		stopped := r.stop()
		return nil, errors.Join(fmt.Errorf("redis-server: %w; it wrote:\n%s", err, r.output), stopped)
	}
	return r, nil
}

// ready waits until this very process answers: a server of somebody else's on
// the same port would answer as well, with another process id.
func (r *redisServer) ready(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := r.listening(ctx); err != nil {
		return err
	}
	if r.client, err = redisconn.Dial(ctx, redisconn.Config{Addr: r.addr, PoolSize: 4}); err != nil {
		return err
	}
	info, err := r.info(ctx, "server")
	if err == nil && info["process_id"] != strconv.Itoa(r.cmd.Process.Pid) {
		err = errors.New("another server answers on its port")
	}
	r.version = info["redis_version"]
	return err
}

// listening waits for somebody to take connections at the address.
func (r *redisServer) listening(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-r.gone:
			return errors.New("the process ended")
		case <-tick.C:
		}
	}
}

// stop ends the process by its id and returns when it is gone.
func (r *redisServer) stop() error {
	var errs []error
	if r.client != nil {
		errs = append(errs, r.client.Close())
	}
	if err := r.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		errs = append(errs, err)
	}
	<-r.gone
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// info is one section of INFO as a map.
func (r *redisServer) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := r.client.Info(ctx, section).Result()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// cpu is the CPU time the process has used.
func (r *redisServer) cpu(ctx context.Context) (time.Duration, error) {
	info, err := r.info(ctx, "cpu")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, field := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info[field], 64)
		if err != nil {
			return 0, fmt.Errorf("INFO cpu: %s is %q", field, info[field])
		}
		total += time.Duration(seconds * float64(time.Second))
	}
	return total, nil
}

// memory is used_memory: bytes allocated by the data set and the server.
func (r *redisServer) memory(ctx context.Context) (int64, error) {
	info, err := r.info(ctx, "memory")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(info["used_memory"], 10, 64)
}

// scripts is how many EVALSHA calls were served, and the time spent inside them.
func (r *redisServer) scripts(ctx context.Context) (calls int64, spent time.Duration, err error) {
	info, err := r.info(ctx, "commandstats")
	if err != nil {
		return 0, 0, err
	}
	stats, ok := info["cmdstat_evalsha"]
	if !ok {
		return 0, 0, nil // none yet
	}
	var micros int64
	if _, err := fmt.Sscanf(stats, "calls=%d,usec=%d,", &calls, &micros); err != nil {
		return 0, 0, fmt.Errorf("INFO commandstats: %q: %w", stats, err)
	}
	return calls, time.Duration(micros) * time.Microsecond, nil
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
