// Package worker is one function process of a torture run: the real functions
// over the real client libraries, with a clock of its own and, if wanted, a
// step of the seat protocol at which it kills itself.
package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// Config is what the parent tells a worker, as JSON.
type Config struct {
	// Addr is where it listens.
	Addr string
	// Redis, Firestore, KMS and IDP are the backends' addresses, or their
	// proxies'.
	Redis, Firestore, KMS, IDP string

	SessionTTL, TokenTTL, BackendDeadline, RequestDeadline, EntitlementCacheTTL time.Duration
	// Skew is how far ahead of the machine's its clock is.
	Skew time.Duration
	// ClockTolerance is how far its clock and Redis's may be apart where anything is
	// granted or ended.
	ClockTolerance time.Duration
	// DieAt is the step at which it sends itself SIGKILL, at the DieOn-th
	// passing; empty: never.
	DieAt seats.Step
	DieOn int64
}

// Main runs a worker from its configuration until the process is killed, or
// something fails. Warnings go to out.
func Main(ctx context.Context, config string, out io.Writer) error {
	var c Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return c.run(ctx, out)
}

func (c Config) run(ctx context.Context, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	stack, err := devstack.Start(ctx, devstack.Options{
		Redis: c.Redis, Firestore: c.Firestore, KMS: c.KMS, IDP: c.IDP, Bare: true,
		SessionTTL: c.SessionTTL, HeartbeatInterval: c.SessionTTL / 3, TokenTTL: c.TokenTTL,
		EntitlementCacheTTL: c.EntitlementCacheTTL, ClockTolerance: c.ClockTolerance,
		BackendDeadline: c.BackendDeadline, RequestDeadline: c.RequestDeadline,
		// At the run's pace a second would be several lives of a session.
		CircuitCooldown: min(circuit.DefaultCooldown, c.SessionTTL/10),
		Now:             func() time.Time { return time.Now().Add(c.Skew) },
		OnStep:          c.onStep(),
		Watch:           watch(out),
		Log:             telemetry.NewLogger(out, slog.LevelWarn),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: withStats(c.Redis, stack.Handler()), ReadHeaderTimeout: 5 * time.Second}
	go func() { <-ctx.Done(); _ = server.Close() }() // the process ends with it
	err = server.Serve(listener)
	return errors.Join(err, stack.Close())
}

// onStep is the process's death at a step: nothing of it runs any more, as
// when the machine goes down.
func (c Config) onStep() func(context.Context, seats.Step) error {
	if c.DieAt == "" {
		return nil
	}
	var passed atomic.Int64
	return func(_ context.Context, step seats.Step) error {
		if step == c.DieAt && passed.Add(1) == c.DieOn {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal is delivered
		}
		return nil
	}
}
