package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Scope names this service's spans.
const Scope = "github.com/coditect-ai/coditect-licenses"

// Start turns tracing on if the environment asks for it, by the variables of
// the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/):
// OTEL_TRACES_EXPORTER, or an OTEL_EXPORTER_OTLP_ENDPOINT. Sampling, batching,
// protocol and headers follow the other OTEL_ variables. Otherwise nothing is
// started and shutdown does nothing.
//
// Call shutdown before the process ends: it sends what is still held. With CPU
// given only during requests, spans may leave no earlier than the next request.
func Start(ctx context.Context) (shutdown func(context.Context) error, err error) {
	if !wanted(os.Getenv) {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: check the OTEL_ variables, or unset OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	res, err := describe(ctx, os.Getenv)
	if err != nil {
		return nil, errors.Join(err, exporter.Shutdown(ctx))
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discreet{exporter}), sdktrace.WithResource(res))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(logExportError))
	return provider.Shutdown, nil
}

// logExportError keeps a broken exporter in the structured log; the default
// handler prints bare text.
func logExportError(err error) {
	slog.Default().Warn("spans could not be exported", slog.String("error", err.Error()))
}

// Wanted reports whether the environment asks for traces, so that clients are
// instrumented only where their spans are exported.
func Wanted() bool { return wanted(os.Getenv) }

func wanted(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := getenv("OTEL_TRACES_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// describe names the service as Cloud Run does (K_SERVICE, K_REVISION); what
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins.
func describe(ctx context.Context, getenv func(string) string) (*resource.Resource, error) {
	var attrs []attribute.KeyValue
	if name := getenv("K_SERVICE"); name != "" {
		attrs = append(attrs, attribute.String("service.name", name))
	}
	if revision := getenv("K_REVISION"); revision != "" {
		attrs = append(attrs, attribute.String("service.version", revision))
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithAttributes(attrs...), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("tracing: resource attributes: %w", err)
	}
	return res, nil
}

// Span opens a span around a backend call, below the one in ctx; end closes
// it, as failed when given an error. Without a recorded span in ctx (tracing
// off, or the request not sampled) it costs nothing. The error's text is not
// put into the span, and the name is no place for values: the log has both.
//
//	ctx, end := telemetry.Span(ctx, "redis.acquire")
//	defer func() { end(err) }()
func Span(ctx context.Context, name string) (spanCtx context.Context, end func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, endNothing
	}
	ctx, span := parent.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

func endNothing(error) {}
