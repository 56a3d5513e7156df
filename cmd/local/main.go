// Command local runs the whole service on one address, with nothing but Go:
// an embedded Redis, the record in memory, and really signed tokens.
//
//	go run ./cmd/local
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

type flags struct {
	Addr                string        `default:"127.0.0.1:8080" help:"Address to listen on."`
	Redis               string        `placeholder:"HOST:PORT" help:"A real Redis or Valkey (comma-separated for a cluster); default: embedded."`
	Firestore           string        `placeholder:"HOST:PORT" help:"The official Firestore emulator; default: in memory."`
	SessionTTL          time.Duration `default:"6m" help:"How long a seat is kept without a heartbeat."`
	HeartbeatInterval   time.Duration `default:"2m" help:"How often clients are told to send one."`
	TokenTTL            time.Duration `default:"1h" help:"How long a license token is good."`
	ReapEvery           time.Duration `default:"1m" help:"How often the reaper runs by itself; 0: never."`
	EntitlementCacheTTL time.Duration `default:"30s" help:"How long entitlements are kept in memory; 0: not at all."`
	Verbose             bool          `short:"v" help:"Log every request, as on Cloud Run; failures are logged in any case."`
}

// Validate is called by kong after parsing.
func (f flags) Validate() error {
	if f.SessionTTL < 100*time.Millisecond || f.TokenTTL < time.Second || f.HeartbeatInterval <= 0 {
		return errors.New("--session-ttl must be at least 100ms, --token-ttl at least 1s, --heartbeat-interval above 0")
	}
	if f.ReapEvery < 0 || f.EntitlementCacheTTL < 0 {
		return errors.New("--reap-every and --entitlement-cache-ttl must not be below 0")
	}
	return nil
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("local"), kong.Description("The floating-license service on one local address."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, f, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s (is it in use? try --addr 127.0.0.1:0): %w", f.Addr, err)
	}
	defer func() { _ = listener.Close() }() // the server closes it on the usual way out
	stack, err := devstack.Start(ctx, options(f))
	if err != nil {
		return err
	}
	err = serve(ctx, f, stack, listener, out)
	return errors.Join(err, stack.Close())
}

func options(f flags) devstack.Options {
	opts := devstack.Options{
		Redis: f.Redis, Firestore: f.Firestore, SessionTTL: f.SessionTTL, HeartbeatInterval: f.HeartbeatInterval,
		TokenTTL: f.TokenTTL, EntitlementCacheTTL: f.EntitlementCacheTTL,
	}
	opts.Log = telemetry.NewLogger(os.Stderr, slog.LevelError)
	if f.Verbose {
		opts.Log = telemetry.NewLogger(os.Stderr, slog.LevelInfo)
	}
	return opts
}

func serve(ctx context.Context, f flags, stack *devstack.Stack, listener net.Listener, out io.Writer) error {
	server := &http.Server{
		Handler:           stack.Local(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	reaped := make(chan struct{})
	go func() { defer close(reaped); reapEvery(ctx, stack, f.ReapEvery) }()

	welcome(out, "http://"+reachable(listener.Addr()))
	var err error
	select {
	case <-ctx.Done():
		err = shutdown(server) //nolint:contextcheck // ctx is over, and requests in flight may still finish
	case err = <-failed:
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	<-reaped
	return err
}

// reachable is how this machine reaches the listener: what listens everywhere is
// named by its loopback address, which the development helpers insist on.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}

// shutdown lets requests in flight finish, as on Cloud Run.
func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// reapEvery plays Cloud Scheduler.
func reapEvery(ctx context.Context, stack *devstack.Stack, every time.Duration) {
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", http.NoBody)
			stack.RunReaper(httptest.NewRecorder(), request)
		}
	}
}
