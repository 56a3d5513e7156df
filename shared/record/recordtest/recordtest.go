// Package recordtest holds what tests need of the record: the contract suite
// every implementation of record.Record must pass, and a wrapper that plays
// outages.
package recordtest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Run checks the contract of record.Record, sentence by sentence. newRecord
// makes an empty record for one test; it registers its own cleanup.
func Run(t *testing.T, newRecord func(t *testing.T) record.Record) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, record.Record){
		"Entitlements": entitlementTests(),
		"OpenEpoch":    epochTests(),
		"Create":       createTests(),
		"Recount":      recountTests(),
		"OwnSessions":  ownTests(),
		"End":          endTests(),
		"Lists":        listTests(),
		"Tenancy":      tenancyTests(),
		"Signing":      signingTests(),
		"Context":      contextTests(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newRecord(t)) })
			}
		})
	}
}

// caller is the organization most tests act for, other a stranger to it.
func caller() license.Caller {
	return license.Caller{OrganizationID: "acme", UserID: "u-1", Role: license.RoleMember}
}

func other() license.Caller {
	return license.Caller{OrganizationID: "globex", UserID: "u-1", Role: license.RoleOwner}
}

// sessionID makes ids whose order is the order of n.
func sessionID(n int) string {
	return fmt.Sprintf("0199aaaa-0000-7000-8000-%012d", n)
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC) }

// session is an active session of epoch 1 with a value in every field.
func session(n int) license.Session {
	return license.Session{
		ID: sessionID(n), OrganizationID: "acme",
		Holder: license.Holder{
			LicenseID: "acme-pro", UserID: "u-1", HardwareID: fmt.Sprintf("hw-%d", n), InstanceID: "i-1",
		},
		Client:     license.Client{Name: "studio", Version: "1.2.3", Hostname: "desk", Project: "bridge-7"},
		AcquiredAt: noon(), LastHeartbeatAt: noon(), ExpiresAt: noon().Add(6 * time.Minute),
		Status: license.SessionActive, Epoch: first(),
	}
}

// ended is the same session after its end.
func ended(n int, reason license.EndReason) license.Session {
	s := session(n)
	s.LastHeartbeatAt, s.ExpiresAt = noon().Add(time.Hour), noon().Add(time.Hour+6*time.Minute)
	s.Status, s.EndedReason, s.EndedAt = license.SessionEnded, reason, noon().Add(2*time.Hour)
	s.TokenEnds = noon().Add(2*time.Hour + 5*time.Minute)
	return s
}

func endOf(n int, reason license.EndReason) record.End {
	return record.End{Session: ended(n, reason)}
}

// opened opens the first epoch.
func opened(t *testing.T, r record.Record, c license.Caller) {
	t.Helper()
	epoch, err := r.OpenEpoch(t.Context(), c, "nonce-1")
	wantNil(t, err)
	wantEqual(t, "epoch", epoch, first())
}

// reopened opens the second.
func reopened(t *testing.T, r record.Record, c license.Caller) {
	t.Helper()
	epoch, err := r.OpenEpoch(t.Context(), c, "nonce-2")
	wantNil(t, err)
	wantEqual(t, "epoch", epoch, second())
}

func first() license.Epoch  { return license.NewEpoch(1, "nonce-1") }
func second() license.Epoch { return license.NewEpoch(2, "nonce-2") }

// foreign are epochs that fence while the first is open: others, and those that
// share one part with it.
func foreign() []license.Epoch {
	return []license.Epoch{
		{},
		{Number: 1},
		{Nonce: first().Nonce},
		{Number: -1, Nonce: first().Nonce},
		license.NewEpoch(2, "nonce-1"), license.NewEpoch(1, "nonce-2"), second(),
	}
}

// created opens the first epoch and records session 1 under it.
func created(t *testing.T, r record.Record) {
	t.Helper()
	opened(t, r, caller())
	wantNil(t, r.Create(t.Context(), caller(), session(1)))
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// wantSession checks the whole record of a session.
func wantSession(t *testing.T, r record.Record, c license.Caller, want license.Session) {
	t.Helper()
	got, err := r.Session(t.Context(), c, want.ID)
	wantNil(t, err)
	wantEqual(t, "session", got, asRecorded(want))
}

// asRecorded is the session as it is read: of its epoch the record keeps the number.
func asRecorded(s license.Session) license.Session {
	s.Epoch.Nonce = ""
	return s
}

func wantNoSession(t *testing.T, r record.Record, c license.Caller, n int) {
	t.Helper()
	_, err := r.Session(t.Context(), c, sessionID(n))
	wantError(t, err, license.ErrSessionNotFound)
}

// wantActive checks the set of active sessions in all the ways to see it.
func wantActive(t *testing.T, r record.Record, c license.Caller, want ...string) {
	t.Helper()
	wantVisited(t, r, c, want...)
	count, err := r.CountActive(t.Context(), c)
	wantNil(t, err)
	wantEqual(t, "count of active sessions", count, len(want))
}

func wantVisited(t *testing.T, r record.Record, c license.Caller, want ...string) {
	t.Helper()
	var got []string
	wantNil(t, eachPage(t.Context(), r, c, func(page record.Page) error {
		for _, s := range page.Sessions {
			got = append(got, s.ID)
		}
		return nil
	}))
	slices.Sort(got)
	slices.Sort(want)
	wantEqual(t, "active sessions", got, want)
}

// race runs fn n times at once and returns the errors.
func race(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
