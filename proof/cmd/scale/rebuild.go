package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

const organization, neighbor = "large", "neighbor"

// rebuild measures one heartbeat of an organization whose ledger is lost, and
// what a neighbor's heartbeats take before it and meanwhile.
func (s *stage) rebuild(ctx context.Context, n int) (string, error) {
	if n == 0 {
		return "left out", nil
	}
	if err := s.empty(ctx); err != nil {
		return "", err
	}
	next, err := s.neighbor() //nolint:contextcheck // dialing has a deadline of its own
	if err != nil {
		return "", err
	}
	before := next.during(ctx, func() { _ = pause(ctx, 5*time.Second) })
	memory, err := s.memory(ctx)
	if err != nil {
		return "", err
	}
	cpu, err := s.cpu(ctx)
	if err != nil {
		return "", err
	}
	if err := s.client.ConfigResetStat(ctx).Err(); err != nil {
		return "", err
	}
	var rebuilt []byte
	child := s.rebuilding(ctx, n)
	meanwhile := next.during(ctx, func() { rebuilt, err = child.Output() })
	if err != nil {
		return "", err
	}
	scripts, err := s.scripts(ctx, cpu)
	if err != nil {
		return "", err
	}
	after, err := s.memory(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %s; a neighbor's p99 %.2f ms, before %.2f ms; %d bytes a session",
		rebuilt, scripts, ms(percentile(meanwhile, .99)), ms(percentile(before, .99)), (after-memory)/int64(n)), s.counted(ctx, n)
}

// rebuilding is another process that rebuilds the large organization: the
// neighbor's requests are measured in this one, and share no garbage with it. It
// has one processor, as Redis has: in production they are different machines.
func (s *stage) rebuilding(ctx context.Context, n int) *exec.Cmd {
	//nolint:gosec // this very program
	child := exec.CommandContext(ctx, os.Args[0], "rebuild", "--redis", s.server.Addr(), "--sessions", strconv.Itoa(n),
		"--transaction", s.transaction.String(), "--page", s.page.String())
	child.Stderr, child.Env = os.Stderr, append(os.Environ(), "GOMAXPROCS=1")
	return child
}

// beat is a heartbeat of the organization's first session, as often as it is
// told to come again, and how long it took until it succeeded.
func beat(ctx context.Context, p *seats.Protocol, org string) (time.Duration, error) {
	first := session(org, 0)
	start := time.Now()
	_, err := p.Heartbeat(ctx, license.Caller{OrganizationID: org, UserID: first.UserID}, ledger.Heartbeat{SessionID: first.ID})
	return time.Since(start), err
}

func (s *stage) memory(ctx context.Context) (n int64, err error) {
	text, err := s.field(ctx, "memory", "used_memory")
	if err == nil {
		_, err = fmt.Sscan(text, &n)
	}
	return n, err
}

// probe is another organization, on connections of its own.
type probe struct{ protocol *seats.Protocol }

func (s *stage) neighbor() (*probe, error) {
	client, err := dial(s.server.Addr())
	if err != nil {
		return nil, err
	}
	p, err := protocol(client, newRecord(100, time.Millisecond, time.Millisecond), sessionTTL)
	return &probe{p}, err
}

// during measures heartbeats as long as something lasts.
func (p *probe) during(ctx context.Context, something func()) (all []time.Duration) {
	over := make(chan struct{})
	go func() { defer close(over); something() }()
	if _, err := beat(ctx, p.protocol, neighbor); err != nil {
		return nil
	}
	for {
		select {
		case <-over:
			return all
		default:
		}
		if d, err := beat(ctx, p.protocol, neighbor); err == nil {
			all = append(all, d)
		}
		_ = pause(ctx, 2*time.Millisecond)
	}
}

// rebuildCommand is the process that rebuilds, or is killed while it does.
type rebuildCommand struct {
	Redis       string
	Sessions    int
	Transaction time.Duration
	Page        time.Duration
}

// Run rebuilds, and writes how long it took and the pages it read.
func (c rebuildCommand) Run(ctx context.Context, out io.Writer) error {
	client, err := dial(c.Redis) //nolint:contextcheck // dialing has a deadline of its own
	if err != nil {
		return err
	}
	r := newRecord(c.Sessions, c.Transaction, c.Page)
	p, err := protocol(client, r, sessionTTL)
	if err != nil {
		return err
	}
	took, err := beat(ctx, p, organization)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%.1f s, %d pages", took.Seconds(), r.pages.Load())
	return err
}

// resume has another process rebuild, kills it half way, and measures how long
// this one takes to go on.
func (s *stage) resume(ctx context.Context, n int) (string, error) {
	if err := s.empty(ctx); err != nil {
		return "", err
	}
	child := s.rebuilding(ctx, n)
	if err := child.Start(); err != nil {
		return "", err
	}
	for {
		calls, err := s.calls(ctx)
		if err != nil {
			return "", err
		}
		if calls >= n/10 { // a script stages 5: half
			break
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return "", err
		}
	}
	if err := child.Process.Kill(); err != nil {
		return "", err
	}
	var killed *exec.ExitError
	if err := child.Wait(); !errors.As(err, &killed) {
		return "", fmt.Errorf("the rebuild was over before it was killed: %w", err)
	}
	r := newRecord(n, s.transaction, s.page)
	p, err := protocol(s.client, r, sessionTTL)
	if err != nil {
		return "", err
	}
	took, err := beat(ctx, p, organization)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.1f s, of it up to %.1f s for the lease; %d pages of %d read again",
		took.Seconds(), ledger.RebuildLease(sessionTTL).Seconds(), r.pages.Load(), n/recordPage), s.counted(ctx, n)
}

// counted makes sure that what was measured was a whole rebuild.
func (s *stage) counted(ctx context.Context, n int) error {
	counting, err := ledger.NewRedis(s.client, ledger.RedisOptions{SessionTTL: sessionTTL, TokenTTL: tokenTTL})
	if err != nil {
		return err
	}
	known, err := counting.Known(ctx, license.ServiceCaller(organization), nil)
	if err == nil && known.Held != n {
		err = fmt.Errorf("%d sessions came back of %d", known.Held, n)
	}
	return err
}
