package record_test

import (
	"testing"

	"google.golang.org/grpc/codes"
)

// TestPingNeedsEveryRight: who may only read could not grant a seat, and who may not
// read could not find out whether one is free.
func TestPingNeedsEveryRight(t *testing.T) {
	r, w := wired(t)
	must(t, r.Ping(t.Context()))
	for _, rpc := range []string{"RunQuery", "BeginTransaction", "Commit"} {
		for _, code := range []codes.Code{codes.PermissionDenied, codes.ResourceExhausted, codes.FailedPrecondition} {
			w.on = answer(rpc, code)
			if err := r.Ping(t.Context()); err == nil {
				t.Errorf("%s answers %s, and all is said to be well", rpc, code)
			}
		}
	}
	w.on = answer("RunQuery", codes.NotFound) // no such database
	if err := r.Ping(t.Context()); err == nil {
		t.Error("there is no database, and all is said to be well")
	}
	w.on = nil
	must(t, r.Ping(t.Context()))
}
