package seats

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Rebuilt is what a rebuild on request found and made.
type Rebuilt struct {
	// Before counts the sessions that the ledger held; zero if it was not loaded.
	Before int
	// After counts those that it holds now, ends under way included.
	After int
	// Epoch is the one that was opened.
	Epoch license.Epoch
}

// Rebuild makes the organization's ledger anew from the record, whatever it holds:
// for an operator who doubts it. Nobody loses a seat by it; those of programs that
// crashed are free up to one session TTL later. An organization without a document is
// license.ErrOrganizationNotFound, and nothing is written for it.
func (p *Protocol) Rebuild(ctx context.Context, organizationID string) (Rebuilt, error) {
	caller := license.ServiceCaller(organizationID)
	if _, err := p.record.Entitlements(ctx, caller); err != nil {
		return Rebuilt{}, err
	}
	var done Rebuilt
	forgotten := false
	err := p.repeat(ctx, func() error {
		held, err := p.ledger.Known(ctx, caller, nil)
		switch {
		case err != nil:
			// Not loaded, or forgotten a moment ago: what is made now is from the record.
			forgotten = true
			return p.rebuilt(ctx, caller, err)
		case forgotten:
			done.After, done.Epoch = held.Held, held.Epoch
			return nil
		}
		done.Before = held.Held
		if err := p.ledger.Forget(ctx, caller, held.Epoch); err != nil {
			return p.rebuilt(ctx, caller, err)
		}
		return &retryError{obstacle: "the ledger was forgotten"}
	})
	return done, err
}

// maxListed bounds the ids that a comparison lists.
const maxListed = 100

// Compared is how an organization's ledger and record differ.
type Compared struct {
	// Loaded says that the ledger is loaded; what it holds is zero otherwise.
	Loaded bool
	Epoch  license.Epoch
	// InLedger and InRecord count the sessions of each, in the record the active ones.
	InLedger, InRecord int
	// OnlyInRecord are active in the record, older than a session TTL and unknown to a
	// ledger that is loaded: the sweep ends them. At most a hundred are listed.
	OnlyInRecord      int
	OnlyInRecordFirst []string
	// OnlyInLedger counts sessions that have no active document: grants and ends
	// under way, unless it stays.
	OnlyInLedger int
	// Young counts the sessions of the record that the ledger does not know and that
	// may be on their way.
	Young int
	// Unreadable are names of documents that cannot be read.
	Unreadable []string
	// Licenses counts the active sessions of the record by license.
	Licenses map[string]int
	// Bought is what the organization has.
	Bought license.Entitlements
}

// Compare compares the organization's ledger with its record and changes neither. The
// two are read one after the other: what comes and goes meanwhile may be counted on
// one side only. An organization without a document is license.ErrOrganizationNotFound.
func (p *Protocol) Compare(ctx context.Context, organizationID string) (Compared, error) {
	caller := license.ServiceCaller(organizationID)
	bought, err := p.record.Entitlements(ctx, caller)
	if err != nil {
		return Compared{}, err
	}
	c := Compared{Bought: bought, Licenses: map[string]int{}}
	held, err := p.ledger.Known(ctx, caller, nil)
	if c.Loaded, err = loaded(err); err != nil {
		return Compared{}, err
	}
	c.InLedger, c.Epoch = held.Held, held.Epoch
	known := 0
	err = p.record.ActiveSessions(ctx, caller, record.Whole, "", func(page record.Page) error {
		n, err := p.comparePage(ctx, caller, page, &c)
		known += n
		return err
	})
	c.OnlyInLedger = max(0, c.InLedger-known)
	return c, err
}

// Report is the comparison as it is answered.
func (c Compared) Report(organizationID string, took time.Duration) api.CheckReport {
	report := api.CheckReport{
		OrganizationID: organizationID, LedgerLoaded: c.Loaded, Epoch: c.Epoch.Number,
		Agrees:        c.Loaded && c.OnlyInLedger+c.OnlyInRecord+c.Young+len(c.Unreadable) == 0,
		SeatsInLedger: c.InLedger, SeatsInRecord: c.InRecord, OnlyInLedger: c.OnlyInLedger, OnlyInRecord: c.OnlyInRecord,
		OnlyInRecordFirst: c.OnlyInRecordFirst, Young: c.Young, UnreadableDocuments: c.Unreadable,
		Licenses: []api.LicenseCheck{}, DurationMS: took.Milliseconds(),
	}
	for _, l := range c.Bought.Licenses {
		report.Licenses = append(report.Licenses, api.LicenseCheck{LicenseID: l.ID, SeatsInRecord: c.Licenses[l.ID], SeatsMax: l.MaxSeats})
	}
	return report
}

// comparePage compares a page of the record and counts what the ledger knows of it.
func (p *Protocol) comparePage(ctx context.Context, caller license.Caller, page record.Page, c *Compared) (known int, err error) {
	c.InRecord += len(page.Sessions)
	c.Unreadable = append(c.Unreadable, page.Unreadable...)
	ids := make([]string, len(page.Sessions))
	for i, s := range page.Sessions {
		ids[i] = s.ID
		c.Licenses[s.LicenseID]++
	}
	if !c.Loaded {
		return 0, nil
	}
	h, err := p.ledger.Known(ctx, caller, ids)
	if c.Loaded, err = loaded(err); err != nil || !c.Loaded {
		return 0, err
	}
	for i, s := range page.Sessions {
		switch {
		case h.Known[i]:
			known++
		case p.young(s, h):
			c.Young++
		default:
			c.OnlyInRecord++
			if len(c.OnlyInRecordFirst) < maxListed {
				c.OnlyInRecordFirst = append(c.OnlyInRecordFirst, s.ID)
			}
		}
	}
	return known, nil
}

// loaded tells a ledger that must be rebuilt from one that cannot be asked.
func loaded(err error) (bool, error) {
	if _, ok := errors.AsType[*ledger.RebuildError](err); ok {
		return false, nil
	}
	return err == nil, err
}

// young: a session that the ledger does not know may be a grant whose outcome is
// still on its way.
func (p *Protocol) young(s license.Session, h ledger.Holdings) bool {
	return s.AcquiredAt.Add(p.opts.SessionTTL).After(h.Now)
}
