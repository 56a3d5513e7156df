package recordtest

import (
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// serviceActTests are those of record.ServiceActs.
func serviceActTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"keys are changed with their entry": changeKeysAudited,
		"nothing changed is no act":         changeNoKeys,
		"a key of a request counts once":    changeKeysKeyed,
		"the service's audit has pages":     serviceAuditPages,
		"an entry of another store's act":   entryIsSettled,
		"an organization's audit is its own": func(t *testing.T, r Administered) {
			sold(t, r)
			wantNil(t, errorOf(r.AdministerKeys(t.Context(), act(), record.KeyAsked, record.KeysObject, askForKey)))
			wantAudit(t, r, 2)
			_, err := r.ServiceAudit(t.Context(), record.Span{}, wantAudit(t, r, 2)[0].ID, 9)
			wantError(t, err, record.ErrEntryNotFound)
		},
	}
}

func askForKey(keys *record.SigningKeys) error {
	keys.Asked = true
	return nil
}

func addKey(keys *record.SigningKeys) error {
	keys.Delegations = append(keys.Delegations, delegation("k1"))
	return nil
}

// changeKeysAudited: the entry has names alone.
func changeKeysAudited(t *testing.T, r Administered) {
	got, err := r.AdministerKeys(t.Context(), act(), record.KeyRevoked, record.KeyObject("k1"), addKey)
	wantNil(t, err)
	wantEqual(t, "answer", got, record.SigningKeys{Delegations: []record.Delegation{delegation("k1")}})
	wantKeys(t, r, got)
	entries, err := r.ServiceAudit(t.Context(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries", len(entries), 1)
	e := entries[0]
	wantEqual(t, "entry", e, record.Entry{
		ID: e.ID, At: noon(), Actor: act().Actor, Action: record.KeyRevoked, Object: "keys/k1",
		Before: map[string]any{"keys": []any{}, "revoked": []any{}, "urgent": false, "asked": false},
		After:  map[string]any{"keys": []any{"k1"}, "revoked": []any{"k1"}, "urgent": false, "asked": false},
	})
}

// changeNoKeys: neither what changes nothing, nor a dry run, nor what is refused, nor an
// act of nobody.
func changeNoKeys(t *testing.T, r Administered) {
	refusal := errors.New("no such key")
	wantNil(t, errorOf(r.AdministerKeys(t.Context(), act(), record.KeysPruned, record.KeysObject, func(*record.SigningKeys) error { return nil })))
	got, err := r.AdministerKeys(t.Context(), dry(), record.KeyAsked, record.KeysObject, askForKey)
	wantNil(t, err)
	wantEqual(t, "what would be", got, record.SigningKeys{Asked: true})
	wantError(t, errorOf(r.AdministerKeys(t.Context(), act(), record.KeyRevoked, record.KeyObject("k"), func(*record.SigningKeys) error { return refusal })), refusal)
	wantError(t, errorOf(r.AdministerKeys(t.Context(), record.Act{}, record.KeyAsked, record.KeysObject, askForKey)), record.ErrIncompleteAct)
	wantKeys(t, r, record.SigningKeys{})
	entries, err := r.ServiceAudit(t.Context(), record.Span{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "entries", len(entries), 0)
}

// changeKeysKeyed: sent again it does nothing, also where what it did is over.
func changeKeysKeyed(t *testing.T, r Administered) {
	ask := func(a record.Act, action record.Action) error {
		return errorOf(r.AdministerKeys(t.Context(), a, action, record.KeysObject, askForKey))
	}
	wantNil(t, ask(keyed("k"), record.KeyAsked))
	wantNil(t, errorOf(r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Asked = false
		return nil
	})))
	wantNil(t, ask(keyed("k"), record.KeyAsked))
	wantKeys(t, r, record.SigningKeys{})
	wantError(t, ask(keyed("k"), record.KeysPruned), license.ErrKeyReused)
	later := keyed("k")
	later.At = later.At.Add(record.RetainKeys)
	wantNil(t, ask(later, record.KeyAsked))
	wantKeys(t, r, record.SigningKeys{Asked: true})
}

func serviceAuditPages(t *testing.T, r Administered) {
	for i := range 3 {
		a := act()
		a.At = a.At.Add(time.Duration(i) * time.Minute)
		wantNil(t, errorOf(r.AdministerKeys(t.Context(), a, record.KeyAsked, record.KeysObject, func(keys *record.SigningKeys) error {
			keys.Asked = !keys.Asked
			return nil
		})))
	}
	first, err := r.ServiceAudit(t.Context(), record.Span{}, "", 2)
	wantNil(t, err)
	wantEqual(t, "newest", first[0].At, noon().Add(2*time.Minute))
	rest, err := r.ServiceAudit(t.Context(), record.Span{}, first[1].ID, 9)
	wantNil(t, err)
	wantEqual(t, "the rest", len(rest), 1)
	wantEqual(t, "oldest", rest[0].At, noon())
	none, err := r.ServiceAudit(t.Context(), record.Span{}, "", 0)
	wantNil(t, err)
	wantEqual(t, "none", len(none), 0)
	for _, after := range append([]string{"unknown"}, brokenIDs()[1:]...) {
		wantError(t, errorOf(r.ServiceAudit(t.Context(), record.Span{}, after, 9)), record.ErrEntryNotFound)
	}
}

func entryIsSettled(t *testing.T, r Administered) {
	sold(t, r)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
	id, err := r.AddEntry(t.Context(), caller(), act(), record.LedgerRebuilt, record.LedgerObject("acme"), record.EntryAsked)
	wantNil(t, err)
	want := record.Entry{ID: id, At: noon(), Actor: act().Actor, Action: record.LedgerRebuilt, Object: "organizations/acme/ledger", State: record.EntryAsked}
	wantEqual(t, "asked", entry(t, r, id), want)
	after := map[string]any{"seats_after": int64(3)}
	for range 2 {
		wantNil(t, r.SettleEntry(t.Context(), caller(), id, record.EntryDone, after))
	}
	want.State, want.After = record.EntryDone, after
	wantEqual(t, "done", entry(t, r, id), want)
	wantError(t, r.SettleEntry(t.Context(), other(), id, record.EntryDone, nil), record.ErrEntryNotFound)
	wantError(t, r.SettleEntry(t.Context(), caller(), "unknown", record.EntryDone, nil), record.ErrEntryNotFound)
	wantError(t, errorOf(r.AddEntry(t.Context(), license.ServiceCaller("nobody"), act(), record.LedgerRebuilt, "x", "")), license.ErrOrganizationNotFound)
}
