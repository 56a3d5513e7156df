package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// The control endpoints: POST, JSON in and out.
const (
	pathUsage   = "/usage"
	pathFill    = "/fill"
	pathToken   = "/token"
	pathReplay  = "/replay"
	pathProfile = "/profile"
)

// endpoint makes a control endpoint of a function. Errors are told in full: it
// talks to this program alone, on loopback.
func endpoint[In, Out any](f func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := f(r.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(out) // who asked has gone
	}
}

// usedCPU is the CPU time this process has used, by getrusage(2).
func usedCPU() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, err
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// control has the endpoint every child has; signatures may be nil.
func control(signatures func() int) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("POST "+pathUsage, endpoint(func(context.Context, struct{}) (usage, error) {
		cpu, err := usedCPU()
		u := usage{CPU: cpu}
		if signatures != nil {
			u.Signatures = signatures()
		}
		return u, err
	}))
	return mux
}

// service is what a child serves beside its control endpoints.
type service func(net.Listener) error

// serveHTTP is a plain server, without timeouts as in the Functions Framework.
func serveHTTP(h http.Handler) service {
	return func(l net.Listener) error {
		return http.Serve(l, h) //nolint:gosec // on loopback, for one client
	}
}

// serveChild listens, tells where on out, and serves until standard input
// ends: that is when the process that started this one has stopped it, or died.
func serveChild(ctx context.Context, out io.Writer, main service, endpoints http.Handler) error {
	failed := make(chan error, 2)
	listen := func(serve service) (string, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		go func() { failed <- serve(l) }() // until the process ends
		return l.Addr().String(), nil
	}
	var where addresses
	var mainErr, controlErr error
	where.Service, mainErr = listen(main)
	where.Control, controlErr = listen(serveHTTP(endpoints))
	if err := errors.Join(mainErr, controlErr); err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, os.Stdin); ended <- err }()
	select {
	case err := <-failed:
		return errors.Join(errors.New("stopped serving"), err)
	case err := <-ended:
		return err
	}
}
