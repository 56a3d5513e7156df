package servers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// long is above everything that servers allow each other before they take a
// connection for dead.
const long = 10 * time.Minute

// clocked is a server with a clock of its own.
func clocked(t *testing.T, start func(*Clocks, string) (*RedisProcess, error)) *RedisServer {
	t.Helper()
	requireRedis(t)
	process, err := start(SharedClocks(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := &RedisServer{RedisProcess: process, t: t}
	t.Cleanup(server.end)
	return server
}

// ahead is how far TIME is ahead of this process's clock, at least and at most.
func ahead(t *testing.T, client *redis.Client) (least, most time.Duration) {
	t.Helper()
	before := time.Now()
	told, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	return told.Sub(after), told.Sub(before)
}

func wantAhead(t *testing.T, client *redis.Client, want time.Duration) {
	t.Helper()
	least, most := ahead(t, client)
	if want < least-time.Microsecond || want > most+time.Microsecond {
		t.Errorf("TIME is between %s and %s ahead, want %s", least, most, want)
	}
}

// TestStepClock: TIME follows the clock forwards and back, in commands and in
// scripts, at once, and nothing that measures durations does.
func TestStepClock(t *testing.T) {
	server := clocked(t, func(c *Clocks, dir string) (*RedisProcess, error) { return c.StartRedis(dir) })
	client := connect(t, server.Addr())
	wantAhead(t, client, 0)
	offset := time.Duration(0)
	for _, step := range []time.Duration{
		time.Millisecond, -time.Millisecond, 999 * time.Millisecond, 1001 * time.Millisecond, long, -2 * long, -time.Microsecond, long - 1999*time.Millisecond,
	} {
		if err := server.StepClock(step); err != nil {
			t.Fatal(err)
		}
		offset += step.Truncate(time.Millisecond)
		if got := server.ClockOffset(); got != offset {
			t.Errorf("the offset is %s, want %s", got, offset)
		}
		wantAhead(t, client, offset)
	}
}

// TestStepClockInAScript: what a script reads is what TIME tells.
func TestStepClockInAScript(t *testing.T) {
	server := clocked(t, func(c *Clocks, dir string) (*RedisProcess, error) { return c.StartRedis(dir) })
	client := connect(t, server.Addr())
	if err := server.StepClock(-long); err != nil {
		t.Fatal(err)
	}
	seconds, err := client.Eval(t.Context(), "return redis.call('TIME')[1]", nil).Int64()
	if got := time.Until(time.Unix(seconds, 0)); err != nil || got > -long+time.Second || got < -long-startLimit {
		t.Errorf("a script is %s ahead (%v)", got, err)
	}
}

// TestAClockStaysOverARestart: a machine whose clock is wrong is wrong again.
func TestAClockStaysOverARestart(t *testing.T) {
	server := clocked(t, func(c *Clocks, dir string) (*RedisProcess, error) { return c.StartRedis(dir) })
	if err := server.StepClock(long); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Start()
	wantAhead(t, connect(t, server.Addr()), long)
}

// TestReplicationSurvivesASteppedClock: the link of a pair comes back by itself
// when either clock steps, and each has its own.
func TestReplicationSurvivesASteppedClock(t *testing.T) {
	master := clocked(t, func(c *Clocks, dir string) (*RedisProcess, error) { return c.StartRedis(dir) })
	replica := clocked(t, func(c *Clocks, dir string) (*RedisProcess, error) {
		return c.StartReplica(t.Context(), dir, master.Addr())
	})
	writer, reader := connect(t, master.Addr()), connect(t, replica.Addr())
	for _, who := range []*RedisServer{master, replica} {
		for _, step := range []time.Duration{long, -2 * long, long} {
			if err := who.StepClock(step); err != nil {
				t.Fatal(err)
			}
			arrives(t, writer, reader, who.Addr()+step.String())
			wantAhead(t, writer, master.ClockOffset())
			wantAhead(t, reader, replica.ClockOffset())
		}
	}
}

// arrives writes a key here and waits for it there, over a second, in which
// servers look after their connections.
func arrives(t *testing.T, writer, reader *redis.Client, name string) {
	t.Helper()
	begin := time.Now()
	err := waitFor(nil, func() bool {
		err := writer.Set(t.Context(), name, "sent", 0).Err()
		got, _ := reader.Get(t.Context(), name).Result()
		return err == nil && got == "sent" && time.Since(begin) > time.Second
	})
	if err != nil {
		t.Errorf("%s: nothing arrives: %v", name, err)
	}
}

// TestAClusterSurvivesASteppedClock: its nodes go on knowing each other, and
// every slot is served, whose ever clock steps; each replica has what its master has.
func TestAClusterSurvivesASteppedClock(t *testing.T) {
	requireRedis(t)
	nodes, err := StartCluster(t.Context(), t.TempDir(), ClusterOptions{Replicas: true, Clocks: SharedClocks(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := killAll(nodes); err != nil {
			t.Error(err)
		}
	}()
	if len(nodes) != 2*masters {
		t.Fatalf("%d nodes", len(nodes))
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Addr()}})
	defer func() { _ = client.Close() }()
	for _, who := range []*RedisProcess{nodes[1], nodes[masters+2]} {
		for _, step := range []time.Duration{long, -2 * long, long} {
			if err := who.StepClock(step); err != nil {
				t.Fatal(err)
			}
			servesAll(t, client)
			for _, node := range nodes {
				if err := WaitClustered(t.Context(), node); err != nil {
					t.Fatalf("after a step of %s: %v", step, err)
				}
			}
		}
	}
}

// servesAll writes keys of every node, over a second.
func servesAll(t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	begin := time.Now()
	err := waitFor(nil, func() bool {
		var errs []error
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			errs = append(errs, client.Set(t.Context(), key, "v", 0).Err())
		}
		return errors.Join(errs...) == nil && time.Since(begin) > time.Second
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAClusterFailsOverOnRequest: a replica that is told to takes the slots over,
// with the data, and the former master follows it.
func TestAClusterFailsOverOnRequest(t *testing.T) {
	requireRedis(t)
	nodes, err := StartCluster(t.Context(), t.TempDir(), ClusterOptions{Replicas: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := killAll(nodes); err != nil {
			t.Error(err)
		}
	}()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[1].Addr()}})
	defer func() { _ = client.Close() }()
	for _, key := range []string{"a", "b", "c"} {
		if err := client.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := nodes[masters].Succeed(t.Context(), Handover); err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].WaitReplicated(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].Succeed(t.Context(), Takeover); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c"} {
		if got, err := client.Get(t.Context(), key).Result(); got != "v" || err != nil {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
}

// TestTheMachinesClockDoesNotStep: a server without a clock of its own says so.
func TestTheMachinesClockDoesNotStep(t *testing.T) {
	server := Redis(t)
	if err := server.StepClock(time.Second); err == nil || server.ClockOffset() != 0 {
		t.Errorf("it stepped: %v, %s", err, server.ClockOffset())
	}
}

// TestWithoutACompiler ends as any other missing tool does.
func TestWithoutACompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no cc in it
	for ci, want := range map[string]string{"true": "failed", "": "skipped"} {
		t.Setenv("CI", ci)
		got := &outcome{TB: t}
		requireClocks(got)
		if got.verdict != want || !strings.Contains(got.text, "gcc") {
			t.Errorf("CI=%q: %s, %s", ci, got.verdict, got.text)
		}
	}
}
