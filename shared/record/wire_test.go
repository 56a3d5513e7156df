package record_test

import (
	"context"
	"path"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// wire sits in a client's connection: it counts calls, and its hook stands
// where the network would.
type wire struct {
	mu     sync.Mutex
	calls  map[string]int // by RPC
	reads  int            // documents asked for by name
	writes int            // documents in commits

	// on, if set, runs in place of each RPC; call performs it. Set it while no
	// call is running.
	on func(ctx context.Context, rpc string, call func(context.Context) error) error
}

func newWire() *wire { return &wire{calls: map[string]int{}} }

func (w *wire) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(w.unary), grpc.WithChainStreamInterceptor(w.stream),
	}
}

func (w *wire) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if commit, ok := req.(*firestorepb.CommitRequest); ok {
		w.count(func() { w.writes += len(commit.GetWrites()) })
	}
	return w.pass(ctx, method, func(ctx context.Context) error {
		return invoke(ctx, method, req, reply, cc, opts...)
	})
}

func (w *wire) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (stream grpc.ClientStream, err error) {
	err = w.pass(ctx, method, func(ctx context.Context) (err error) {
		stream, err = open(ctx, desc, cc, method, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return countedStream{ClientStream: stream, wire: w}, nil
}

type countedStream struct {
	grpc.ClientStream
	wire *wire
}

func (s countedStream) SendMsg(m any) error {
	if get, ok := m.(*firestorepb.BatchGetDocumentsRequest); ok {
		s.wire.count(func() { s.wire.reads += len(get.GetDocuments()) })
	}
	return s.ClientStream.SendMsg(m)
}

func (w *wire) pass(ctx context.Context, method string, call func(context.Context) error) error {
	rpc := path.Base(method)
	w.count(func() { w.calls[rpc]++ })
	if w.on != nil {
		return w.on(ctx, rpc, call)
	}
	return call(ctx)
}

func (w *wire) count(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// spent returns what was counted since the last time.
func (w *wire) spent() (calls map[string]int, reads, writes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls, reads, writes = w.calls, w.reads, w.writes
	w.calls, w.reads, w.writes = map[string]int{}, 0, 0
	return calls, reads, writes
}

// wired makes a record on a fresh project of the emulator, seen through a wire.
func wired(t *testing.T) (*record.Firestore, *wire) {
	t.Helper()
	return wiredWith(t, record.FirestoreOptions{Deadline: time.Minute})
}

func wiredWith(t *testing.T, o record.FirestoreOptions) (*record.Firestore, *wire) {
	t.Helper()
	w := newWire()
	return record.NewFirestore(dial(t, w.options()...), o), w
}

func acme() license.Caller { return license.ServiceCaller("acme") }

// sessionID is a session, sessionName its document: printf %s ID | sha256sum.
const (
	sessionID   = "0199aaaa-0000-7000-8000-000000000001"
	sessionName = "6a-" + sessionID
)

// grant is a session of the first epoch.
func grant() license.Session {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return license.Session{
		ID: sessionID, Epoch: first(), AcquiredAt: at, LastHeartbeatAt: at, ExpiresAt: at.Add(6 * time.Minute),
		Holder: license.Holder{LicenseID: "acme-pro", UserID: "u-1", HardwareID: "hw-1"},
		Client: license.Client{Name: "studio", Version: "1.2.3"},
	}
}

func first() license.Epoch { return license.NewEpoch(1, "nonce-1") }

func endOf(s license.Session) record.End {
	s.EndedAt, s.EndedReason = s.AcquiredAt.Add(time.Hour), license.EndExpired
	return record.End{Session: s}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, r record.Record) {
	t.Helper()
	_, err := r.OpenEpoch(t.Context(), acme(), "nonce-1")
	must(t, err)
}
