// Command local runs the whole service on one address, with nothing but Go:
// an embedded Redis, the record in memory, and really signed tokens.
//
//	go run ./cmd/local
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// usageStatus is the status of a command line that says nothing valid, as the
// flag package has it.
const usageStatus = 2

func main() {
	f, err := parseFlags(os.Args[1:], os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(help)
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "local: %v (--help lists the flags)\n", err)
		os.Exit(usageStatus)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, f, os.Stdout)
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
		TokenTTL: f.TokenTTL, EntitlementCacheTTL: f.EntitlementCacheTTL, Origins: f.origins(), Events: true,
	}
	opts.Log = logger(os.Stderr, f.Verbose)
	return opts
}

func serve(ctx context.Context, f flags, stack *devstack.Stack, listener net.Listener, out io.Writer) error {
	server := web.NewServer(stack.Local())
	server.ReadTimeout = 30 * time.Second // the development helpers have no limit of their own
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
			stack.RunDeliver(httptest.NewRecorder(), request)
		}
	}
}
