package record

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// rpc plays one call through WatchCommits that is answered with code.
func rpc(ctx context.Context, method string, code codes.Code) (sent bool, err error) {
	err = WatchCommits(ctx, method, nil, nil, nil,
		func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			sent = true
			return status.Error(code, "")
		})
	return sent, err
}

func TestVerdicts(t *testing.T) {
	const begin = "/google.firestore.v1.Firestore/BeginTransaction"
	for name, test := range map[string]struct {
		handedOver bool
		begun      bool         // a BeginTransaction was seen
		commits    []codes.Code // the answers
		want       verdict
	}{
		"nothing happened":                   {want: notWritten},
		"begun":                              {begun: true, want: notWritten},
		"handed over, no word of it":         {handedOver: true, want: unknown},
		"handed over, and surely not sent":   {handedOver: true, begun: true, want: notWritten},
		"refused":                            {handedOver: true, commits: []codes.Code{codes.Aborted}, want: refused},
		"refused each time":                  {handedOver: true, commits: []codes.Code{codes.ResourceExhausted, codes.NotFound}, want: refused},
		"lost":                               {handedOver: true, commits: []codes.Code{codes.Unavailable}, want: unknown},
		"lost, then refused":                 {handedOver: true, commits: []codes.Code{codes.Unavailable, codes.Aborted}, want: unknown},
		"refused, then lost":                 {handedOver: true, commits: []codes.Code{codes.Aborted, codes.Internal}, want: unknown},
		"perhaps refused for being repeated": {handedOver: true, commits: []codes.Code{codes.InvalidArgument}, want: unknown},
		"applied, and failed afterwards":     {handedOver: true, commits: []codes.Code{codes.OK}, want: unknown},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, o := withOutcome(t.Context())
			if test.begun {
				_, _ = rpc(ctx, begin, codes.OK)
			}
			if test.handedOver {
				if err := o.handOver(); err != nil {
					t.Fatal(err)
				}
			}
			for _, code := range test.commits {
				_, _ = rpc(ctx, commitMethod, code)
			}
			if got := o.close(); got != test.want {
				t.Errorf("verdict %d, want %d", got, test.want)
			}
		})
	}
}

// TestClosedOutcomeSendsNothing: not one commit after the caller was answered.
func TestClosedOutcomeSendsNothing(t *testing.T) {
	ctx, o := withOutcome(t.Context())
	o.close()
	if err := o.handOver(); err == nil {
		t.Error("handed over after the answer")
	}
	if sent, err := rpc(ctx, commitMethod, codes.OK); sent || err == nil {
		t.Errorf("commit sent after the answer (%v)", err)
	}
	if sent, _ := rpc(ctx, "/google.firestore.v1.Firestore/Rollback", codes.OK); !sent {
		t.Error("the rollback must still go out")
	}
}

func TestForeignCallsPassUnwatched(t *testing.T) {
	if sent, err := rpc(t.Context(), commitMethod, codes.OK); !sent || err != nil {
		t.Errorf("sent %v, %v", sent, err)
	}
}
