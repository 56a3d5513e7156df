package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// discreet is an exporter of spans without values. Client libraries write spans of
// their own, with error texts, and with them the paths of documents, which name
// organizations and people: whoever reads traces must not learn who holds a seat.
// What leaves is an allow-list, so that the next version of a library changes nothing.
type discreet struct{ sdktrace.SpanExporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (d discreet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	quiet := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		quiet[i] = quietSpan{s}
	}
	return d.SpanExporter.ExportSpans(ctx, quiet)
}

// quietSpan is a span that tells names of operations, times and outcomes. Names of
// spans stay: ours are constants, those of libraries are names of methods.
type quietSpan struct{ sdktrace.ReadOnlySpan }

// Attributes implements [sdktrace.ReadOnlySpan].
func (s quietSpan) Attributes() []attribute.KeyValue { return harmless(s.ReadOnlySpan.Attributes()) }

// Events implements [sdktrace.ReadOnlySpan]: their texts are errors and what
// libraries print, so their times alone are left.
func (s quietSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Name, events[i].Attributes = "event", nil
	}
	return events
}

// Links implements [sdktrace.ReadOnlySpan].
func (s quietSpan) Links() []sdktrace.Link {
	links := slices.Clone(s.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = nil
	}
	return links
}

// Status implements [sdktrace.ReadOnlySpan]: the code without the error's text.
func (s quietSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}

// harmless are attributes whose values are of few: those of the semantic
// conventions that name a method, a template or a number.
// https://opentelemetry.io/docs/specs/semconv/
func harmless(attrs []attribute.KeyValue) []attribute.KeyValue {
	var kept []attribute.KeyValue
	for _, a := range attrs {
		switch a.Key {
		case "http.route", "http.request.method", "http.response.status_code", "error.type",
			"rpc.system", "rpc.system.name", "rpc.service", "rpc.method", "rpc.grpc.status_code", "rpc.response.status_code",
			"db.system", "db.system.name", "db.operation.name":
			kept = append(kept, a)
		}
	}
	return kept
}
