package recordtest

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// requestTests are those of record.Requests.
func requestTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"an answer is kept under its key":      keepAnswers,
		"an answer is of one actor, for a day": answersEnd,
		"a key names one thing":                keysAreShared,
		"one that outlives its organization":   keepOutliving,
	}
}

func done() record.Answer { return record.Answer{Status: 200, ETag: `"1"`, Body: `{"ended":3}`} }

func wantAnswer(t *testing.T, r Administered, c license.Caller, a record.Act, q record.Request, want record.Answer, there bool) {
	t.Helper()
	got, found, err := r.AnswerOf(t.Context(), c, a, q)
	wantNil(t, err)
	wantEqual(t, "answer", got, want)
	wantEqual(t, "found", found, there)
}

// keepAnswers: the first one, of what was done, and without a key none.
func keepAnswers(t *testing.T, r Administered) {
	sold(t, r)
	q := record.Request{Name: "end all"}
	wantAnswer(t, r, caller(), keyed("k"), q, record.Answer{}, false)
	tried := keyed("k")
	tried.DryRun = true
	wantNil(t, r.KeepAnswer(t.Context(), caller(), tried, q, done()))
	wantNil(t, r.KeepAnswer(t.Context(), caller(), act(), q, done()))
	wantAnswer(t, r, caller(), keyed("k"), q, record.Answer{}, false)
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("k"), q, done()))
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("k"), q, record.Answer{Status: 204}))
	wantAnswer(t, r, caller(), keyed("k"), q, done(), true)
	wantAnswer(t, r, caller(), tried, q, done(), true)
	wantAnswer(t, r, caller(), act(), q, record.Answer{}, false)
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("secret"), q, record.Answer{Status: 200, Secret: true}))
	wantAnswer(t, r, caller(), keyed("secret"), q, record.Answer{Status: 200, Secret: true}, true)
	wantError(t, r.KeepAnswer(t.Context(), caller(), record.Act{Key: "k"}, q, done()), record.ErrIncompleteAct)
	_, _, err := r.AnswerOf(t.Context(), caller(), record.Act{Key: "k"}, q)
	wantError(t, err, record.ErrIncompleteAct)
	wantAudit(t, r, 2)
}

func answersEnd(t *testing.T, r Administered) {
	sold(t, r)
	q := record.Request{Name: "end all"}
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("k"), q, done()))
	somebody, later := keyed("k"), keyed("k")
	somebody.Actor, later.At = "bob@vendor.example", later.At.Add(record.RetainKeys)
	wantAnswer(t, r, caller(), somebody, q, record.Answer{}, false)
	wantAnswer(t, r, caller(), later, q, record.Answer{}, false)
	wantAnswer(t, r, other(), keyed("k"), q, record.Answer{}, false)
	wantNil(t, r.KeepAnswer(t.Context(), caller(), later, record.Request{Name: "another"}, record.Answer{Status: 204}))
	wantAnswer(t, r, caller(), later, record.Request{Name: "another"}, record.Answer{Status: 204}, true)
}

// keysAreShared by requests with answers and by those that are one transaction.
func keysAreShared(t *testing.T, r Administered) {
	sold(t, r)
	lab := pro()
	lab.ID = "lab"
	wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("made"), lab)))
	_, _, err := r.AnswerOf(t.Context(), caller(), keyed("made"), record.Request{Name: "end all"})
	wantError(t, err, license.ErrKeyReused)
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("k"), record.Request{Name: "end all"}, done()))
	_, _, err = r.AnswerOf(t.Context(), caller(), keyed("k"), record.Request{Name: "end some"})
	wantError(t, err, license.ErrKeyReused)
	lab.ID = "other"
	wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), lab)), license.ErrKeyReused)
	nothing := func(*record.SigningKeys) error { return nil }
	prune := func(a record.Act, action record.Action) error {
		return errorOf(r.AdministerKeys(t.Context(), a, action, record.KeysObject, nothing))
	}
	wantNil(t, prune(keyed("idle"), record.KeysPruned))
	wantNil(t, prune(keyed("idle"), record.KeysPruned))
	wantError(t, prune(keyed("idle"), record.KeyAsked), license.ErrKeyReused)
}

// keepOutliving: such a key is one for all organizations.
func keepOutliving(t *testing.T, r Administered) {
	sold(t, r)
	q := record.Request{Name: "purge acme", Outlives: true}
	wantNil(t, r.KeepAnswer(t.Context(), caller(), keyed("k"), q, done()))
	wantAnswer(t, r, caller(), keyed("k"), q, done(), true)
	_, _, err := r.AnswerOf(t.Context(), other(), keyed("k"), record.Request{Name: "purge globex", Outlives: true})
	wantError(t, err, license.ErrKeyReused)
	wantError(t, errorOf(r.CreateOrganization(t.Context(), other(), keyed("k"), globex())), license.ErrKeyReused)
	wantAnswer(t, r, caller(), keyed("k"), record.Request{Name: "purge acme"}, record.Answer{}, false)
}
