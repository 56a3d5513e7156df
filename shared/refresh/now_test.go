package refresh_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

func TestNowReadsAndKeeps(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		for value := range 3 {
			r.answers(value)
			if got, err := r.now(t.Context()); err != nil || got != value {
				t.Errorf("answered %d, %v", got, err)
			}
			r.wantLoads(1)
			r.want(value, 0)
		}
	})
}

// TestNowFailsAlone: the failure is answered, whatever is known, and what is
// known stays as it was for the others, without a pause.
func TestNowFailsAlone(t *testing.T) {
	for _, fault := range []error{errAway, errTold, errGone} {
		inBubble(t, func(t *testing.T, r *rig) {
			r.want(1, 1)
			r.fails(fault)
			if got, err := r.now(t.Context()); !errors.Is(err, fault) || got != 0 {
				t.Errorf("answered %d, %v", got, err)
			}
			r.wantLoads(1)
			r.want(1, 0)
			pass(life)
			if _, err := r.now(t.Context()); !errors.Is(err, fault) {
				t.Errorf("error %v", err)
			}
			r.answers(2)
			r.want(2, 2)
		})
	}
}

// TestNowEndsAnOutage: whoever reads successfully ends the pause for all.
func TestNowEndsAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.want(1, 1)
		pass(life)
		r.fails(errAway)
		r.want(1, 1)
		r.answers(2)
		if got, err := r.now(t.Context()); got != 2 || err != nil {
			t.Errorf("answered %d, %v", got, err)
		}
		r.wantLoads(1)
		r.want(2, 0)
	})
}

func TestNowEndsWithItsCaller(t *testing.T) {
	for name, patience := range map[string]time.Duration{"shorter": deadline / 2, "longer": 2 * deadline} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.hangs(1)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				began := time.Now()
				if _, err := r.now(ctx); !errors.Is(err, errAway) {
					t.Errorf("error %v", err)
				}
				if took := time.Since(began); took != min(patience, deadline) {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestNowJoinsNoLoad: the one under way may have read before the call. That one
// ends later, and does not replace what was read after it began.
func TestNowJoinsNoLoad(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		release := r.hangs(1)
		older := asks(func() (int, error) { return r.get(t.Context()) })
		r.answers(2)
		if got, err := r.now(t.Context()); got != 2 || err != nil {
			t.Errorf("answered %d, %v", got, err)
		}
		r.want(2, 2) // fresh, although a load is under way
		waiting(t, older)
		release()
		if o := <-older; o.value != 1 || o.err != nil {
			t.Errorf("the older load answered %+v", o)
		}
		r.want(2, 0)
	})
}

// TestAnOlderFailureSaysNothing about what was read after that load began: not
// that it is gone, nor that the backend cannot be asked.
func TestAnOlderFailureSaysNothing(t *testing.T) {
	for _, fault := range []error{errAway, errGone} {
		inBubble(t, func(t *testing.T, r *rig) {
			gate := make(chan struct{})
			r.does(func(context.Context) (int, time.Duration, error) { <-gate; return 0, 0, fault })
			older := asks(func() (int, error) { return r.get(t.Context()) })
			r.answers(2)
			if got, err := r.now(t.Context()); got != 2 || err != nil {
				t.Errorf("answered %d, %v", got, err)
			}
			close(gate)
			o := <-older
			if away := errors.Is(fault, errAway); away && (o.value != 2 || o.err != nil) || !away && !errors.Is(o.err, errGone) {
				t.Errorf("the older load answered %+v", o)
			}
			r.want(2, 2)
			pass(life)
			release := r.hangs(3)
			first, second := asks(func() (int, error) { return r.get(t.Context()) }), asks(func() (int, error) { return r.get(t.Context()) })
			waiting(t, second) // there is no outage in which it would be spared
			release()
			if o := <-first; o.value != 3 || (<-second).value != 3 {
				t.Errorf("answered %+v", o)
			}
		})
	}
}

// TestNobodyJoinsNow: it may end when its caller leaves. When it ends after a
// load that began later, it does not replace that one.
func TestNobodyJoinsNow(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		release := r.hangs(1)
		older := asks(func() (int, error) { return r.now(t.Context()) })
		r.answers(2)
		r.want(2, 2)
		release()
		if o := <-older; o.value != 1 || o.err != nil {
			t.Errorf("the older load answered %+v", o)
		}
		r.want(2, 0)
	})
}

// TestGoneOutlastsOlderLoads: what was read before a value was found gone does
// not bring it back.
func TestGoneOutlastsOlderLoads(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		release := r.hangs(1)
		older := asks(func() (int, error) { return r.now(t.Context()) })
		r.fails(errGone)
		r.wantError(errGone, 2)
		release()
		<-older
		if known, state := r.value.Peek(time.Now()); state != refresh.Absent {
			t.Errorf("%d came back", known)
		}
	})
}
