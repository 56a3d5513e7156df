package record_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// TestPingNeedsEveryRight: who may only read could not grant a seat, and who may not
// read could not find out whether one is free.
func TestPingNeedsEveryRight(t *testing.T) {
	r, _ := wired(t)
	must(t, r.Ping(t.Context()))
	refused := func(rpc string, code codes.Code) {
		t.Helper()
		w := newWire() // of its own: the client rolls back after Ping has answered
		w.on = answer(rpc, code)
		deadline := time.Minute
		if code == codes.ResourceExhausted {
			deadline = time.Second // the client tries until then
		}
		r := record.NewFirestore(dial(t, w.options()...), record.FirestoreOptions{Deadline: deadline})
		if err := r.Ping(t.Context()); err == nil {
			t.Errorf("%s answers %s, and all is said to be well", rpc, code)
		}
	}
	for _, rpc := range []string{"RunQuery", "BeginTransaction", "Commit"} {
		for _, code := range []codes.Code{codes.PermissionDenied, codes.ResourceExhausted, codes.FailedPrecondition} {
			refused(rpc, code)
		}
	}
	refused("RunQuery", codes.NotFound) // no such database
}
