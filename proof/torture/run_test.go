package torture

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// TestPlanRepeats: a seed is a plan. Calm rounds lose nothing, the others do.
func TestPlanRepeats(t *testing.T) {
	t.Parallel()
	for _, topology := range []rig.Topology{rig.Replica, rig.Cluster} {
		losses := 0
		for n := range 20 {
			round := func(seed uint64) plan {
				s := setting{seed: seed, topology: topology, workers: 3, nodes: 3, pace: Pace(time.Second)}
				return s.round(n, n%2 == 0, ActiveTime)
			}
			p := round(7)
			if !reflect.DeepEqual(p, round(7)) {
				t.Errorf("round %d is not the same again", n)
			}
			if reflect.DeepEqual(p, round(8)) {
				t.Errorf("round %d is the same with another seed", n)
			}
			for _, lane := range p.lanes {
				for _, f := range lane {
					if (f.loses || f.rebuilds) && p.calm {
						t.Errorf("round %d is calm and has %s", n, f.kind)
					}
					if f.loses {
						losses++
					}
				}
			}
		}
		if losses < 20 {
			t.Errorf("%s: %d losses in 10 rounds", topology, losses)
		}
	}
}

// TestFaultsAreChosen: by name, by the begin of names, and but for some.
func TestFaultsAreChosen(t *testing.T) {
	t.Parallel()
	all := len(Faults())
	for names, want := range map[string]int{
		"": all, "crowd": 1, "clock*": 4, "clock*,!clock-ahead": 3, "!crowd": all - 1, "!redis*,!crowd,crowd": 0, "!crowd,!clock*": all - 5,
	} {
		list := slices.DeleteFunc(strings.Split(names, ","), func(s string) bool { return s == "" })
		n := 0
		for _, f := range catalogue() {
			if f.chosenBy(list) {
				n++
			}
		}
		if err := CheckFaults(list); n != want || err != nil {
			t.Errorf("%q chooses %d of %d, want %d (%v)", names, n, all, want, err)
		}
	}
	if err := CheckFaults([]string{"!no-such"}); err == nil {
		t.Error("a name that means nothing is taken")
	}
}

// TestRun: one round of losses on real servers keeps every promise.
func TestRun(t *testing.T) {
	servers.SharedRedis(t) // says so where redis-server is not installed
	servers.SharedClocks(t)
	var out bytes.Buffer
	err := Run(t.Context(), Options{
		Seed: 5, Duration: time.Second, Topologies: []rig.Topology{rig.Replica}, Workers: 2, Active: ActiveTime, Pace: Pace(time.Second),
		Launch: launch(t), Emulator: servers.Firestore(t), Firestore: Firestore(rig.Optimistic, time.Second), Out: &out, Verbose: true,
		// The others show what the service does not promise yet.
		Faults: []string{"!clock*", "!redis-memory-full"},
	})
	if err != nil || !strings.HasSuffix(out.String(), "torture: seed 5: PASS, 0 violations\n") {
		t.Errorf("%v; it wrote:\n%s\nthereof:\n%s", err, &out, violations(out.String()))
	}
}

// violations are those of a report without their stories: the end of a long text
// is what a log shows.
func violations(report string) string {
	var told strings.Builder
	for line := range strings.Lines(report) {
		if strings.HasPrefix(strings.TrimSpace(line), "VIOLATION") {
			told.WriteString(line)
		}
	}
	return told.String()
}

// TestReport: a violation is told with its story, and decides the verdict.
func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newReport(Options{Seed: 9, Out: &out})
	recorder := history.NewRecorder(map[string]history.Org{"acme": {Cap: 1, Licenses: map[string]int{"pro": 1}}}, time.Second)
	for i, session := range []string{"s1", "s2"} {
		at := history.Now().After(time.Duration(i) * time.Millisecond)
		recorder.Add(history.Op{
			Kind: history.Acquire, Result: history.Granted, Session: session, Holder: history.Holder{Org: "acme", License: "pro", User: session},
			Call: at, Return: at, Server: at, Expires: at.After(time.Second),
		})
	}
	h := recorder.History()
	r.judge(Options{}, &judged{topology: rig.Replica, plan: plan{n: 1}, history: &h})
	if err := r.wait(); err != nil {
		t.Fatal(err)
	}
	r.print()
	for _, want := range []string{"VIOLATION oversold: 2 seats of 1", "    ", "acquire, granted", "torture: seed 9: FAIL, 4 violations\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
