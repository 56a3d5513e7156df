package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// slowRecord has n active sessions of every organization, made up as they are
// read, and takes Firestore's time for everything. Nothing in it ends: what was
// written is counted.
type slowRecord struct {
	record.Record
	n                 int
	transaction, page time.Duration

	mu     sync.Mutex
	epochs map[string]opened

	pages, ends, transactions atomic.Int64
}

type opened struct {
	epoch license.Epoch
	nonce string
}

func newRecord(n int, transaction, page time.Duration) *slowRecord {
	return &slowRecord{Record: record.NewMemory(), n: n, transaction: transaction, page: page, epochs: map[string]opened{}}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return &license.UnavailableError{Backend: "firestore", Err: ctx.Err()}
	case <-t.C:
		return nil
	}
}

// OpenEpoch implements [record.Record].
func (r *slowRecord) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (license.Epoch, error) {
	err := pause(ctx, r.transaction)
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.epochs[caller.OrganizationID]
	if o.nonce != nonce {
		o = opened{license.NewEpoch(o.epoch.Number+1, nonce), nonce}
		r.epochs[caller.OrganizationID] = o
	}
	return o.epoch, err
}

// Create implements [record.Record].
func (r *slowRecord) Create(ctx context.Context, _ license.Caller, _ license.Session) error {
	return pause(ctx, r.transaction)
}

// End implements [record.Record].
func (r *slowRecord) End(ctx context.Context, _ license.Caller, _ license.Epoch, ends []record.End) error {
	r.transactions.Add(1)
	r.ends.Add(int64(len(ends)))
	return pause(ctx, r.transaction)
}

// recordPage is how many sessions one query of the record reads.
const recordPage = 300

// ActiveSessions implements [record.Record]: a sixteenth of the sessions is in
// each part, and a position is the number of the next.
func (r *slowRecord) ActiveSessions(
	ctx context.Context, caller license.Caller, part int, after string, visit func(record.Page) error,
) error {
	at, end := 0, r.n
	if part != record.Whole {
		at, end = part*r.n/record.Parts, (part+1)*r.n/record.Parts
	}
	if next, err := strconv.Atoi(after); err == nil {
		at = max(at, next)
	}
	for at < end {
		if err := pause(ctx, r.page); err != nil {
			return err
		}
		r.pages.Add(1)
		page := record.Page{}
		for ; len(page.Sessions) < recordPage && at < end; at++ {
			page.Sessions = append(page.Sessions, session(caller.OrganizationID, at))
		}
		page.Last, page.More = strconv.Itoa(at), at < end
		if err := visit(page); err != nil {
			return err
		}
	}
	return nil
}

const licenseID = "license-1"

// session is the i-th of an organization's.
func session(org string, i int) license.Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return license.Session{
		ID: fmt.Sprintf("0199abcd-0000-7000-8000-%012x", i), OrganizationID: org, Status: license.SessionActive,
		Holder:     license.Holder{LicenseID: licenseID, UserID: fmt.Sprintf("user-%024d", i), HardwareID: fmt.Sprintf("%032x", i)},
		AcquiredAt: now, LastHeartbeatAt: now, ExpiresAt: now.Add(sessionTTL),
	}
}
