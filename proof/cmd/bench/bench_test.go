package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be what the benchmark starts: itself, again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "serve-") {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func requireRedis(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(errNoRedis)
	case err != nil:
		t.Skip(errNoRedis)
	}
}

// TestQuick runs the whole benchmark small, and looks at every number for
// sense. How fast anything is, is not its business.
func TestQuick(t *testing.T) {
	requireRedis(t)
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	r, err := measure(t.Context(), runCommand{Quick: true, Profile: profile}.plan())
	if err != nil {
		t.Fatal(err)
	}
	checkCells(t, r)
	checkLevels(t, r)
	checkRebuilds(t, r)
	if perSession := r.memory.perSession(); r.memory.sessions != 500 || perSession < 200 || perSession > 5_000 {
		t.Errorf("%.0f bytes for each of %d sessions", perSession, r.memory.sessions)
	}
	// pprof's format is gzip.
	if data, err := os.ReadFile(profile); err != nil || !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		t.Errorf("the profile: %.10q, %v", data, err)
	}
	checkText(t, r)
}

func checkCells(t *testing.T, r results) {
	t.Helper()
	var got []string
	for _, c := range r.cells {
		got = append(got, c.name)
		if c.Requests == 0 || c.perSecond() <= 0 || c.P50 <= 0 || c.P99 < c.P50 || c.each.process <= 0 {
			t.Errorf("%s at %d connections: %+v", c.name, c.connections, c)
		}
		// A cell that never reached Redis would be a cell of error answers.
		if c.name != nameBare && c.each.redis <= 0 {
			t.Errorf("%s at %d connections cost Redis nothing", c.name, c.connections)
		}
		if c.each.signatures != 0 {
			t.Errorf("%s: %d signatures of KMS", c.name, c.each.signatures)
		}
	}
	once := []string{nameBare, nameScript, nameHeartbeat, nameReacquire, nameRelease, nameAcquire}
	if want := slices.Concat(once, once); !slices.Equal(got, want) {
		t.Errorf("measured %q, want %q", got, want)
	}
	if r.worstHeartbeat() <= 0 {
		t.Errorf("the heartbeat costs %v units", r.worstHeartbeat())
	}
}

func checkLevels(t *testing.T, r results) {
	t.Helper()
	if len(r.levels) != 3 {
		t.Fatalf("levels: %+v", r.levels)
	}
	for _, l := range r.levels {
		if l.seats < 1 || l.script < time.Microsecond || l.script > time.Second || l.each.process <= 0 || l.each.redis <= 0 {
			t.Errorf("level: %+v", l)
		}
	}
}

func checkRebuilds(t *testing.T, r results) {
	t.Helper()
	if len(r.rebuilds) != 1 {
		t.Fatalf("rebuilds: %+v", r.rebuilds)
	}
	// 1,000 sessions by at most 25 in a script, and some scripts around them.
	if b := r.rebuilds[0]; b.sessions != 1_000 || b.scripts < 10 || b.total <= 0 || b.mean <= 0 || b.mean > b.total {
		t.Errorf("rebuild: %+v", b)
	}
}

func checkText(t *testing.T, r results) {
	t.Helper()
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, part := range []string{
		"machine: ", "redis ", "ratios measured in one run", "--quick:", "1. Requests", "0 calls of KMS", "2. A new acquire",
		"ratio 500 : 1", "3. Redis memory", "bytes of used_memory per session", "4. Rebuild",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Count(text, "hold") != 3 {
		t.Errorf("numbers that are none, or not three verdicts:\n%s", text)
	}
}

// TestReplayRefusesARefusal: a script that refuses does none of its work, and
// must never pass for a yardstick.
func TestReplayRefusesARefusal(t *testing.T) {
	requireRedis(t)
	server, err := startRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.stop(); err != nil {
			t.Error(err)
		}
	}()
	for script, want := range map[string]string{"return {0, 7}": "", "return {6}": "[6]", "return {}": "[]", "return 'x'": "Slice"} {
		sha, err := server.client.ScriptLoad(t.Context(), script).Result()
		if err != nil {
			t.Fatal(err)
		}
		_, err = replay(t.Context(), replayRequest{
			Redis: server.addr, Command: [][]byte{[]byte("evalsha"), []byte(sha), []byte("0")}, Connections: 1, Duration: time.Millisecond,
		})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestMissingRedisSaysHowToInstallIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := measure(t.Context(), runCommand{Quick: true}.plan())
	if !errors.Is(err, errNoRedis) || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("%v", err)
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"--duration", "0s"}, {"--connections", "0"}, {"--connections", "1,-2"}, {"--connections", "5000"}, {"--nope"}, {"serve-function"},
	} {
		if err := dispatch(t.Context(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, tt := range []struct {
		values  []int
		p, want int
	}{
		{nil, 50, 0},
		{[]int{7}, 1, 7},
		{[]int{7}, 99, 7},
		{[]int{1, 2}, 50, 1},
		{[]int{1, 2}, 51, 2},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred[:10], 99, 10},
	} {
		if got := percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("p%d of %d values: %d, want %d", tt.p, len(tt.values), got, tt.want)
		}
	}
}

// TestUnits: a cell is judged by the yardsticks at its own number of connections.
func TestUnits(t *testing.T) {
	of := func(name string, connections int, process, redis time.Duration) cell {
		return cell{name: name, connections: connections, each: spent{process: process, redis: redis, kms: time.Hour}}
	}
	r := results{cells: []cell{
		of(nameBare, 1, 10, 0), of(nameScript, 1, 20, 20), of(nameHeartbeat, 1, 60, 40),
		of(nameBare, 8, 5, 0), of(nameScript, 8, 10, 10), of(nameHeartbeat, 8, 60, 40),
	}}
	if one, eight := r.units(r.cells[2]), r.units(r.cells[5]); one != 2 || eight != 4 || r.worstHeartbeat() != 4 {
		t.Errorf("at 1: %v, at 8: %v, worst %v", one, eight, r.worstHeartbeat())
	}
	if got := (results{}).units(cell{each: spent{process: 1}}); got != 0 {
		t.Errorf("without yardsticks: %v", got)
	}
}

func TestReleasingEndsAndDealsFairly(t *testing.T) {
	hands := deal([]string{"a", "b", "c", "d", "e"}, 2)
	users := []user{{id: "u-0", token: "zero"}, {id: "u-1", token: "one"}}
	giving := releasing(users, hands)
	var sent []string
	for worker := range users {
		for r := giving.next(worker); r != nil; r = giving.next(worker) {
			sent = append(sent, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		}
	}
	const path = "DELETE /api/v1/licenses/sessions/"
	want := []string{path + "a Bearer zero", path + "c Bearer zero", path + "e Bearer zero", path + "b Bearer one", path + "d Bearer one"}
	if !slices.Equal(sent, want) {
		t.Errorf("sent %q", sent)
	}
}

// TestLoadStopsAtAWrongAnswer: error answers are quick and cheap, and must
// never pass for a measurement.
func TestLoadStopsAtAWrongAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address := serveTest(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusConflict)
	}))
	all, err := dialAll(ctx, address, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = all.Close() }()
	if _, err := all.send(ctx, greeting(), forever); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("%v", err)
	}
}
