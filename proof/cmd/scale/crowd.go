package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// briefly is a session TTL after which everything loaded has expired.
const briefly = 2 * time.Second

// loadExpired has n sessions in the ledger, all of them expired.
func (s *stage) loadExpired(ctx context.Context, n int) (*slowRecord, error) {
	if err := s.empty(ctx); err != nil {
		return nil, err
	}
	r := newRecord(n, 0, 0)
	p, err := protocol(s.client, r, briefly)
	if err != nil {
		return nil, err
	}
	if _, err := beat(ctx, p, organization); err != nil {
		return nil, err
	}
	if err := pause(ctx, briefly+100*time.Millisecond); err != nil {
		return nil, err
	}
	r.transaction, r.page = s.transaction, s.page
	return r, nil
}

// reap measures how long reapers take that begin together.
func (s *stage) reap(ctx context.Context, n, reapers int) (string, error) {
	r, err := s.loadExpired(ctx, n)
	if err != nil {
		return "", err
	}
	var work sync.WaitGroup
	var reaped, failed atomic.Int64
	start := time.Now()
	for range reapers {
		p, err := protocol(s.client, r, briefly)
		if err != nil {
			return "", err
		}
		work.Go(func() {
			done, err := p.Reap(ctx, organization)
			reaped.Add(int64(done.Sessions))
			if err != nil {
				failed.Add(1)
			}
		})
	}
	work.Wait()
	took := time.Since(start)
	return fmt.Sprintf("%.1f s: %d removed, %d ends in %d transactions, %.0f a second, %d failures",
		took.Seconds(), reaped.Load(), r.ends.Load(), r.transactions.Load(), float64(reaped.Load())/took.Seconds(), failed.Load()), s.counted(ctx, 0)
}

// many measures how long it takes until a heartbeat of every organization has
// succeeded after all have lost their ledgers.
func (s *stage) many(ctx context.Context, organizations int) (string, error) {
	if err := s.empty(ctx); err != nil {
		return "", err
	}
	r := newRecord(100, s.transaction, s.page)
	p, err := protocol(s.client, r, sessionTTL)
	if err != nil {
		return "", err
	}
	cpu, err := s.cpu(ctx)
	if err != nil {
		return "", err
	}
	const atOnce = 64
	var work sync.WaitGroup
	var failed atomic.Int64
	ids := make(chan string)
	start := time.Now()
	for range atOnce {
		work.Go(func() {
			for id := range ids {
				if _, err := beat(ctx, p, id); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	for i := range organizations {
		ids <- fmt.Sprint("org-", i)
	}
	close(ids)
	work.Wait()
	took := time.Since(start)
	scripts, err := s.scripts(ctx, cpu)
	return fmt.Sprintf("%.1f s, %d at a time, %.0f organizations a second, %d failures; %s",
		took.Seconds(), atOnce, float64(organizations)/took.Seconds(), failed.Load(), scripts), err
}

// herd has as many programs ask for seats as there are expired ones, in one
// moment, and counts what it costs.
func (s *stage) herd(ctx context.Context, n int) (string, error) {
	r, err := s.loadExpired(ctx, n)
	if err != nil {
		return "", err
	}
	p, err := protocol(s.client, r, sessionTTL)
	if err != nil {
		return "", err
	}
	took, granted, others := acquireAll(ctx, p, n, n, 0)
	return fmt.Sprintf("%d granted in %.1f s, p99 %.0f ms, %d end transactions; %s",
		granted, took.total.Seconds(), ms(percentile(took.each, .99)), r.transactions.Load(), others), nil
}

// nineOClock has acquires arrive at an even pace for a while.
func (s *stage) nineOClock(ctx context.Context, perSecond int) (string, error) {
	if err := s.empty(ctx); err != nil {
		return "", err
	}
	r := newRecord(1, s.transaction, s.page)
	p, err := protocol(s.client, r, sessionTTL)
	if err != nil {
		return "", err
	}
	if _, err := beat(ctx, p, organization); err != nil {
		return "", err
	}
	const seconds = 5
	took, granted, others := acquireAll(ctx, p, seconds*perSecond, 2*seconds*perSecond, time.Second/time.Duration(perSecond))
	return fmt.Sprintf("%d granted in %.1f s, p50 %.0f ms, p99 %.0f ms; %s", granted, took.total.Seconds(),
		ms(percentile(took.each, .5)), ms(percentile(took.each, .99)), others), nil
}

// spent is how long acquires took.
type spent struct {
	total time.Duration
	each  []time.Duration
}

// acquireAll acquires for n users, one after each pause, and tells what was answered.
func acquireAll(ctx context.Context, p *seats.Protocol, n, limit int, between time.Duration) (took spent, granted int, others string) {
	var mu sync.Mutex
	errs := map[string]int{}
	var work sync.WaitGroup
	start := time.Now()
	for i := range n {
		if between > 0 {
			_ = pause(ctx, time.Until(start.Add(time.Duration(i)*between)))
		}
		work.Go(func() {
			begin := time.Now()
			err := acquire(ctx, p, fmt.Sprint("new-", i), limit)
			mu.Lock()
			defer mu.Unlock()
			took.each = append(took.each, time.Since(begin))
			if err == nil {
				granted++
			} else {
				errs[kind(err)]++
			}
		})
	}
	work.Wait()
	took.total = time.Since(start)
	var list []string
	for e, count := range errs {
		list = append(list, fmt.Sprintf("%d %s", count, e))
	}
	if len(list) == 0 {
		return took, granted, "none refused"
	}
	return took, granted, strings.Join(list, ", ")
}

func kind(err error) string {
	if errors.As(err, new(*license.NoSeatsError)) {
		return "refused"
	}
	return err.Error()
}

func acquire(ctx context.Context, p *seats.Protocol, user string, limit int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // as a request
	defer cancel()
	_, err := p.Acquire(ctx, license.Caller{OrganizationID: organization, UserID: user, Role: license.RoleMember}, seats.Request{
		Terms: license.NewTerms(
			license.Organization{ID: organization, MaxConcurrentSeats: limit, Status: license.StatusActive},
			license.License{ID: licenseID, MaxSeats: limit, Status: license.StatusActive}, user,
		),
		Holder: license.Holder{UserID: user, HardwareID: "hw"},
	}, func(context.Context, ledger.Hold) error { return nil })
	return err
}
