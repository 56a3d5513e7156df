package recordtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// SigningKeys implements [record.Signing].
func (f *Faulty) SigningKeys(ctx context.Context) (record.SigningKeys, error) {
	return around(ctx, f, "SigningKeys", func() (record.SigningKeys, error) { return f.Record.SigningKeys(ctx) })
}

// ChangeSigningKeys implements [record.Signing].
func (f *Faulty) ChangeSigningKeys(ctx context.Context, change func(*record.SigningKeys) error) (record.SigningKeys, error) {
	return around(ctx, f, "ChangeSigningKeys", func() (record.SigningKeys, error) { return f.Record.ChangeSigningKeys(ctx, change) })
}

func signingTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"none at first": func(t *testing.T, r record.Record) {
			wantKeys(t, r, record.SigningKeys{})
		},
		"everything is read back": func(t *testing.T, r record.Record) {
			wantEqual(t, "answer", addKeys(t, r, "k1", "k2"), everyKey("k1", "k2"))
			wantKeys(t, r, everyKey("k1", "k2"))
		},
		"an error writes nothing, and is answered":   changeFails,
		"what is not changed stays":                  changeNothing,
		"racers' changes are made one after another": changesRace,
		"nobody shares memory with the record":       changeShares,
		"a context that is over":                     changeTooLate,
	}
}

// delegation has a value in every field.
func delegation(kid string) record.Delegation {
	return record.Delegation{
		KeyID: kid, Root: "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
		Certificate: []byte{0, 1, 255}, PrivateKey: []byte("sealed"), CreatedAt: noon(),
		NotBefore: noon().Truncate(time.Second), NotAfter: noon().Truncate(time.Second).Add(12 * time.Hour),
		AtOnce: true, RevokedAt: noon().Add(time.Hour),
	}
}

func everyKey(kids ...string) record.SigningKeys {
	keys := record.SigningKeys{Urgent: true, Roots: []string{"a", "b"}, RootsUntil: noon().Add(time.Minute)}
	for _, kid := range kids {
		keys.Delegations = append(keys.Delegations, delegation(kid))
	}
	return keys
}

func addKeys(t *testing.T, r record.Record, kids ...string) record.SigningKeys {
	t.Helper()
	after, err := r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		more := everyKey(kids...)
		more.Delegations = append(keys.Delegations, more.Delegations...)
		*keys = more
		return nil
	})
	wantNil(t, err)
	return after
}

func wantKeys(t *testing.T, r record.Record, want record.SigningKeys) {
	t.Helper()
	got, err := r.SigningKeys(t.Context())
	wantNil(t, err)
	wantEqual(t, "signing keys", got, want)
}

func changeFails(t *testing.T, r record.Record) {
	addKeys(t, r, "k1")
	refusal := errors.New("no such key")
	_, err := r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Delegations = nil
		return refusal
	})
	wantError(t, err, refusal)
	wantKeys(t, r, everyKey("k1"))
}

func changeNothing(t *testing.T, r record.Record) {
	addKeys(t, r, "k1")
	after, err := r.ChangeSigningKeys(t.Context(), func(*record.SigningKeys) error { return nil })
	wantNil(t, err)
	wantEqual(t, "answer", after, everyKey("k1"))
	wantKeys(t, r, everyKey("k1"))
}

// changesRace: each adds its key unless there is one already, so one is added.
func changesRace(t *testing.T, r record.Record) {
	for _, err := range race(4, func(i int) error {
		_, err := r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
			if len(keys.Delegations) == 0 {
				keys.Delegations = append(keys.Delegations, delegation([]string{"a", "b", "c", "d"}[i]))
			}
			return nil
		})
		return err
	}) {
		wantNil(t, err)
	}
	got, err := r.SigningKeys(t.Context())
	wantNil(t, err)
	wantEqual(t, "delegations", len(got.Delegations), 1)
}

func changeShares(t *testing.T, r record.Record) {
	sealed := []byte("sealed")
	after, err := r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		*keys = everyKey("k1")
		keys.Delegations[0].PrivateKey = sealed
		return nil
	})
	wantNil(t, err)
	sealed[0] = 'x'
	after.Roots[0], after.Delegations[0].KeyID, after.Delegations[0].Certificate[0] = "x", "x", 9
	wantKeys(t, r, everyKey("k1"))
}

func changeTooLate(t *testing.T, r record.Record) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.SigningKeys(over)
	wantUnavailable(t, "signing keys", err)
	_, err = r.ChangeSigningKeys(over, func(keys *record.SigningKeys) error {
		keys.Urgent = true
		return nil
	})
	wantUnavailable(t, "signing keys", err)
	wantError(t, err, record.ErrNotWritten)
	wantKeys(t, r, record.SigningKeys{})
}
