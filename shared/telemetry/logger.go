// Package telemetry is what the service says about itself: log lines in Cloud
// Logging's JSON form, and OpenTelemetry spans when they are asked for.
package telemetry

import (
	"io"
	"log/slog"
)

// LevelCritical is above [slog.LevelError]: someone should be woken.
const LevelCritical = slog.Level(12)

// NewLogger writes one JSON object per line to w, with the members Cloud
// Logging reads: severity, message and time
// (https://cloud.google.com/logging/docs/structured-logging). Lines of several
// goroutines never mix. A failing w loses lines and nothing else.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudNames}))
}

// cloudNames renames slog's own members, at the top level only. An attribute
// called msg would be renamed with them, so do not call one that.
func cloudNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", Severity(level))
		}
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// Severity is Cloud Logging's name for a level. Levels in between take the
// name below them.
func Severity(level slog.Level) string {
	switch {
	case level >= LevelCritical:
		return "CRITICAL"
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARNING"
	case level >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}
