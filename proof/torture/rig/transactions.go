package rig

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Firestore says how transactions are kept apart: as a database of one of the two
// concurrency modes does
// (https://docs.cloud.google.com/firestore/docs/transaction-data-contention).
type Firestore struct {
	Mode Concurrency
	// Idle is how long a transaction stays open without a call. In the service it is
	// a minute (https://docs.cloud.google.com/firestore/quotas), whoever has gone away.
	Idle time.Duration
}

// Concurrency is a database's concurrency mode.
type Concurrency string

// The modes.
const (
	// Optimistic takes no locks. Of two transactions that conflict, because one writes
	// what the other has read, the one that commits later is aborted.
	Optimistic Concurrency = "optimistic"
	// Pessimistic locks what a transaction has read until it ends, or is idle for too
	// long: other commits that write it wait. Of those that wait for each other, one
	// is aborted: the one that came last. (Which, is not documented.)
	Pessimistic Concurrency = "pessimistic"
)

// transactions keeps transactions apart. A commit without one is one that has read
// nothing.
type transactions struct {
	Firestore

	mu   sync.Mutex
	next int64
	open map[string]*transaction
	// changed is closed, and made anew, when a commit or a transaction has ended.
	changed chan struct{}
}

// transaction is one that has not ended yet.
type transaction struct {
	id    string
	reads map[string]bool
	// writes are those of its commit, once that has been asked for.
	writes []string
	// committing says that the emulator has its commit, waiting that others are in the
	// way of it, conflicts that another has written what it has read.
	committing, waiting, conflicts bool
	used                           time.Time
}

var (
	errConflict = status.Error(codes.Aborted, "another transaction has written what this one has read")
	errCircle   = status.Error(codes.Aborted, "too much contention on these documents: transactions wait for each other")
	errExpired  = status.Error(codes.InvalidArgument, "the referenced transaction has expired or is no longer valid")
)

func newTransactions(o Firestore) *transactions {
	return &transactions{Firestore: o, open: map[string]*transaction{}, changed: make(chan struct{})}
}

func (ts *transactions) begin() []byte {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return []byte(ts.add().id)
}

func (ts *transactions) add() *transaction {
	ts.next++
	t := &transaction{id: string(name(ts.next)), reads: map[string]bool{}, used: time.Now()}
	ts.open[t.id] = t
	return t
}

// find is an open transaction, by its id; one that was idle for too long has ended.
func (ts *transactions) find(id []byte) (*transaction, error) {
	for key, t := range ts.open {
		if !t.committing && !t.waiting && time.Since(t.used) > ts.Idle {
			delete(ts.open, key)
		}
	}
	t := ts.open[string(id)]
	if t == nil {
		return nil, errExpired
	}
	t.used = time.Now()
	return t, nil
}

// read notes what a transaction depends on before it is read.
func (ts *transactions) read(ctx context.Context, id []byte, documents []string) error {
	if len(id) == 0 {
		return nil
	}
	return ts.await(ctx, func() (bool, error) {
		t, err := ts.find(id)
		if err != nil {
			return false, err
		}
		for _, other := range ts.open {
			if ts.Mode == Pessimistic && other != t && other.committing && other.writesAny(documents) {
				return false, nil
			}
		}
		for _, d := range documents {
			t.reads[d] = true
		}
		return true, nil
	})
}

// enter waits until nobody is in the way of a commit.
func (ts *transactions) enter(ctx context.Context, id []byte, writes []string) (t *transaction, err error) {
	defer func() {
		if err != nil && t != nil {
			ts.end([]byte(t.id))
		}
	}()
	err = ts.await(ctx, func() (done bool, err error) {
		if t, err = ts.committer(t, id); err != nil {
			return false, err
		}
		t.writes = writes
		if t.conflicts {
			return false, errConflict
		}
		t.waiting = len(ts.inTheWayOf(t)) > 0
		if t.waiting && ts.waitsFor(t, t, map[*transaction]bool{}) {
			return false, errCircle
		}
		t.committing = !t.waiting
		return t.committing, nil
	})
	return t, err
}

// committer is the transaction that commits: the one it was, the one that is named,
// or one of its own.
func (ts *transactions) committer(t *transaction, id []byte) (*transaction, error) {
	if t != nil {
		return t, nil
	}
	if len(id) == 0 {
		return ts.add(), nil
	}
	return ts.find(id)
}

// inTheWayOf are the transactions that a commit must wait for.
func (ts *transactions) inTheWayOf(t *transaction) []*transaction {
	var out []*transaction
	for _, other := range ts.open {
		if other == t {
			continue
		}
		collides := other.committing && (t.depends(other.writes) || t.writesAny(other.writes) || other.depends(t.writes))
		locks := ts.Mode == Pessimistic && other.depends(t.writes) && (other.waiting || time.Since(other.used) <= ts.Idle)
		if collides || locks {
			out = append(out, other)
		}
	}
	return out
}

// waitsFor says that some of those in t's way wait, in the end, for the target.
func (ts *transactions) waitsFor(t, target *transaction, seen map[*transaction]bool) bool {
	for _, other := range ts.inTheWayOf(t) {
		if other == target {
			return true
		}
		if other.waiting && !seen[other] {
			seen[other] = true
			if ts.waitsFor(other, target, seen) {
				return true
			}
		}
	}
	return false
}

func (t *transaction) depends(writes []string) bool {
	return slices.ContainsFunc(writes, func(d string) bool { return t.reads[d] })
}

func (t *transaction) writesAny(documents []string) bool {
	return slices.ContainsFunc(documents, func(d string) bool { return slices.Contains(t.writes, d) })
}

// leave ends a transaction whose commit is through. Who has read what it may have
// written has read too early.
func (ts *transactions) leave(t *transaction, mayHaveWritten bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, other := range ts.open {
		if other != t && mayHaveWritten && other.depends(t.writes) {
			other.conflicts = true
		}
	}
	ts.remove(t.id)
}

// end ends a transaction that commits nothing.
func (ts *transactions) end(id []byte) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.remove(string(id))
}

func (ts *transactions) remove(id string) {
	delete(ts.open, id)
	close(ts.changed)
	ts.changed = make(chan struct{})
}

// await tries until it is done, after every change and when somebody may have been
// idle for too long.
func (ts *transactions) await(ctx context.Context, try func() (bool, error)) error {
	const lookAgain = 5 * time.Millisecond
	for {
		ts.mu.Lock()
		done, err := try()
		changed := ts.changed
		ts.mu.Unlock()
		if done || err != nil {
			return err
		}
		again := time.NewTimer(lookAgain)
		select {
		case <-ctx.Done():
			again.Stop()
			return status.FromContextError(ctx.Err()).Err()
		case <-changed:
			again.Stop()
		case <-again.C:
		}
	}
}
