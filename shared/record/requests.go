package record

import (
	"context"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Request is what an idempotency key was sent with.
type Request struct {
	// Name is all that tells it from another one: the operation, what it is about, and the
	// body. It is kept as a digest alone.
	Name string
	// Outlives keeps its answer with the service's keys: the organization that it is about
	// may be gone once it is done.
	Outlives bool
}

// Answer is what a request was answered.
type Answer struct {
	// Status is that of HTTP.
	Status int64 `firestore:"status"`
	// ETag is that of the answer; empty is none.
	ETag string `firestore:"etag,omitempty"`
	// Body is JSON; empty is none.
	Body string `firestore:"body,omitempty"`
	// Secret says that the answer was told once, and is kept nowhere.
	Secret bool `firestore:"secret,omitempty"`
}

// Requests is the part of the record for requests that are done in several steps or in
// several stores, so that no transaction holds what they do: their answers are kept once
// they are done. What fails has no answer, and the same key does it again; so does a
// process that dies before the answer is kept, and one that asks meanwhile.
// recordtest.RunAdministration enforces this contract on every implementation.
type Requests interface {
	// AnswerOf is what the request was answered when it came before with the act's key, in
	// the name of the same actor; none without a key, after [RetainKeys], or if there was
	// none. license.ErrKeyReused if the key came with anything else, also with what is one
	// transaction with its key.
	AnswerOf(ctx context.Context, caller license.Caller, act Act, r Request) (Answer, bool, error)
	// KeepAnswer keeps what the request was answered, under the act's key. The first answer
	// stays. Without a key, and of a dry run, nothing is kept.
	KeepAnswer(ctx context.Context, caller license.Caller, act Act, r Request, answer Answer) error
}

// answered is what is kept of a request and its answer.
func (r Request) answered(a Act, answer Answer) requestDoc {
	return requestDoc{Digest: digest("request", r.Name), PurgeAt: recordTime(a.At.Add(RetainKeys)), Answer: &answer}
}

// answerTo is the answer to the request, if it is the one that came with the key.
func (d requestDoc) answerTo(r Request, a Act) (Answer, bool, error) {
	switch {
	case !d.counts(a):
		return Answer{}, false, nil
	case d.Answer == nil || d.Digest != r.answered(a, Answer{}).Digest:
		return Answer{}, false, license.ErrKeyReused
	}
	return *d.Answer, true, nil
}

// counts reports whether the key is remembered.
func (d requestDoc) counts(a Act) bool { return d.PurgeAt.After(a.At) }

// keyOf is the document of the request's key; nil without one.
func (f *Firestore) keyOf(caller license.Caller, act Act, r Request) (*firestore.DocumentRef, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if err := act.check(); err != nil {
		return nil, err
	}
	if r.Outlives {
		return act.keyIn(f.requests()), nil
	}
	return act.keyIn(t.requests()), nil
}

// AnswerOf implements [Requests].
func (f *Firestore) AnswerOf(ctx context.Context, caller license.Caller, act Act, r Request) (Answer, bool, error) {
	key, err := f.keyOf(caller, act, r)
	if err != nil || key == nil {
		return Answer{}, false, err
	}
	found, err := f.get(ctx, key)
	if err != nil || found == nil {
		return Answer{}, false, err
	}
	doc, err := read[requestDoc](found)
	if err != nil {
		return Answer{}, false, err
	}
	return doc.answerTo(r, act)
}

// KeepAnswer implements [Requests].
func (f *Firestore) KeepAnswer(ctx context.Context, caller license.Caller, act Act, r Request, answer Answer) error {
	key, err := f.keyOf(caller, act, r)
	if err != nil || key == nil || act.DryRun {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{key})
		if err != nil {
			return err
		}
		if found[0].Exists() {
			doc, err := read[requestDoc](found[0])
			if err != nil {
				return decision{err}
			}
			if doc.counts(act) {
				return nil
			}
		}
		return tx.Set(key, r.answered(act, answer))
	})
}
