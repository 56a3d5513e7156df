package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// bought is what an organization has bought at this moment. One lane changes it.
type bought struct {
	org      license.Organization
	licenses map[string]license.License
}

func newBought(id string, org history.Org) *bought {
	b := &bought{
		org:      license.Organization{ID: id, Name: id, Slug: id, Status: license.StatusActive, MaxConcurrentSeats: org.Cap},
		licenses: map[string]license.License{},
	}
	for name, seats := range org.Licenses {
		b.licenses[name] = license.License{
			ID: name, OrganizationID: id, Product: name, Plan: "team", Status: license.StatusActive, MaxSeats: seats,
			Handover: org.Handover,
		}
	}
	return b
}

// write writes what can be written again, until the record takes it: what the run
// itself writes competes with the functions like any other.
func write(ctx context.Context, once func() error) error {
	limit := time.Now().Add(standstill)
	for {
		err := once()
		if err == nil || time.Now().After(limit) || ctx.Err() != nil {
			return err
		}
		rig.Sleep(ctx, lookEvery)
	}
}

// create writes the organizations into the record, side by side.
func (r *round) create(ctx context.Context) error {
	errs := make([]error, len(r.names))
	var all sync.WaitGroup
	for i, id := range r.names {
		all.Go(func() { errs[i] = r.createOne(ctx, r.bought[id]) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (r *round) createOne(ctx context.Context, b *bought) error {
	caller := license.ServiceCaller(b.org.ID)
	err := write(ctx, func() error { return r.Record.PutOrganization(ctx, caller, b.org) })
	for _, l := range b.licenses {
		err = errors.Join(err, write(ctx, func() error { return r.Record.PutLicense(ctx, caller, l) }))
	}
	if err != nil {
		return fmt.Errorf("organization %s: %w", b.org.ID, err)
	}
	return nil
}

// customer is the organization that a fault happens to: none that crowds come to,
// whose record is large.
func (r *round) customer(f planned) string {
	orgs := slices.DeleteFunc(slices.Sorted(maps.Keys(r.plan.orgs)), func(id string) bool { return id == r.plan.crowded })
	return orgs[f.target%len(orgs)]
}

// noticed is about as long as functions need to hear of a change.
func (r *round) noticed() time.Duration { return r.pace.EntitlementCacheTTL * 3 / 4 }

func (r *round) playBought(ctx context.Context, f planned) error {
	id := r.customer(f)
	b := r.bought[id]
	names := slices.Sorted(maps.Keys(b.licenses))
	lic := b.licenses[names[f.chance%uint64(len(names))]]
	org := b.org
	switch f.kind {
	case limitLowered, limitRaised:
		return r.changeLimit(ctx, f, org, lic)
	case tenantSuspended:
		org.Status = license.StatusSuspended
		err := r.putOrganization(ctx, org)
		rig.Sleep(ctx, r.noticed()+f.length)
		org.Status = license.StatusActive
		return errors.Join(err, r.putOrganization(ctx, org))
	case recordRestored:
		return r.restore(ctx, f, id)
	case licenseSuspended:
		lic.Status = license.StatusSuspended
	default:
		lic.ExpiresAt = time.Now().Add(f.length)
	}
	err := r.putLicense(ctx, lic)
	rig.Sleep(ctx, r.noticed()+f.length)
	lic.Status, lic.ExpiresAt = license.StatusActive, time.Time{}
	return errors.Join(err, r.putLicense(ctx, lic))
}

// changeLimit lowers or raises a license's limit, or the organization's.
func (r *round) changeLimit(ctx context.Context, f planned, org license.Organization, lic license.License) error {
	by := 1 + int(f.chance>>8%3)
	if f.kind == limitLowered {
		by = -by
	}
	if f.all {
		org.MaxConcurrentSeats = max(0, org.MaxConcurrentSeats+by)
		return r.putOrganization(ctx, org)
	}
	lic.MaxSeats = max(0, lic.MaxSeats+by)
	return r.putLicense(ctx, lic)
}

func (r *round) putOrganization(ctx context.Context, org license.Organization) error {
	c := history.Change{Org: org.ID, Begin: history.Now(), Seats: org.MaxConcurrentSeats, Inactive: org.Status != license.StatusActive}
	err := write(ctx, func() error { return r.Record.PutOrganization(ctx, license.ServiceCaller(org.ID), org) })
	c.End = history.Now()
	r.recorder.Change(c)
	r.bought[org.ID].org = org
	return err
}

func (r *round) putLicense(ctx context.Context, l license.License) error {
	c := history.Change{Org: l.OrganizationID, License: l.ID, Begin: history.Now(), Seats: l.MaxSeats, Inactive: l.Status != license.StatusActive}
	if !l.ExpiresAt.IsZero() {
		c.Expires = history.At(l.ExpiresAt)
	}
	err := write(ctx, func() error { return r.Record.PutLicense(ctx, license.ServiceCaller(l.OrganizationID), l) })
	c.End = history.Now()
	r.recorder.Change(c)
	r.bought[l.OrganizationID].licenses[l.ID] = l
	return err
}

// restore exports an organization's record, and puts it back a while later; half of
// the time the ledger's state, with its epoch, is none of what is put back.
func (r *round) restore(ctx context.Context, f planned, org string) error {
	back := history.Restore{Org: org, Exported: history.Now()}
	c, err := r.Export(ctx, org)
	if err != nil {
		return err
	}
	back.Sessions = c.Sessions()
	rig.Sleep(ctx, f.length)
	back.Begin = history.Now()
	err = write(ctx, func() (err error) {
		back.SameEpoch, err = r.Restore(ctx, c, f.all)
		return err
	})
	back.End = history.Now()
	r.recorder.Restore(back)
	return err
}

// sells is what the organization has bought, as the quiet time fills it.
func (b *bought) sells() history.Org {
	out := history.Org{Cap: b.org.MaxConcurrentSeats, Licenses: map[string]int{}}
	for name, l := range b.licenses {
		out.Licenses[name] = l.MaxSeats
	}
	return out
}
