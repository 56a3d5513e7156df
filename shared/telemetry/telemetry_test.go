package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogLine(t *testing.T) {
	var out strings.Builder
	telemetry.NewLogger(&out, slog.LevelInfo).With("function", "acquire").Warn("careful",
		slog.Group("httpRequest", slog.String("level", "stays"), slog.String("msg", "stays")),
		slog.String("level", "mine"))
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%q: %v", out.String(), err)
	}
	if _, ok := got["time"].(string); !ok {
		t.Errorf("time = %v", got["time"])
	}
	delete(got, "time")
	want := map[string]any{
		"severity": "WARNING", "message": "careful", "function": "acquire", "level": "mine",
		"httpRequest": map[string]any{"level": "stays", "msg": "stays"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("line = %v, want %v", got, want)
	}
}

func TestSeverity(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug - 4: "DEBUG", slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelInfo + 1: "INFO",
		slog.LevelWarn: "WARNING", slog.LevelError: "ERROR", telemetry.LevelCritical: "CRITICAL", 100: "CRITICAL",
	} {
		if got := telemetry.Severity(level); got != want {
			t.Errorf("%v: %s, want %s", level, got, want)
		}
	}
}

func TestLevelFilters(t *testing.T) {
	var out strings.Builder
	log := telemetry.NewLogger(&out, slog.LevelWarn)
	log.Info("no")
	log.Error("yes")
	if got := out.String(); strings.Contains(got, "no\"") || !strings.Contains(got, "yes") {
		t.Error(got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("closed") }

// TestBrokenWriter: a log that cannot be written costs its lines alone.
func TestBrokenWriter(_ *testing.T) {
	telemetry.NewLogger(broken{}, slog.LevelInfo).Info("lost", "value", make(chan int))
}

func TestLinesDoNotMix(t *testing.T) {
	var out strings.Builder // not safe by itself: the logger must serialise
	log := telemetry.NewLogger(&out, slog.LevelInfo)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				log.Info("long", "text", strings.Repeat("x", 500))
			}
		})
	}
	wg.Wait()
	n := 0
	for line := range strings.Lines(out.String()) {
		n++
		if !json.Valid([]byte(line)) {
			t.Fatalf("line %q", line)
		}
	}
	if n != 400 {
		t.Errorf("%d lines", n)
	}
}

// quietEnvironment takes away what a developer's own environment may ask for.
func quietEnvironment(t *testing.T, set ...string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_TRACES_SAMPLER", "OTEL_SERVICE_NAME",
	} {
		t.Setenv(name, "")
	}
	for i := 0; i < len(set); i += 2 {
		t.Setenv(set[i], set[i+1])
	}
	before := otel.GetTracerProvider()
	t.Cleanup(func() { otel.SetTracerProvider(before) })
}

func TestOffUnlessAskedFor(t *testing.T) {
	for _, set := range [][]string{
		nil,
		{"OTEL_TRACES_EXPORTER", "none"},
		{"OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"},
		{"OTEL_SDK_DISABLED", "True", "OTEL_TRACES_EXPORTER", "otlp"},
	} {
		quietEnvironment(t, set...)
		before := otel.GetTracerProvider()
		shutdown, err := telemetry.Start(t.Context())
		if err != nil || shutdown(t.Context()) != nil {
			t.Fatalf("%v: %v", set, err)
		}
		if otel.GetTracerProvider() != before {
			t.Errorf("%v turned tracing on", set)
		}
	}
}

func TestUnusableExporterSaysWhatToDo(t *testing.T) {
	quietEnvironment(t, "OTEL_TRACES_EXPORTER", "carrier-pigeon")
	if _, err := telemetry.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_EXPORTER") {
		t.Errorf("err = %v", err)
	}
}

// TestSpansArriveByShutdown: by either variable, with the service's name.
func TestSpansArriveByShutdown(t *testing.T) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		received := make(chan string, 1)
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body := new(bytes.Buffer)
			_, _ = body.ReadFrom(r.Body)
			received <- body.String()
		}))
		quietEnvironment(t, variable, collector.URL, "K_SERVICE", "acquire-service", "K_REVISION", "acquire-00001")
		shutdown, err := telemetry.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, root := otel.Tracer("test").Start(t.Context(), "root")
		_, end := telemetry.Span(ctx, "redis.acquire")
		end(nil)
		root.End()
		if err := shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		got := <-received
		for _, want := range []string{"root", "redis.acquire", "acquire-service", "acquire-00001", telemetry.Scope} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q did not arrive", variable, want)
			}
		}
		collector.Close()
	}
}

// TestSpansLeaveWithoutValues: what libraries write into theirs stays here.
func TestSpansLeaveWithoutValues(t *testing.T) {
	received := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		received <- body.String()
	}))
	defer collector.Close()
	quietEnvironment(t, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	shutdown, err := telemetry.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const document = "projects/p/databases/d/documents/orgs/acme/sessions/alice"
	gone := errors.New("no document " + document)
	linked := trace.WithLinks(trace.Link{
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}),
		Attributes:  []attribute.KeyValue{attribute.String("peer", document)},
	})
	_, span := otel.Tracer("cloud.google.com/go").Start(t.Context(), "cloud.google.com/go/firestore.DocumentRef.Get", linked)
	span.SetAttributes(
		attribute.String("gcp.resource.destination.id", document), attribute.String("db.statement", document), attribute.String("peer", "alice"),
		attribute.String("rpc.method", "google.firestore.v1.Firestore/Commit"), attribute.String("db.system.name", "redis"))
	span.AddEvent(document, trace.WithAttributes(attribute.String("exception.message", document)))
	span.RecordError(gone)
	span.SetStatus(codes.Error, gone.Error())
	span.End()
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	got := <-received
	for _, want := range []string{"DocumentRef.Get", "google.firestore.v1.Firestore/Commit", "redis", "event"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q did not arrive", want)
		}
	}
	for _, secret := range []string{"alice", "acme", "orgs/"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q left", secret)
		}
	}
}

func TestSpan(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	ctx, root := provider.Tracer("test").Start(t.Context(), "root")
	inner, end := telemetry.Span(ctx, "firestore.get")
	if trace.SpanContextFromContext(inner).SpanID() == root.SpanContext().SpanID() {
		t.Error("the span is not in the context")
	}
	end(errors.New("document of alice@acme.example is gone"))
	_, end = telemetry.Span(ctx, "kms.sign")
	end(nil)
	got := spans.GetSpans()
	if len(got) != 2 || got[0].Name != "firestore.get" || got[0].Parent.SpanID() != root.SpanContext().SpanID() {
		t.Fatalf("spans = %v", got)
	}
	if got[0].Status.Code != codes.Error || got[1].Status.Code == codes.Error {
		t.Errorf("statuses %v, %v", got[0].Status, got[1].Status)
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), "alice") {
		t.Error("the error's text is in the span")
	}
}

// TestSpanCostsNothingWhenOff: no allocation, and the very context back.
func TestSpanCostsNothingWhenOff(t *testing.T) {
	ctx, span := noop.NewTracerProvider().Tracer("").Start(t.Context(), "root")
	defer span.End()
	for _, ctx := range []context.Context{t.Context(), ctx} {
		if n := testing.AllocsPerRun(100, func() {
			same, end := telemetry.Span(ctx, "redis.acquire")
			end(nil)
			if same != ctx {
				t.Error("another context")
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
