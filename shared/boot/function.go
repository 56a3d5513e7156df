package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Wire makes a function of a service.
type Wire func(*Service) (*web.App, error)

// startLimit bounds the making of clients; only Memorystore's discovery calls anyone.
const startLimit = 20 * time.Second

// Target is the function that FUNCTION_TARGET makes of this process, out of all of
// them by name, to be registered under the name that is returned: the target as it
// is spelt there, in any case, because the framework looks for exactly that. The
// function is built at once: a target that is missing or names no function stops
// the process before it takes a request, as any bad configuration does, with every
// fault in the log.
func Target(functions map[string]Wire) (string, http.HandlerFunc) {
	TuneMemory()
	target := os.Getenv("FUNCTION_TARGET")
	return target, mustStart(target, functions).ServeHTTP
}

// Serve serves the function on PORT (8080 without it, as Cloud Run has it) and does
// not return: the process ends by its signal ([web.DrainOnSignal]), or with exit
// status 1 when it cannot listen.
//
// The manifest calls it from its init, before the main that the buildpack generates
// runs. That one's server is the Functions Framework's, which puts an
// [http.ServeMux] in front of the function: it redirects paths with "//" or "..",
// where the contract has a 404 of ours. It has no time limits for headers either.
func Serve(function http.HandlerFunc) {
	err := serve(os.Getenv("PORT"), function)
	slog.Error("the function cannot listen: set PORT to a free port", slog.String("error", err.Error()))
	os.Exit(1)
}

func serve(port string, function http.Handler) error {
	server := web.NewServer(function)
	server.Addr = net.JoinHostPort("", cmp.Or(strings.TrimSpace(port), defaultPort))
	return server.ListenAndServe()
}

// defaultPort is Cloud Run's
// (https://docs.cloud.google.com/run/docs/container-contract#port).
const defaultPort = "8080"

func mustStart(name string, functions map[string]Wire) http.Handler {
	app, flush, err := start(name, functions, environ(os.Environ()))
	if err != nil {
		log := telemetry.NewLogger(os.Stdout, slog.LevelInfo) // whatever LOG_LEVEL says
		log.Error("the function cannot start", slog.String("function", name), slog.String("error", err.Error()))
		os.Exit(1)
	}
	web.DrainOnSignal(flush, os.Exit, app)
	return app
}

// start builds the function of that name from its environment; flush ends it.
func start(name string, functions map[string]Wire, env map[string]string) (*web.App, func(context.Context) error, error) {
	cfg, err := config.Load(name, env)
	if err != nil {
		return nil, nil, err
	}
	log := telemetry.NewLogger(os.Stdout, cfg.LogLevel)
	adoptLibraries(log)
	for _, warning := range cfg.Warnings() {
		log.Warn("the configuration works, with a risk", slog.String("risk", warning))
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	stopTracing, err := telemetry.Start(ctx)
	if err != nil {
		return nil, nil, err
	}
	service, closeAll, err := open(ctx, cfg, log)
	if err != nil {
		return nil, nil, errors.Join(err, stopTracing(ctx))
	}
	app, err := wire(service, functions)
	if err != nil {
		return nil, nil, errors.Join(err, closeAll(), stopTracing(ctx))
	}
	return app, func(ctx context.Context) error { return errors.Join(stopTracing(ctx), closeAll()) }, nil
}

// wire makes the function that the configuration is for.
func wire(s *Service, functions map[string]Wire) (*web.App, error) {
	for name, wire := range functions {
		if config.Name(name) == s.Config.Function {
			return wire(s)
		}
	}
	return nil, fmt.Errorf("boot: no function %s in this program", s.Config.Function)
}

func environ(pairs []string) map[string]string {
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		out[name] = value
	}
	return out
}
