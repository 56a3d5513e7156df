package devstack

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// seed makes the organizations that every local run begins with.
func (s *Stack) seed(ctx context.Context) error {
	if s.opts.Bare {
		return nil
	}
	for _, tenant := range seeds() {
		if err := s.putOrganization(ctx, s.sells, tenant.Organization); err != nil {
			return err
		}
		for _, lic := range tenant.Licenses {
			if err := s.putLicense(ctx, s.sells, lic); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstKey makes the first signing key, as the reaper does when it starts. A record
// that outlived a stack with a KMS of its own has keys that nobody can decrypt any
// more: they are revoked.
func (s *Stack) firstKey(ctx context.Context) error {
	if s.opts.Bare || s.Service.Keys == nil {
		return nil
	}
	if s.opts.Firestore != "" && s.opts.KMS == "" {
		known, err := s.patient.SigningKeys(ctx)
		if err != nil {
			return err
		}
		for _, d := range known.Delegations {
			if _, err := s.Service.Keys.Revoke(ctx, d.KeyID); err != nil {
				return err
			}
		}
	}
	return s.Service.Keys.Ping(ctx)
}

func seeds() []license.Entitlements {
	return []license.Entitlements{
		{
			Organization: organization("acme", "Acme", 100),
			Licenses:     []license.License{perpetual("acme", "acme-pro", "studio", "pro", 3, "export", "render")},
		},
		{
			Organization: organization("globex", "Globex", 4),
			Licenses: []license.License{
				perpetual("globex", "globex-lab", "lab", "team", 5),
				perpetual("globex", "globex-team", "studio", "team", 5),
			},
		},
	}
}

func organization(id, name string, seats int) license.Organization {
	return license.Organization{
		ID: id, Name: name, Slug: id, SubscriptionTier: "team", MaxConcurrentSeats: seats, Status: license.StatusActive,
	}
}

func perpetual(org, id, product, plan string, seats int, entitlements ...string) license.License {
	return license.License{
		ID: id, OrganizationID: org, Product: product, Plan: plan, MaxSeats: seats,
		Status: license.StatusActive, Perpetual: true, Entitlements: entitlements,
	}
}
