package servers

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func connect(t *testing.T, address string) *redis.Client {
	t.Helper()
	client := adminClient(address)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// alive says whether the process exists (signal 0 only asks).
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestRedisIsOursAloneAndEvictsNothing(t *testing.T) {
	one, two := Redis(t), Redis(t)
	if one.Addr() == two.Addr() || one.Pid() == two.Pid() {
		t.Fatalf("two servers share %s or process %d", one.Addr(), one.Pid())
	}
	ctx := t.Context()
	if err := connect(t, one.Addr()).Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, two.Addr()).Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("the second server knows the first one's key: %v", err)
	}
	for parameter, want := range map[string]string{
		"maxmemory-policy": "noeviction", "save": "", "appendonly": "no", "bind": "127.0.0.1",
	} {
		got, err := connect(t, one.Addr()).ConfigGet(ctx, parameter).Result()
		if err != nil || got[parameter] != want {
			t.Errorf("%s = %q (%v), want %q", parameter, got[parameter], err, want)
		}
	}
}

func TestRedisEndsWithItsTest(t *testing.T) {
	var pid int
	t.Run("inner", func(t *testing.T) { pid = Redis(t).Pid() })
	if pid == 0 || alive(pid) {
		t.Errorf("process %d outlived its test", pid)
	}
}

func TestKillAndStartKeepTheAddressAndLoseTheData(t *testing.T) {
	ctx := t.Context()
	server := Redis(t)
	client := connect(t, server.Addr())
	before, pid := runID(t, client), server.Pid()
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Kill() // a second time changes nothing
	if alive(pid) {
		t.Fatal("alive after Kill")
	}
	if err := client.Ping(ctx).Err(); err == nil {
		t.Fatal("a killed server answers")
	}
	server.Start()
	client = connect(t, server.Addr()) // the old one's pool waits before it dials again
	if err := client.Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("after a restart: %v, want an empty server", err)
	}
	if runID(t, client) == before || server.Pid() == pid {
		t.Error("the same server answers")
	}
}

func TestPauseAnswersNothingUntilResume(t *testing.T) {
	server := Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Ping(short).Err(); err == nil {
		t.Error("a paused server answered")
	}
	server.Resume()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after Resume: %v", err)
	}
}

func TestSharedRedisIsOneUntilStopped(t *testing.T) {
	first := SharedRedis(t)
	if again := SharedRedis(t); again != first {
		t.Errorf("SharedRedis = %s, then %s", first, again)
	}
	if err := connect(t, first).Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	if answers(first) {
		t.Error("answers after Stop")
	}
	if !answers(SharedRedis(t)) {
		t.Error("no new server after Stop")
	}
}

func TestReplicaFollowsAndIsPromoted(t *testing.T) {
	ctx := t.Context()
	master := Redis(t)
	writer := connect(t, master.Addr())
	if err := writer.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	replica := RedisReplica(t, master)
	reader := connect(t, replica.Addr())
	if got, err := reader.Get(ctx, "k").Result(); got != "v" || err != nil {
		t.Fatalf("replica has %q (%v)", got, err)
	}
	if err := reader.Set(ctx, "k", "w", 0).Err(); err == nil {
		t.Fatal("a replica took a write")
	}
	before := field(t, reader, "replication", "master_replid")
	master.Kill()
	replica.Promote()
	if err := reader.Set(ctx, "k", "w", 0).Err(); err != nil {
		t.Errorf("promoted: %v", err)
	}
	if after := field(t, reader, "replication", "master_replid"); after == before {
		t.Error("a promotion keeps the replication id")
	}
}

func TestClusterServesEverySlotThroughEveryNode(t *testing.T) {
	ctx := t.Context()
	addresses := RedisCluster(t)
	if len(addresses) != masters {
		t.Fatalf("%d nodes, want %d", len(addresses), masters)
	}
	for _, address := range addresses {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}})
		t.Cleanup(func() { _ = client.Close() })
		for _, key := range []string{"{acme}s", "{globex}s", "{initech}s", "a", "b", "c", "d"} {
			if err := client.Set(ctx, key, address, time.Minute).Err(); err != nil {
				t.Errorf("%s through %s: %v", key, address, err)
			}
		}
	}
	nodes := map[string]bool{}
	for _, address := range addresses {
		id, err := connect(t, address).Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		nodes[id] = true
	}
	if len(nodes) != masters {
		t.Errorf("%d distinct nodes, want %d", len(nodes), masters)
	}
}

func TestAnOccupiedPortIsNotMistakenForOurs(t *testing.T) {
	occupant := Redis(t)
	intruder := &RedisProcess{port: occupant.port, dir: t.TempDir()}
	err := intruder.run()
	if err == nil {
		t.Fatal("a server on an occupied port counts as started")
	}
	if !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("the error does not show what redis-server wrote: %v", err)
	}
}

func TestStartProcessReportsAMissingProgram(t *testing.T) {
	_, err := StartProcess(t.TempDir(), "no-such-program-anywhere")
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error = %v, want %v", err, exec.ErrNotFound)
	}
}

func TestSignalsNeverReachAReusedPid(t *testing.T) {
	server := Redis(t)
	server.Kill()
	if err := server.proc.Signal(syscall.SIGSTOP); err == nil {
		t.Error("a signal was sent to a process that is gone")
	}
}

func runID(t *testing.T, client *redis.Client) string { return field(t, client, "server", "run_id") }

// field reads one value of INFO.
func field(t *testing.T, client *redis.Client, section, name string) string {
	t.Helper()
	info, err := client.Info(t.Context(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("INFO %s has no %s", section, name)
	return ""
}
