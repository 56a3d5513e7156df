package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// TestAnOpenCircuitWritesNothing, and says so: a seat whose record was not tried
// can be given back at once.
func TestAnOpenCircuitWritesNothing(t *testing.T) {
	w := newWire()
	r := record.NewFirestore(dial(t, w.options()...), record.FirestoreOptions{
		Deadline: 20 * time.Millisecond, Circuit: circuit.New(circuit.Options{Backend: "firestore", Cooldown: 50 * time.Millisecond}),
	})
	w.on = func(ctx context.Context, _ string, _ func(context.Context) error) error {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	for range circuit.Failures {
		if err := r.Ping(t.Context()); errors.Is(err, circuit.ErrOpen) {
			t.Fatal(err)
		}
	}
	w.on = func(context.Context, string, func(context.Context) error) error {
		t.Error("called although the circuit is open")
		return status.Error(codes.Internal, "")
	}
	for name, call := range map[string]func() error{
		"Create": func() error { return r.Create(t.Context(), acme(), grant()) },
		"End":    func() error { return r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}) },
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			wantOutcome(t, err, record.ErrNotWritten)
			if !errors.Is(err, circuit.ErrOpen) {
				t.Errorf("%v does not say why", err)
			}
		})
	}
	if err := errorOf(r.Entitlements(t.Context(), acme())); !errors.Is(err, circuit.ErrOpen) {
		t.Errorf("reading: %v", err)
	}
}
