package redisconn

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestASpanPerCommand: named by the command, with nothing that was sent or
// answered, on one server as on a cluster.
func TestASpanPerCommand(t *testing.T) {
	for name, cfg := range map[string]Config{
		"one server": {Addr: servers.SharedRedis(t), Traced: true},
		"cluster":    {Addr: strings.Join(servers.RedisCluster(t), ","), Traced: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, cfg)
			if err := Verify(t.Context(), client); err != nil { // connections are set up, untraced
				t.Fatal(err)
			}
			spans := tracetest.NewInMemoryExporter()
			ctx, root := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test").Start(t.Context(), "root")
			if err := client.Get(ctx, "key-of-ann").Err(); !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
			if err := client.Eval(ctx, "return redis.error_reply('value-of-ann')", []string{"key-of-ann"}).Err(); err == nil {
				t.Fatal("no error")
			}
			_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "key-of-ann", "value-of-ann", 1).Err() })
			var got []string
			failed := map[string]bool{}
			for _, span := range spans.GetSpans() {
				if span.Parent.SpanID() == root.SpanContext().SpanID() {
					got = append(got, span.Name)
					failed[span.Name] = span.Status.Code == codes.Error
				}
			}
			if strings.Join(got, " ") != "redis.get redis.eval redis.pipeline" || failed["redis.get"] || !failed["redis.eval"] {
				t.Errorf("spans %q, failed %v", got, failed)
			}
			if text, _ := json.Marshal(spans.GetSpans()); strings.Contains(string(text), "of-ann") {
				t.Errorf("a key or a value is in %s", text)
			}
		})
	}
}

// TestNoSpansUnlessWanted, though the request be traced.
func TestNoSpansUnlessWanted(t *testing.T) {
	client := dial(t, Config{Addr: servers.SharedRedis(t)})
	spans := tracetest.NewInMemoryExporter()
	ctx, _ := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test").Start(t.Context(), "root")
	if err := Verify(ctx, client); err != nil || len(spans.GetSpans()) != 0 {
		t.Errorf("%d spans, %v", len(spans.GetSpans()), err)
	}
}
