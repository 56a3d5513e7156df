package recordtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func TestFaultyWithoutHooksKeepsTheContract(t *testing.T) {
	Run(t, func(*testing.T) record.Record { return &Faulty{Record: record.NewMemory()} })
}

// allMethods calls each method of a record once, by its name.
func allMethods(r record.Record) map[string]func(context.Context) error {
	calls := reads(r)
	maps.Copy(calls, writes(r, caller()))
	return calls
}

func TestFaultyBefore(t *testing.T) {
	memory := record.NewMemory()
	var got []string
	f := &Faulty{Record: memory, Before: func(_ context.Context, method string) error {
		got = append(got, method)
		return Outage(record.ErrNotWritten)
	}}
	created(t, memory)
	wantNil(t, memory.PutOrganization(t.Context(), caller(), license.Organization{Name: "before"}))
	calls := allMethods(f)
	for method, call := range calls {
		if err := call(t.Context()); !errors.Is(err, record.ErrNotWritten) {
			t.Errorf("%s: %v", method, err)
		}
	}
	slices.Sort(got)
	wantEqual(t, "methods", got, slices.Sorted(maps.Keys(calls)))
	wantUntouched(t, memory)
}

func TestFaultyAfter(t *testing.T) {
	memory := record.NewMemory()
	lost := errors.New("lost")
	var seen error
	f := &Faulty{Record: memory, After: func(_ context.Context, _ string, err error) error {
		seen = err
		return lost
	}}
	epoch, err := f.OpenEpoch(t.Context(), caller(), "nonce-1")
	wantError(t, err, lost)
	wantEqual(t, "answered epoch", epoch, license.Epoch{})
	wantNil(t, seen)
	wantError(t, f.Create(t.Context(), caller(), session(1)), lost)
	wantSession(t, memory, caller(), session(1)) // it happened all the same

	f.After = func(_ context.Context, _ string, err error) error { return err }
	s := session(2)
	s.Epoch = license.NewEpoch(9, "nonce-1")
	wantError(t, f.Create(t.Context(), caller(), s), record.ErrFenced)
}

func TestOutage(t *testing.T) {
	for _, mark := range []error{nil, record.ErrNotWritten, record.ErrRefused} {
		err := Outage(mark)
		var away *license.UnavailableError
		if !errors.As(err, &away) || away.Backend != "firestore" {
			t.Errorf("%v is not an unavailable firestore", err)
		}
		for _, each := range []error{record.ErrNotWritten, record.ErrRefused} {
			if errors.Is(err, each) != (each == mark) { //nolint:errorlint // the very mark
				t.Errorf("Outage(%v) = %v", mark, err)
			}
		}
	}
}
