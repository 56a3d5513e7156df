// Package refresh keeps values that are read from a backend, and reads them anew
// in time: what organizations are entitled to, the keys of KMS, the keys of Google.
//
// A value is fresh for the time its load names. After that the next caller
// begins a load, which all callers share and none can cancel. When a load fails,
// the old value is answered for as long as the rules allow, and the next load
// waits for a pause to pass. [Value] keeps one value, [Values] one per key, and
// [Flight] shares work whose answer is not kept.
//
// The package neither logs nor wraps errors: what an error means, and what it is
// called, is its user's.
package refresh

import (
	"context"
	"math"
	"sync"
	"time"
)

// Forever as [Rules.Stale] lets a value be answered however old it is.
const Forever = time.Duration(math.MaxInt64)

// Rules say how values are kept.
type Rules struct {
	// Now is the clock by which values age. Required.
	Now func() time.Time
	// Deadline bounds one load, however long those who wait for it would. Required.
	Deadline time.Duration
	// Stale is how long past its freshness a value may still be answered, when
	// it cannot be renewed in time. Zero: not at all.
	Stale time.Duration
	// Pause is how long a stale value is answered after a failed load before
	// another load is tried, so that an outage does not cost every caller a deadline.
	Pause time.Duration
	// Spare lets only the caller that begins a load wait for it, if there is a
	// stale value: the others get that one at once. It is always so for the
	// loads that follow a failed one, since those are likely to fail late.
	Spare bool
	// Judge says what an error of a load means. Nil: every error is [Away].
	Judge func(error) Meaning
}

// Meaning is what the error of a load says about the value.
type Meaning int

const (
	// Away means that the backend cannot be asked. A stale value is answered instead.
	Away Meaning = iota
	// Told means that the error is the answer. What is known stays, for a later load to replace.
	Told
	// Gone means that the error is the answer, and there is no such value any more.
	Gone
)

// State is what may be done with a known value.
type State int

const (
	// Absent means that nothing is known, or it is too old to be answered.
	Absent State = iota
	// Stale values are answered only when they cannot be renewed in time.
	Stale
	// Fresh values are answered without a load.
	Fresh
)

// Load reads a value anew and says how long it is fresh, counted from the moment
// the load began. A value with no time to live is answered and not kept.
type Load[V any] func(ctx context.Context) (value V, life time.Duration, err error)

// Value is one value of a backend, as last read. What it answers is shared by
// all callers: none may change it. Rules and load come with each call and are
// the same each time, so the zero Value is ready. It is safe for concurrent use.
type Value[V any] struct {
	mu      sync.Mutex
	known   V
	fresh   time.Time // until when known is answered without a load
	usable  time.Time // until when known is answered at all
	retry   time.Time // set while loads fail: until when none is tried
	loading *call[V]  // the shared load under way, if any
	// begun counts loads, kept is the one that the state is from: a load that
	// began earlier may end later, and does not replace it.
	begun, kept uint64
}

// Get answers the value while it is fresh and otherwise what a load brings. A
// caller whose ctx ends first gets the stale value, or [ErrLeft] if there is none.
func (v *Value[V]) Get(ctx context.Context, rules *Rules, load Load[V]) (V, error) {
	known, loading := v.look(ctx, rules, load)
	if loading == nil {
		return known, nil
	}
	select {
	case <-loading.done:
		return loading.answer()
	case <-ctx.Done():
		if stale, state := v.Peek(rules.Now()); state != Absent {
			return stale, nil
		}
		return known, left(ctx)
	}
}

// look answers what is known if that will do, and else the load to wait for.
func (v *Value[V]) look(ctx context.Context, rules *Rules, load Load[V]) (known V, loading *call[V]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := rules.Now()
	state, failing := v.state(now), !v.retry.IsZero()
	switch {
	case state == Fresh, state == Stale && now.Before(v.retry):
		return v.known, nil
	case v.loading == nil:
		v.loading = v.begin(ctx, rules, now, load)
	case state == Stale && (rules.Spare || failing):
		return v.known, nil
	}
	return known, v.loading
}

// begin starts the shared load. The caller holds the lock.
func (v *Value[V]) begin(ctx context.Context, rules *Rules, now time.Time, load Load[V]) *call[V] {
	v.begun++
	n := v.begun
	return begin(ctx, rules.Deadline, func(ctx context.Context) (V, error) {
		value, err := v.read(ctx, rules, now, n, load)
		if err != nil {
			return v.failed(rules, n, err)
		}
		return value, nil
	}, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.loading = nil
	})
}

// Now reads the value for this caller alone, under its ctx and the deadline:
// the answer was read after the call began, or is the load's error. Success is
// kept for everybody; a failure changes nothing for the others.
func (v *Value[V]) Now(ctx context.Context, rules *Rules, load Load[V]) (V, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.Deadline)
	defer cancel()
	v.mu.Lock()
	v.begun++
	n, now := v.begun, rules.Now()
	v.mu.Unlock()
	return v.read(ctx, rules, now, n, load)
}

// read runs load number n, which began at now, and keeps what it brings.
func (v *Value[V]) read(ctx context.Context, rules *Rules, now time.Time, n uint64, load Load[V]) (none V, _ error) {
	value, life, err := load(ctx)
	if err != nil {
		return none, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if life > 0 && n > v.kept {
		v.known, v.kept, v.retry = value, n, time.Time{}
		v.fresh = now.Add(life)
		v.usable = v.fresh.Add(rules.Stale)
	}
	return value, nil
}

// failed decides what shared load number n, which failed, answers to those who
// wait for it. It says nothing about what a later load has brought meanwhile.
func (v *Value[V]) failed(rules *Rules, n uint64, err error) (none V, _ error) {
	meaning := Away
	if rules.Judge != nil {
		meaning = rules.Judge(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now, latest := rules.Now(), n > v.kept
	if meaning == Gone && latest {
		v.known, v.kept = none, n
		v.fresh, v.usable = time.Time{}, time.Time{}
	}
	if meaning != Away || v.state(now) == Absent {
		return none, err
	}
	if latest {
		v.retry = now.Add(rules.Pause)
	}
	return v.known, nil
}

// Peek answers what is known at that time, without a load.
func (v *Value[V]) Peek(now time.Time) (known V, state State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if state = v.state(now); state != Absent {
		known = v.known
	}
	return known, state
}

// Expire makes what is known stale if it is out of date by the caller's own
// knowledge. The next [Value.Get] loads, also within a pause.
func (v *Value[V]) Expire(outdated func(known V) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if outdated(v.known) {
		v.fresh, v.retry = time.Time{}, time.Time{}
	}
}

func (v *Value[V]) state(now time.Time) State {
	switch {
	case now.Before(v.fresh):
		return Fresh
	case now.Before(v.usable):
		return Stale
	}
	return Absent
}
