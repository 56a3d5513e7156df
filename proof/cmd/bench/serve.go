package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// functionCommand serves the functions, over a real Redis and a KMS stand-in
// of another process.
type functionCommand struct {
	Redis string `required:""`
	KMS   string `required:""`
}

// sessionTTL and tokenTTL keep sessions and tokens from running out during a
// long run; how long they are costs nothing.
const (
	sessionTTL = 2 * time.Hour
	tokenTTL   = 4 * time.Hour
)

// Run serves until standard input ends.
func (c functionCommand) Run(ctx context.Context, out io.Writer) (err error) {
	boot.TuneMemory() // as where it is deployed
	// Every request is logged, as on Cloud Run: a line that costs its making and
	// one write.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, null.Close()) }()
	opts := devstack.Defaults()
	memory := record.NewMemory()
	opts.Redis, opts.KMS, opts.Record, opts.Administration = c.Redis, c.KMS, memory, memory
	opts.SessionTTL, opts.TokenTTL = sessionTTL, tokenTTL
	opts.Log = telemetry.NewLogger(null, 0)
	stack, err := devstack.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	return serveChild(ctx, out, serveHTTP(stack.Handler()), functionControl(stack))
}

func functionControl(stack *devstack.Stack) http.Handler {
	mux := control(nil)
	f := filler{stack}
	mux.Handle("POST "+pathFill, endpoint(f.fill))
	mux.Handle("POST "+pathToken, endpoint(func(_ context.Context, r tokenRequest) (string, error) {
		return stack.IDP.IDToken(fakeidp.Claims{
			UserID: r.User, TenantID: r.Organization, Email: r.User + "@example.com", Role: "member",
			ExpiresAt: time.Now().Add(tokenTTL),
		}), nil
	}))
	mux.Handle("POST "+pathProfile, endpoint(profile))
	return mux
}

// tokenRequest asks for an ID token.
type tokenRequest struct{ User, Organization string }

// profile takes a CPU profile for as long as asked, in pprof's format.
func profile(ctx context.Context, length time.Duration) ([]byte, error) {
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		return nil, err
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	pprof.StopCPUProfile()
	return out.Bytes(), ctx.Err()
}

// bareCommand serves the yardsticks: an HTTP handler that does nothing, and
// script calls without a service around them.
type bareCommand struct{}

// Run serves until standard input ends.
func (bareCommand) Run(ctx context.Context, out io.Writer) error {
	mux := control(nil)
	mux.Handle("POST "+pathReplay, endpoint(replay))
	return serveChild(ctx, out, serveHTTP(http.HandlerFunc(hello)), mux)
}

// hello is what any JSON answer over net/http costs.
func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"message": "hello"}) // the client has gone
}

// kmsCommand serves the KMS stand-in, so that its CPU for the first signing key,
// in production Google's, is not taken for the function's.
type kmsCommand struct{}

// Run serves until standard input ends.
func (kmsCommand) Run(ctx context.Context, out io.Writer) error {
	server, err := fakekms.New(fakekms.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	signatures := func() int { return server.Calls(fakekms.MethodSign) }
	return serveChild(ctx, out, func(l net.Listener) error { return server.Serve(l) }, control(signatures))
}
