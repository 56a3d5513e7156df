// Package drill plays the outages that an operator will meet one day, each alone
// and at the service's own deadlines, under load, and prints what requests and
// the process went through: Redis killed and back empty, Redis hanging,
// Firestore unreachable, Firestore hanging, KMS hanging.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Options say which drills to play.
type Options struct {
	// Only is the name of the one drill to play; empty plays all.
	Only string
	// Outage is how long a hanging backend hangs.
	Outage time.Duration
	Launch rig.Launch
	Out    io.Writer
}

// drill is one outage.
type drill struct {
	name, what string
	// sessionTTL outlives the outage: who cannot heartbeat for longer loses its seat by rights.
	sessionTTL time.Duration
	// seats are what the license has; [holders] of them are held throughout.
	seats int
	play  func(context.Context, *stage) error
}

// Drills are the names, in the order they are played.
func Drills() []string {
	var names []string
	for _, d := range drills() {
		names = append(names, d.name)
	}
	return names
}

func drills() []drill {
	return []drill{
		{"redis-killed", "kill -9 of Redis in the middle of a load, back empty after 2 s", 15 * time.Second, holders, redisKilled},
		{"redis-hangs", "SIGSTOP of Redis", 3 * time.Minute, holders, redisHangs},
		{"firestore-unreachable", "connections to Firestore are refused", 3 * time.Minute, holders + spare, firestoreUnreachable},
		{"firestore-hangs", "Firestore takes requests and answers none", 3 * time.Minute, holders + spare, firestoreHangs},
		{"kms-hangs", "KMS takes requests and answers none", 3 * time.Minute, holders + spare, kmsHangs},
	}
}

// Run plays the drills; its error says that a promise was broken, or that a
// drill could not be played.
func Run(ctx context.Context, opts Options) error {
	shared, err := rig.StartShared(ctx, rig.Firestore{Mode: rig.Optimistic, Idle: time.Minute})
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range drills() {
		if opts.Only == "" || opts.Only == d.name {
			errs = append(errs, d.run(ctx, opts, shared))
		}
	}
	return errors.Join(append(errs, shared.Close())...)
}

func (d drill) run(ctx context.Context, opts Options, shared *rig.Shared) (err error) {
	if _, err := fmt.Fprintf(opts.Out, "\n%s: %s\n", d.name, d.what); err != nil {
		return err
	}
	r, err := shared.Start(ctx, rig.Replica, 1, opts.Launch, rig.Pace{
		SessionTTL: d.sessionTTL, TokenTTL: time.Hour, EntitlementCacheTTL: 30 * time.Second,
		RequestDeadline: 10 * time.Second, // the backends' deadlines are as deployed
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := r.Workers[0].Start(ctx, 0); err != nil {
		return err
	}
	s := newStage(r, opts.Outage)
	if err := s.sell(ctx, d.seats); err != nil {
		return err
	}
	if err := d.perform(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	if err := s.print(opts.Out); err != nil {
		return err
	}
	if broken := s.verdict(); broken != nil {
		return fmt.Errorf("%s: %w", d.name, broken)
	}
	_, err = fmt.Fprintf(opts.Out, "  %s: PASS\n", d.name)
	return err
}

// perform plays it with all holders at work.
func (d drill) perform(ctx context.Context, s *stage) error {
	ctx, stop := context.WithCancel(ctx)
	defer s.wait()
	defer stop()
	if err := s.enter(ctx); err != nil {
		return err
	}
	return d.play(ctx, s)
}

// sell makes the organization and its license, under new names: drills share one record.
func (s *stage) sell(ctx context.Context, seats int) error {
	caller := license.ServiceCaller(s.org)
	err := s.rig.Record.PutOrganization(ctx, caller, license.Organization{
		ID: s.org, Name: s.org, Slug: s.org, Status: license.StatusActive, MaxConcurrentSeats: seats,
	})
	if err != nil {
		return err
	}
	s.seats = seats
	return s.rig.Record.PutLicense(ctx, caller, license.License{
		ID: licenseID, OrganizationID: s.org, Product: "studio", Plan: "pro", Status: license.StatusActive, MaxSeats: seats,
	})
}
