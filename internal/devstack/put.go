package devstack

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// developer is who the audit names for what the helpers change, and for what a stack
// begins with.
const developer = "dev@" + staffDomain

// putAttempts is how often a put begins anew after somebody else's change, before the
// developer is told: far more often than tests on one machine collide.
const putAttempts = 50

var (
	errNoAdministration = errors.New("the record has no administration here: nothing can be sold")
	errContended        = errors.New("others change it all the time: try again")
)

func (s *Stack) act() record.Act { return record.Act{Actor: developer, At: s.opts.Now()} }

// putOrganization creates an organization or replaces the whole of it: judged and
// recorded as what comes by the vendor's door is.
func (s *Stack) putOrganization(ctx context.Context, sells record.Administration, org license.Organization) error {
	if sells == nil {
		return errNoAdministration
	}
	caller := license.ServiceCaller(org.ID)
	return put(license.ErrOrganizationNotFound, putting{
		revision: func() (string, error) {
			now, err := sells.Organization(ctx, caller)
			return now.Revision, err
		},
		create: func() error {
			_, err := sells.CreateOrganization(ctx, caller, s.act(), org)
			return err
		},
		replace: func(revision string) error {
			_, err := sells.ChangeOrganization(ctx, caller, s.act(), revision, func(o *license.Organization) error { *o = org; return nil })
			return err
		},
	})
}

// putLicense does the same with a license.
func (s *Stack) putLicense(ctx context.Context, sells record.Administration, lic license.License) error {
	if sells == nil {
		return errNoAdministration
	}
	caller := license.ServiceCaller(lic.OrganizationID)
	return put(license.ErrLicenseNotFound, putting{
		revision: func() (string, error) {
			now, err := sells.License(ctx, caller, lic.ID)
			return now.Revision, err
		},
		create: func() error {
			_, err := sells.CreateLicense(ctx, caller, s.act(), lic)
			return err
		},
		replace: func(revision string) error {
			_, err := sells.ChangeLicense(ctx, caller, s.act(), lic.ID, revision, func(l *license.License) error { *l = lic; return nil })
			return err
		},
	})
}

// putting is how a document is read and written.
type putting struct {
	revision func() (string, error)
	create   func() error
	replace  func(revision string) error
}

// put begins anew where somebody else was faster: the helpers know no revisions, so the
// last one to come wins.
func put(missing error, d putting) error {
	for range putAttempts {
		revision, err := d.revision()
		switch {
		case errors.Is(err, missing):
			err = d.create()
		case err == nil:
			err = d.replace(revision)
		}
		if !errors.Is(err, license.ErrExists) && !errors.Is(err, license.ErrStale) {
			return err
		}
	}
	return errContended
}
