package rig

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// gateway stands before the Firestore emulator and keeps transactions apart as the
// real service says it does (transactions.go), at the run's pace: the emulator has
// locks of its own, which others wait for 2 s, and which stay for a minute. Here it
// gets single reads and single commits, and no transaction.
type gateway struct {
	firestorepb.UnimplementedFirestoreServer

	server       *grpc.Server
	conn         *grpc.ClientConn
	emulator     firestorepb.FirestoreClient
	transactions *transactions
}

// commitLimit bounds one commit in the emulator, on the slowest machine.
const commitLimit = time.Minute

func newGateway(emulator string, o Firestore) (*gateway, error) {
	conn, err := grpc.NewClient("passthrough:///"+emulator, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	g := &gateway{conn: conn, emulator: firestorepb.NewFirestoreClient(conn), transactions: newTransactions(o)}
	g.server = grpc.NewServer(grpc.WaitForHandlers(true))
	firestorepb.RegisterFirestoreServer(g.server, g)
	return g, nil
}

func (g *gateway) serve(l net.Listener) error { return g.server.Serve(l) }

func (g *gateway) close() error {
	g.server.Stop()
	return g.conn.Close()
}

// forward is the context of a call to the emulator for a call from a client.
func forward(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	return metadata.NewOutgoingContext(ctx, md.Copy())
}

// BeginTransaction implements [firestorepb.FirestoreServer].
func (g *gateway) BeginTransaction(context.Context, *firestorepb.BeginTransactionRequest) (*firestorepb.BeginTransactionResponse, error) {
	return &firestorepb.BeginTransactionResponse{Transaction: g.transactions.begin()}, nil
}

// Commit implements [firestorepb.FirestoreServer]. What was sent to the emulator
// comes to its end, also when the client has gone.
func (g *gateway) Commit(ctx context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	t, err := g.transactions.enter(ctx, r.GetTransaction(), written(r.GetWrites()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	plain := &firestorepb.CommitRequest{Database: r.GetDatabase(), Writes: r.GetWrites()}
	answer, err := g.emulator.Commit(forward(ctx), plain)
	g.transactions.leave(t, !refuses(err))
	return answer, err
}

// refuses says that the emulator has certainly written nothing.
func refuses(err error) bool {
	switch status.Code(err) {
	case codes.AlreadyExists, codes.NotFound, codes.FailedPrecondition, codes.InvalidArgument:
		return true
	default:
		return false
	}
}

func written(writes []*firestorepb.Write) []string {
	out := make([]string, len(writes))
	for i, w := range writes {
		if out[i] = w.GetUpdate().GetName(); out[i] == "" {
			out[i] = w.GetDelete()
		}
	}
	return out
}

// Rollback implements [firestorepb.FirestoreServer].
func (g *gateway) Rollback(_ context.Context, r *firestorepb.RollbackRequest) (*emptypb.Empty, error) {
	g.transactions.end(r.GetTransaction())
	return &emptypb.Empty{}, nil
}

// BatchGetDocuments implements [firestorepb.FirestoreServer].
func (g *gateway) BatchGetDocuments(r *firestorepb.BatchGetDocumentsRequest, to firestorepb.Firestore_BatchGetDocumentsServer) error {
	id, began := r.GetTransaction(), r.GetNewTransaction() != nil
	if began {
		id = g.transactions.begin()
	}
	if err := g.transactions.read(to.Context(), id, r.GetDocuments()); err != nil {
		return err
	}
	plain := &firestorepb.BatchGetDocumentsRequest{Database: r.GetDatabase(), Documents: r.GetDocuments(), Mask: r.GetMask()}
	from, err := g.emulator.BatchGetDocuments(forward(to.Context()), plain)
	return relay(from, to, err, func(a *firestorepb.BatchGetDocumentsResponse) {
		if began {
			a.Transaction, began = id, false // the first answer tells
		}
	})
}

// errQuery is for what no function asks for, and no rule here covers.
var errQuery = status.Error(codes.Unimplemented, "a query in a transaction")

// RunQuery implements [firestorepb.FirestoreServer].
func (g *gateway) RunQuery(r *firestorepb.RunQueryRequest, to firestorepb.Firestore_RunQueryServer) error {
	if r.GetTransaction() != nil || r.GetNewTransaction() != nil {
		return errQuery
	}
	from, err := g.emulator.RunQuery(forward(to.Context()), r)
	return relay(from, to, err, nil)
}

// RunAggregationQuery implements [firestorepb.FirestoreServer].
func (g *gateway) RunAggregationQuery(r *firestorepb.RunAggregationQueryRequest, to firestorepb.Firestore_RunAggregationQueryServer) error {
	if r.GetTransaction() != nil || r.GetNewTransaction() != nil {
		return errQuery
	}
	from, err := g.emulator.RunAggregationQuery(forward(to.Context()), r)
	return relay(from, to, err, nil)
}

// relay passes a stream on.
func relay[T any](from interface{ Recv() (*T, error) }, to interface{ Send(*T) error }, err error, look func(*T)) error {
	for err == nil {
		var answer *T
		if answer, err = from.Recv(); err != nil {
			break
		}
		if look != nil {
			look(answer)
		}
		err = to.Send(answer)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// name makes the id of the n-th transaction.
func name(n int64) []byte { return []byte("transaction-" + strconv.FormatInt(n, 10)) }
