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

// faultless is a record whose administration has hooks.
type faultless struct {
	record.Record
	*FaultyAdministration
}

func TestFaultyAdministrationWithoutHooksKeepsTheContract(t *testing.T) {
	RunAdministration(t, func(*testing.T) Administered {
		memory := record.NewMemory()
		return faultless{memory, &FaultyAdministration{Administration: memory}}
	})
}

func TestFaultyAdministrationBefore(t *testing.T) {
	memory := record.NewMemory()
	o, l := sold(t, memory)
	var got []string
	f := &FaultyAdministration{Administration: memory, Before: func(_ context.Context, method string) error {
		got = append(got, method)
		return Outage(record.ErrNotWritten)
	}}
	calls := administrationWrites(f, caller(), act(), o, l)
	maps.Copy(calls, administrationReads(f, caller()))
	maps.Copy(calls, administrationSettles(f, caller()))
	for method, call := range calls {
		if err := call(t.Context()); !errors.Is(err, record.ErrNotWritten) {
			t.Errorf("%s: %v", method, err)
		}
	}
	slices.Sort(got)
	wantEqual(t, "methods", got, slices.Sorted(maps.Keys(calls)))
	wantOrganization(t, memory, acme(), o)
	wantLicense(t, memory, pro(), l)
}

func TestFaultyAdministrationAfter(t *testing.T) {
	memory := record.NewMemory()
	lost := errors.New("lost")
	f := &FaultyAdministration{Administration: memory, After: func(context.Context, string, error) error { return lost }}
	made, err := f.CreateOrganization(t.Context(), caller(), act(), acme())
	wantError(t, err, lost)
	wantEqual(t, "answer", made, record.Revised[license.Organization]{})
	wantAudit(t, memory, 1) // it happened all the same
}
