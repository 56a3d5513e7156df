package record

import (
	"context"
	"errors"
	"slices"
	"sync"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxShared is how many sessions one call may end in a shared commit. A reaper's
// batch fills a transaction by itself: it goes alone, beside the others, and
// holds up no acquire.
const maxShared = MaxEnds / 4

// change is what one call wants written: the create of one session, or ends.
type change struct {
	writes []write
	// trace is the call's context without its end: others may depend on the commit.
	trace context.Context
	done  chan error
	// The following are guarded by groups.mu.
	left   bool   // its caller has been answered
	handed bool   // its writes are in the commit that was last prepared
	group  *group // nil until its commit is begun

	// outdated is why nothing of it was queued in the transaction that was committed. It
	// belongs to whoever commits.
	outdated error
}

type write struct {
	ref    *firestore.DocumentRef
	fields map[string]any
	end    bool       // merged over what is there; otherwise nothing may be there
	terms  int64      // of a create: under which epoch the licenses were read that it rests on
	doc    sessionDoc // what fields are made of
}

func (c *change) present() bool { return !c.left }

// group is changes that share one transaction.
type group struct {
	changes []*change
	outcome *outcome
	cancel  context.CancelFunc
}

// groups brings the changes of one organization under one epoch together. A
// change that finds no commit under way begins one at once; what is asked for
// meanwhile goes together in the next. So nobody waits for company, and the more
// there is to do, the fewer commits it takes per session.
type groups struct {
	mu sync.Mutex
	// waiting has an entry for as long as a commit is under way.
	waiting map[groupKey][]*change
}

type groupKey struct {
	organization string
	epoch        license.Epoch
}

// join adds a change, and reports whether nobody is there to commit it.
func (s *groups) join(key groupKey, c *change) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[groupKey][]*change{}
	}
	_, busy := s.waiting[key]
	s.waiting[key] = append(s.waiting[key], c)
	return !busy
}

// next takes what fits into one commit, each document once: a session that is
// created in this commit is ended in the one after. None ends the entry.
func (s *groups) next(key groupKey) []*change {
	s.mu.Lock()
	defer s.mu.Unlock()
	var now, later []*change
	names := map[string]bool{}
	for _, c := range s.waiting[key] {
		switch {
		case c.left:
		case len(names)+len(c.writes) > MaxEnds || slices.ContainsFunc(c.writes, func(w write) bool { return names[w.ref.ID] }):
			later = append(later, c)
		default:
			now = append(now, c)
			for _, w := range c.writes {
				names[w.ref.ID] = true
			}
		}
	}
	if len(now) == 0 {
		delete(s.waiting, key)
	} else {
		s.waiting[key] = later
	}
	return now
}

// begin makes a group of those changes whose callers still wait.
func (s *groups) begin(changes []*change, o *outcome, cancel context.CancelFunc) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &group{changes: slices.DeleteFunc(changes, func(c *change) bool { return c.left }), outcome: o, cancel: cancel}
	for _, c := range g.changes {
		c.group, c.handed = g, false
	}
	return g
}

// hand is the moment after which a change may be written: it answers those
// whose callers still wait.
func (s *groups) hand(g *group) []*change {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*change
	for _, c := range g.changes {
		if c.handed = !c.left; c.handed {
			all = append(all, c)
		}
	}
	return all
}

// leave takes a change out, whose caller's time is over, and tells what is
// certain about it. With the last one the commit itself is given up.
func (s *groups) leave(c *change) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.left = true
	switch {
	case c.group == nil:
		return notWritten
	case !slices.ContainsFunc(c.group.changes, (*change).present):
		c.group.cancel()
		return c.group.outcome.close()
	case c.handed:
		return unknown
	default:
		return notWritten
	}
}

// share commits writes under the fence of an epoch, together with others'.
func (f *Firestore) share(ctx context.Context, t tenant, epoch license.Epoch, writes []write) error {
	return f.write(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, f.deadline)
		defer cancel()
		if err := ctx.Err(); err != nil {
			return notWritten.mark(err)
		}
		c := &change{writes: writes, trace: context.WithoutCancel(ctx), done: make(chan error, 1)}
		f.begin(t, epoch, c) //nolint:contextcheck // others may depend on it: it takes c.trace
		select {
		case err := <-c.done:
			return err
		case <-ctx.Done():
			return f.groups.leave(c).mark(ctx.Err())
		}
	})
}

