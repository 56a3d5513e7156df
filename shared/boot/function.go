package boot

import (
	"context"
	"errors"
	"log/slog"
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

// Function is the handler to register under name. In the process that
// FUNCTION_TARGET makes this function it builds the function at once: bad
// configuration stops the process before it takes a request, with every fault
// in the log. In any other process the name answers 503.
func Function(name string, wire Wire) http.HandlerFunc {
	if os.Getenv("FUNCTION_TARGET") != name {
		return notThisOne
	}
	return mustStart(name, wire).ServeHTTP
}

func notThisOne(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "This process does not serve this function: FUNCTION_TARGET names another, or none.", http.StatusServiceUnavailable)
}

func mustStart(name string, wire Wire) http.Handler {
	app, flush, err := start(name, wire, environ(os.Environ()))
	if err != nil {
		log := telemetry.NewLogger(os.Stdout, slog.LevelInfo) // whatever LOG_LEVEL says
		log.Error("the function cannot start", slog.String("function", name), slog.String("error", err.Error()))
		os.Exit(1)
	}
	web.DrainOnSignal(flush, os.Exit, app)
	return app
}

// start builds a function from its environment; flush ends it.
func start(name string, wire Wire, env map[string]string) (*web.App, func(context.Context) error, error) {
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
	service, closeAll, err := open(ctx, cfg, env["FIRESTORE_EMULATOR_HOST"], log)
	if err != nil {
		return nil, nil, errors.Join(err, stopTracing(ctx))
	}
	app, err := wire(service)
	if err != nil {
		return nil, nil, errors.Join(err, closeAll(), stopTracing(ctx))
	}
	return app, func(ctx context.Context) error { return errors.Join(stopTracing(ctx), closeAll()) }, nil
}

func environ(pairs []string) map[string]string {
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		out[name] = value
	}
	return out
}
