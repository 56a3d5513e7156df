package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// situation is everything that decides what a call of Get answers.
type situation struct {
	known   string // nothing, fresh, stale, old
	outage  string // none, paused, due: the last load failed, and its pause lasts or is over
	loading bool   // another caller's load is under way
	spare   bool
	load    string // what the load does: answer, away, told, gone, panic, exit, hang
	leaves  bool   // the caller's context ends while it waits
}

// possible leaves out what cannot be: no load begins while a value is fresh or
// paused, and only a stale value can be in an outage.
func (s situation) possible() bool {
	idle := s.known == "fresh" || s.outage == "paused"
	return (s.outage == "none" || s.known == "stale") && (!idle || !s.loading)
}

// want is the rule in words of its own: what the call answers, how many loads it
// begins, and whether it is answered at once.
func (s situation) want() (answer string, loads int64, atOnce bool) {
	if s.known == "fresh" || s.outage == "paused" {
		return "old value", 0, true
	}
	if s.loading && s.known == "stale" && (s.spare || s.outage == "due") {
		return "old value", 0, true
	}
	if !s.loading {
		loads = 1
	}
	fallback := s.known == "stale"
	switch {
	case s.leaves && fallback, fallback && (s.load == "away" || s.load == "hang"):
		return "old value", loads, false
	case s.leaves:
		return "left", loads, false
	case s.load == "answer":
		return "new value", loads, false
	case s.load == "hang":
		return "away", loads, false
	}
	return s.load, loads, false
}

func situations() (all []situation) {
	both := []bool{false, true}
	for _, known := range []string{"nothing", "fresh", "stale", "old"} {
		for _, outage := range []string{"none", "paused", "due"} {
			for _, load := range []string{"answer", "away", "told", "gone", "panic", "exit", "hang"} {
				for _, loading := range both {
					for _, spare := range both {
						for _, leaves := range both {
							s := situation{known, outage, loading, spare, load, leaves}
							if s.possible() {
								all = append(all, s)
							}
						}
					}
				}
			}
		}
	}
	return all
}

// TestEverySituation asks once in each of them.
func TestEverySituation(t *testing.T) {
	all := situations()
	for _, s := range all {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) { s.play(t, r) })
		})
	}
	if len(all) != 280 {
		t.Errorf("%d situations", len(all))
	}
}

func (s situation) play(t *testing.T, r *rig) {
	s.arrange(r)
	gate := make(chan struct{})
	r.does(func(ctx context.Context) (int, time.Duration, error) {
		<-gate
		return s.perform(ctx)
	})
	var other <-chan outcome
	if s.loading {
		other = asks(func() (int, error) { return r.get(t.Context()) })
	}
	r.loads.Store(0)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := asks(func() (int, error) { return r.get(ctx) })
	answer, loads, atOnce := s.want()
	if !atOnce {
		waiting(t, done)
	}
	if s.leaves {
		leave()
	} else if !atOnce {
		close(gate)
	}
	if got := name(<-done); got != answer {
		t.Errorf("answered %q, want %q", got, answer)
	}
	r.wantLoads(loads)
	if s.leaves || atOnce {
		close(gate)
	}
	if other != nil {
		alone := situation{known: s.known, outage: s.outage, spare: s.spare, load: s.load}
		if want, _, _ := alone.want(); name(<-other) != want {
			t.Errorf("the other caller was not answered %q", want)
		}
	}
}

// arrange makes what is known, and the outage.
func (s situation) arrange(r *rig) {
	r.rules.Spare = s.spare
	if s.known != "nothing" {
		r.want(1, 1)
	}
	switch s.known {
	case "stale":
		pass(life)
	case "old":
		pass(life + stale)
	}
	if s.outage != "none" {
		r.fails(errAway)
		r.want(1, 1)
	}
	if s.outage == "due" {
		pass(pause)
	}
}

// perform is what the load does once it is let through.
func (s situation) perform(ctx context.Context) (int, time.Duration, error) {
	switch s.load {
	case "away":
		return 0, 0, errAway
	case "told":
		return 0, 0, errTold
	case "gone":
		return 0, 0, errGone
	case "panic":
		panic("boom")
	case "exit":
		runtime.Goexit()
	case "hang":
		<-ctx.Done()
		return 0, 0, errAway
	}
	return 2, life, nil
}

// name is an outcome in the words of [situation.want].
func name(o outcome) string {
	for name, err := range map[string]error{"left": refresh.ErrLeft, "away": errAway, "told": errTold, "gone": errGone} {
		if errors.Is(o.err, err) {
			return name
		}
	}
	switch {
	case o.panicked != nil:
		return "panic"
	case o.err != nil:
		return "exit"
	case o.value == 1:
		return "old value"
	case o.value == 2:
		return "new value"
	}
	return fmt.Sprint(o)
}