// begin has a change committed beside its caller, whose time may end first.
func (f *Firestore) begin(t tenant, epoch license.Epoch, c *change) {
	if len(c.writes) > maxShared {
		go f.commit(t, epoch, []*change{c})
		return
	}
	key := groupKey{t.id, epoch}
	if !f.groups.join(key, c) {
		return
	}
	go func() {
		for next := f.groups.next(key); len(next) > 0; next = f.groups.next(key) {
			f.commit(t, epoch, next)
		}
	}()
}

// commit runs one transaction for all changes and answers each.
func (f *Firestore) commit(t tenant, epoch license.Epoch, changes []*change) {
	ctx, cancel := context.WithCancel(changes[0].trace)
	defer cancel()
	ctx, o := withOutcome(ctx)
	g := f.groups.begin(changes, o, cancel)
	if len(g.changes) == 0 {
		return
	}
	err := f.tryTransact(ctx, o, func(tx *firestore.Transaction) error { return f.prepare(tx, t, epoch, g) })
	if alreadyExists(err) {
		f.settle(ctx, t, epoch, g, err)
		return
	}
	g.answer(err)
}

func (g *group) answer(err error) {
	for _, c := range g.changes {
		answer := err
		if err == nil { // a transaction that was given up may still run
			answer = c.outdated
		}
		c.done <- answer
	}
}

// prepare reads what the group's writes depend on and queues them.
func (f *Firestore) prepare(tx *firestore.Transaction, t tenant, epoch license.Epoch, g *group) error {
	known, err := fence(tx, t, epoch, g.refs(true)...)
	if err != nil {
		return err
	}
	ended, before := map[string]bool{}, map[string]*firestore.DocumentSnapshot{}
	for _, snapshot := range known.documents {
		ended[snapshot.Ref.ID] = hasEnded(snapshot)
		before[snapshot.Ref.ID] = snapshot
	}
	for _, c := range f.groups.hand(g) {
		if c.outdated = c.upToDate(known.ledger); c.outdated != nil {
			continue
		}
		for _, w := range c.writes {
			if err := w.queue(tx, ended); err != nil {
				return err
			}
			if err := errors.Join(w.audit(tx, t, before[w.ref.ID]), w.tell(tx, t, before[w.ref.ID])); err != nil {
				return err
			}
		}
	}
	return nil
}

// upToDate reports why a create must be decided again. Ends rest on no license.
func (c *change) upToDate(ledger ledgerDoc) error {
	if c.writes[0].end {
		return nil
	}
	return ledger.upToDate(c.writes[0].terms)
}

// queue puts the write into the transaction. The end of a session that has ended
// is none; a session without a record gets its tombstone.
func (w write) queue(tx *firestore.Transaction, ended map[string]bool) error {
	switch {
	case !w.end:
		return tx.Create(w.ref, w.fields)
	case ended[w.ref.ID]:
		return nil
	default:
		return tx.Set(w.ref, w.fields, firestore.MergeAll)
	}
}

// refs are the documents that the group ends, or those that it creates.
func (g *group) refs(ends bool) []*firestore.DocumentRef {
	var refs []*firestore.DocumentRef
	for _, c := range g.changes {
		for _, w := range c.writes {
			if w.end == ends {
				refs = append(refs, w.ref)
			}
		}
	}
	return refs
}

// alreadyExists finds the answer to a create of a document that is there. It
// can be about our own write: the client library repeats commits.
func alreadyExists(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.AlreadyExists
}

// errUndecided: the record of a session that could not be created is neither
// there nor absent, as when something else deleted it in between.
var errUndecided = errors.New("the session's record vanished")

// settle answers for the records that stood in a group's way and commits the
// rest again. After a rebuild records that exist are the usual case, as every
// holder's next acquire looks for its own: they must cost the others one more
// commit, not one each.
func (f *Firestore) settle(ctx context.Context, t tenant, epoch license.Epoch, g *group, refusal error) {
	ctx, cancel := context.WithTimeout(ctx, f.deadline)
	defer cancel()
	existing, err := f.client.GetAll(ctx, g.refs(false))
	if err != nil {
		g.answer(unavailable(withCause(ctx, err)))
		return
	}
	rest := &group{}
	for _, c := range g.changes {
		if c.writes[0].end {
			rest.changes = append(rest.changes, c)
			continue
		}
		found := existing[0]
		if existing = existing[1:]; !found.Exists() {
			rest.changes = append(rest.changes, c)
			continue
		}
		c.done <- acceptExisting(found)
	}
	switch {
	case len(rest.changes) == 0:
	case len(rest.changes) == len(g.changes), !errors.Is(refusal, ErrRefused):
		rest.answer(unavailable(errUndecided)) // an earlier attempt may yet be applied
	default:
		f.commit(t, epoch, rest.changes) //nolint:contextcheck // it takes its first change's trace
	}
}
