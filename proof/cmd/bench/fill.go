package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// The license everybody holds seats of.
const (
	licenseID = "studio-pro"
	seatCap   = 10_000_000
)

// userID is as long as Identity Platform's: 28 characters.
func userID(n int) string { return fmt.Sprintf("user%024d", n) }

// hardwareID is a fingerprint of 32 characters, unlike any other.
func hardwareID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// filler makes sessions by the service's own protocol, only that their tokens
// are not signed, which would take minutes.
type filler struct{ stack *devstack.Stack }

// fillRequest asks for an organization with that many sessions more, held by
// that many users in turn.
type fillRequest struct {
	Organization    string
	Sessions, Users int
}

// fill answers with the sessions' ids, in the order of their users.
func (f filler) fill(ctx context.Context, r fillRequest) ([]string, error) {
	org, lic, err := f.open(ctx, r.Organization)
	if err != nil {
		return nil, err
	}
	ids := make([]string, r.Sessions)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for n := range ids {
		group.Go(func() (err error) {
			caller := license.Caller{OrganizationID: org.ID, UserID: userID(n % r.Users), Role: license.RoleMember}
			holder := license.Holder{UserID: caller.UserID, HardwareID: hardwareID()}
			hold, err := f.stack.Service.Seats.Acquire(ctx, caller,
				seats.Request{Terms: license.NewTerms(org, lic, holder.UserID), Holder: holder}, unsigned)
			ids[n] = hold.ID
			return err
		})
	}
	err = group.Wait()
	runtime.GC() // what comes next is not to pay for this
	return ids, err
}

func unsigned(context.Context, ledger.Hold) error { return nil }

// open makes the organization and its license, or finds them as they are.
func (f filler) open(ctx context.Context, id string) (license.Organization, license.License, error) {
	org := license.Organization{
		ID: id, Name: id, Slug: id, SubscriptionTier: "team", MaxConcurrentSeats: seatCap, Status: license.StatusActive,
	}
	lic := license.License{
		ID: licenseID, OrganizationID: id, Product: "studio", Plan: "pro", MaxSeats: seatCap,
		Status: license.StatusActive, Entitlements: []string{"export", "render"},
	}
	record, caller := f.stack.Service.Record, license.ServiceCaller(id)
	if err := record.PutOrganization(ctx, caller, org); err != nil {
		return org, lic, err
	}
	return org, lic, record.PutLicense(ctx, caller, lic)
}
