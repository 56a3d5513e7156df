package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// model is what a value should do, told by what happened instead of by deadlines.
type model struct {
	known  bool
	value  int
	readAt time.Duration
	// expired: declared out of date since it was read.
	expired bool
	// failedAt is when the last load failed, if failing.
	failing  bool
	failedAt time.Duration
}

// get answers what a call at that time should, given what a load would do.
func (m *model) get(at time.Duration, value int, fault error) (answer, loads int, err error) {
	age := at - m.readAt
	usable := m.known && age < life+stale
	if m.known && !m.expired && age < life || usable && m.failing && at-m.failedAt < pause {
		return m.value, 0, nil
	}
	switch {
	case fault == nil:
		*m = model{known: true, value: value, readAt: at}
		return value, 1, nil
	case errors.Is(fault, errGone):
		*m = model{}
	case errors.Is(fault, errAway) && usable:
		m.failing, m.failedAt = true, at
		return m.value, 1, nil
	}
	return 0, 1, fault
}

// step is one thing that may happen.
type step struct {
	name   string
	pass   time.Duration
	fault  error
	ask    bool
	now    bool
	expire bool
}

func steps() []step {
	return []step{
		{name: "a pause passes", pass: pause},
		{name: "a life passes", pass: life},
		{name: "the stale time passes", pass: stale},
		{name: "get", ask: true},
		{name: "get, away", ask: true, fault: errAway},
		{name: "get, told", ask: true, fault: errTold},
		{name: "get, gone", ask: true, fault: errGone},
		{name: "now", now: true},
		{name: "expire", expire: true},
	}
}

// TestEverySequence plays all sequences of five steps that begin with a read and
// end with a question, side by side with the model.
func TestEverySequence(t *testing.T) {
	all := steps()
	var play func(prefix []step)
	play = func(prefix []step) {
		if len(prefix) == 4 {
			for _, last := range all {
				if last.ask {
					playSequence(t, append(slices.Clone(prefix), last))
				}
			}
			return
		}
		for _, next := range all {
			play(append(slices.Clone(prefix), next))
		}
	}
	play([]step{{name: "get", ask: true}})
}

func playSequence(t *testing.T, sequence []step) {
	t.Helper()
	var value refresh.Value[int]
	var m model
	var at time.Duration
	started := time.Unix(1_800_000_000, 0)
	r := rules(func() time.Time { return started.Add(at) })
	for n, s := range sequence {
		at += s.pass
		loads := 0
		load := func(context.Context) (int, time.Duration, error) { loads++; return n, life, s.fault }
		switch {
		case s.ask:
			got, err := value.Get(t.Context(), &r, load)
			want, wantLoads, wantErr := m.get(at, n, s.fault)
			if got != want || !errors.Is(err, wantErr) || loads != wantLoads {
				t.Fatalf("%s: step %d answered %d, %v with %d loads, want %d, %v with %d",
					names(sequence), n, got, err, loads, want, wantErr, wantLoads)
			}
		case s.now:
			if got, err := value.Now(t.Context(), &r, load); got != n || err != nil {
				t.Fatalf("%s: step %d answered %d, %v", names(sequence), n, got, err)
			}
			m = model{known: true, value: n, readAt: at}
		case s.expire:
			value.Expire(func(int) bool { return true })
			m.expired, m.failing = true, false
		}
	}
}

func names(sequence []step) string {
	all := make([]string, len(sequence))
	for i, s := range sequence {
		all[i] = s.name
	}
	return fmt.Sprintf("%q", all)
}
