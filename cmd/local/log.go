package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// logger writes every request's line as on Cloud Run; without verbose, what
// somebody has to look at: warnings, failures and refusals, which tell a developer
// what was wrong with a request.
func logger(out io.Writer, verbose bool) *slog.Logger {
	log := telemetry.NewLogger(out, slog.LevelInfo)
	if verbose {
		return log
	}
	return slog.New(refusals{log.Handler()})
}

// refusals drops the lines of requests that were answered.
type refusals struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h refusals) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn || refused(r) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements [slog.Handler].
func (h refusals) WithAttrs(attrs []slog.Attr) slog.Handler {
	return refusals{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h refusals) WithGroup(name string) slog.Handler { return refusals{h.Handler.WithGroup(name)} }

// refused: the line is of a request that the funnel refused.
func refused(r slog.Record) bool {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == "outcome" && a.Value.String() == "refused"
		return !found
	})
	return found
}
