package refresh_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

func TestLife(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.want(1, 1)
		r.answers(2)
		pass(life - 1)
		r.want(1, 0)
		pass(1)
		r.want(2, 1)
	})
}

// TestLifeCountsFromTheBeginning of a load: what it read may be as old as that.
func TestLifeCountsFromTheBeginning(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		release := r.hangs(1)
		time.AfterFunc(4*time.Second, release)
		r.want(1, 1)
		r.answers(2)
		pass(life - 4*time.Second - 1)
		r.want(1, 0)
		pass(1)
		r.want(2, 1)
	})
}

func TestFailureAnswersStaleAndPauses(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.want(1, 1)
		r.fails(errAway)
		pass(life)
		r.want(1, 1)
		pass(pause - 1)
		r.want(1, 0)
		pass(1)
		r.want(1, 1)
		r.answers(2)
		r.want(1, 0)
		pass(pause)
		r.want(2, 1)
		pass(life - 1)
		r.want(2, 0)
	})
}

// TestOutageEnds with a load that succeeds, or says that the value is gone: from
// then on the others wait for the next load again.
func TestOutageEnds(t *testing.T) {
	for name, gone := range map[string]bool{"by an answer": false, "by a refusal": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.want(1, 1)
				pass(life)
				r.fails(errAway)
				r.want(1, 1)
				pass(pause)
				if gone {
					r.fails(errGone)
					r.wantError(errGone, 1)
				}
				r.answers(2)
				r.want(2, 1)
				pass(life)
				release := r.hangs(3)
				get := func() (int, error) { return r.get(t.Context()) }
				first, second := asks(get), asks(get)
				waiting(t, second)
				release()
				for _, done := range []<-chan outcome{first, second} {
					if o := <-done; o.value != 3 || o.err != nil {
						t.Errorf("answered %+v", o)
					}
				}
			})
		})
	}
}

// TestPauseCountsFromTheEnd of a load that failed: a load that hangs takes longer
// than a pause.
func TestPauseCountsFromTheEnd(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.want(1, 1)
		pass(life)
		r.hangs(2)
		r.want(1, 1)
		pass(pause - 1)
		r.want(1, 0)
		pass(1)
		r.want(1, 1)
	})
}

func TestStaleOnlySoLong(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.want(1, 1)
		r.fails(errAway)
		pass(life + stale - 1)
		r.want(1, 1)
		pass(1)
		r.wantError(errAway, 1) // also within the pause
		r.wantError(errAway, 1)
		r.answers(2)
		r.want(2, 1)
	})
}

// TestTooOldWhenTheLoadEnds: the age is judged when the answer is given.
func TestTooOldWhenTheLoadEnds(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.want(1, 1)
		pass(life + stale - deadline)
		r.hangs(2)
		r.wantError(errAway, 1)
	})
}

func TestNeverStale(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.rules.Stale = 0
		r.want(1, 1)
		pass(life)
		r.fails(errAway)
		r.wantError(errAway, 1)
	})
}

func TestStaleForever(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.rules.Stale, r.rules.Judge = refresh.Forever, nil
		r.want(1, 1)
		pass(50 * 365 * 24 * time.Hour)
		r.fails(errTold) // no rule says that it means anything else than away
		r.want(1, 1)
	})
}

func TestNoLifeIsNotKept(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		for _, life := range []time.Duration{0, -life} {
			r.does(func(context.Context) (int, time.Duration, error) { return 7, life, nil })
			r.want(7, 1)
			r.want(7, 1)
			r.fails(errAway)
			r.wantError(errAway, 1)
		}
	})
}

// TestLoadHasItsOwnDeadline, whether its caller has a shorter one or none, and
// the values of its caller's context.
func TestLoadHasItsOwnDeadline(t *testing.T) {
	type key struct{}
	for name, patience := range map[string]time.Duration{"shorter": deadline / 2, "longer": 2 * deadline} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				began := time.Now()
				var took time.Duration
				r.does(func(ctx context.Context) (int, time.Duration, error) {
					if ctx.Value(key{}) != "trace" {
						t.Error("the values of the context are lost")
					}
					<-ctx.Done()
					took = time.Since(began)
					return 0, 0, ctx.Err()
				})
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace"), patience)
				defer cancel()
				_, err := r.get(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, refresh.ErrLeft) != (patience < deadline) {
					t.Errorf("error %v", err)
				}
				if waited := time.Since(began); waited != min(patience, deadline) {
					t.Errorf("the caller waited %v", waited)
				}
				pass(deadline)
				if took != deadline {
					t.Errorf("the load had %v", took)
				}
			})
		})
	}
}

func TestExpire(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		is := func(value int) func(int) bool { return func(known int) bool { return known == value } }
		r.value.Expire(is(0))
		if known, state := r.value.Peek(time.Now()); known != 0 || state != refresh.Absent {
			t.Errorf("nothing became %d, %v", known, state)
		}
		r.want(1, 1)
		r.answers(2)
		r.value.Expire(is(9))
		r.want(1, 0)
		r.value.Expire(is(1))
		r.want(2, 1)
		r.fails(errAway)
		r.value.Expire(is(2))
		r.want(2, 1) // stale now, not lost
		r.want(2, 0) // a pause
		r.answers(3)
		r.value.Expire(is(2))
		r.want(3, 1) // which it ends
	})
}

func TestPeek(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		peek := func(wantKnown int, wantState refresh.State) {
			t.Helper()
			if known, state := r.value.Peek(time.Now()); known != wantKnown || state != wantState {
				t.Errorf("%d, %v, want %d, %v", known, state, wantKnown, wantState)
			}
		}
		peek(0, refresh.Absent)
		r.want(1, 1)
		peek(1, refresh.Fresh)
		pass(life)
		peek(1, refresh.Stale)
		pass(stale)
		peek(0, refresh.Absent)
		r.wantLoads(0)
	})
}

// TestPanicReachesEveryCaller with the place where it happened; and the next
// call loads again.
func TestPanicReachesEveryCaller(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		gate := make(chan struct{})
		r.does(func(context.Context) (int, time.Duration, error) { <-gate; panic("boom") })
		get := func() (int, error) { return r.get(t.Context()) }
		first, second := asks(get), asks(get)
		close(gate)
		for _, done := range []<-chan outcome{first, second} {
			o := <-done
			p, ok := o.panicked.(*refresh.Panic)
			if !ok || p.Value != "boom" || !strings.Contains(p.Error(), "boom") || !strings.Contains(p.Error(), "value_test.go") {
				t.Errorf("met %+v", o)
			}
		}
		r.wantLoads(1)
		r.answers(1)
		r.want(1, 1)
	})
}

// TestPanicThatNobodyWaitsFor ends neither the process nor the value.
func TestPanicThatNobodyWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		gate := make(chan struct{})
		r.does(func(context.Context) (int, time.Duration, error) { <-gate; panic("boom") })
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.get(gone); !errors.Is(err, refresh.ErrLeft) || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		r.wantLoads(1)
		r.answers(1)
		r.want(1, 1)
	})
}
