package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

const (
	theirTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	sampled    = "00-" + theirTrace + "-00f067aa0ba902b7-01"
)

// tracing collects the spans of what is made afterwards.
func tracing(t *testing.T, ratio float64) *tracetest.InMemoryExporter {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	otel.SetTracerProvider(sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio)))))
	return spans
}

func traced(traceparent string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("traceparent", traceparent)
		r.Header.Set("tracestate", "vendor=alice")
		r.Header.Set("baggage", "user=alice")
	}
}

// TestClientsDecideNoSampling: neither that a trace is kept, nor that it is not.
func TestClientsDecideNoSampling(t *testing.T) {
	for ratio, want := range map[float64]int{0: 0, 1: 1} {
		for _, flags := range []string{"00", "01", "ff"} {
			spans := tracing(t, ratio)
			newBench(t, nil).heartbeatNow(traced(sampled[:len(sampled)-2] + flags))
			if got := len(spans.GetSpans()); got != want {
				t.Errorf("ratio %v, flags %s: %d spans, want %d", ratio, flags, got, want)
			}
		}
	}
}

// TestTheTraceIsOurs: new at the edge, with a link to the client's, and of the
// request's id.
func TestTheTraceIsOurs(t *testing.T) {
	spans := tracing(t, 1)
	b := newBench(t, nil)
	w := b.heartbeatNow(traced(sampled))
	span := spans.GetSpans()[0]
	ours := span.SpanContext.TraceID().String()
	if ours == theirTrace || span.Parent.IsValid() || w.Header().Get("X-Request-Id") != ours {
		t.Errorf("trace %s below %s, request %s", ours, span.Parent.TraceID(), w.Header().Get("X-Request-Id"))
	}
	if len(span.Links) != 1 || span.Links[0].SpanContext.TraceID().String() != theirTrace || span.Links[0].SpanContext.TraceState().Len() != 0 {
		t.Errorf("links %+v", span.Links)
	}
	line := b.lines(t)[0]
	if line["logging.googleapis.com/trace"] != "projects/p-1/traces/"+ours || line["linked_trace"] != theirTrace || line["request_id"] != ours ||
		line["logging.googleapis.com/trace_sampled"] != true || line["logging.googleapis.com/spanId"] != span.SpanContext.SpanID().String() {
		t.Errorf("line %v", line)
	}
}

// TestSpansHoldNoValues of the request: its template, its status, no more.
func TestSpansHoldNoValues(t *testing.T) {
	spans := tracing(t, 1)
	b := newBench(t, func(o *web.Options) { o.LogKey = []byte("key") })
	b.heartbeatNow(traced(sampled))
	b.do("POST", api.ReleasePath(sessionID)+"?secret=alice", "{}", traced(sampled))
	b.do("POST", api.PathAcquire, `{"hardware_id":"alice"}`, traced(sampled))
	b.do("GET", "/alice", "", traced(sampled))
	var names []string
	for _, s := range spans.GetSpans() {
		names = append(names, s.Name)
		for _, a := range s.Attributes {
			if a.Key != "http.response.status_code" && (a.Key != "http.route" || !strings.HasPrefix(a.Value.AsString(), "/api/")) {
				t.Errorf("%s has %s", s.Name, a.Key)
			}
		}
		text, err := json.Marshal([]any{s.Name, s.Attributes, s.Events, s.Status, s.Links})
		if err != nil || strings.Contains(string(text), "alice") || strings.Contains(string(text), sessionID) {
			t.Errorf("%v: %s", err, text)
		}
	}
	if got := strings.Join(names, " "); got != "heartbeat release acquire request" {
		t.Errorf("spans %s", got)
	}
	if got := spans.GetSpans()[1].Attributes[0]; got != attribute.String("http.route", api.PathRelease) {
		t.Errorf("the route is %v", got)
	}
}
