package rig

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// gateway stands before the Firestore emulator and gives its transactions the
// locks of the real service, at the run's pace.
//
// In the emulator two transactions that read and write one document block each
// other for 2 s, a commit that waits for a lock cannot be called off, and the
// locks of a process that was killed stay for a minute: at this pace the lives
// of four, four, and a hundred and twenty sessions. Here the older of two
// transactions wins at once (wound-wait, as in Spanner, on which Firestore
// stands): a commit aborts the younger transactions that have read what it
// writes, waits for the older ones as long as its client does, and reaches the
// emulator only when nobody is in its way; and a lost connection ends the
// transactions begun over it. Nothing else is changed.
type gateway struct {
	firestorepb.UnimplementedFirestoreServer

	server   *grpc.Server
	conn     *grpc.ClientConn
	emulator firestorepb.FirestoreClient

	mu   sync.Mutex
	next int64
	open map[string]*transaction
}

// rollbackLimit is above the emulator's own wait for a lock.
const rollbackLimit = 5 * time.Second

// transaction is one that has not ended yet.
type transaction struct {
	id    string
	via   *connection
	age   int64
	reads map[string]bool
	// wounded says that an older one has had it rolled back, committing that its
	// commit is on its way.
	wounded, committing bool
}

func newGateway(emulator string) (*gateway, error) {
	conn, err := grpc.NewClient("passthrough:///"+emulator, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	g := &gateway{conn: conn, emulator: firestorepb.NewFirestoreClient(conn), open: map[string]*transaction{}}
	g.server = grpc.NewServer(grpc.WaitForHandlers(true), grpc.StatsHandler(connections{g}))
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

// begun notes a new transaction.
func (g *gateway) begun(ctx context.Context, id []byte) {
	via, _ := ctx.Value(connectionKey{}).(*connection)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
	g.open[string(id)] = &transaction{id: string(id), via: via, age: g.next, reads: map[string]bool{}}
}

func (g *gateway) ended(id []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, string(id))
}

// hasRead notes what a transaction depends on; an error if it was wounded.
func (g *gateway) hasRead(id []byte, documents []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.open[string(id)]
	if t == nil {
		return nil
	}
	if t.wounded {
		return errWounded()
	}
	for _, d := range documents {
		t.reads[d] = true
	}
	return nil
}

func errWounded() error {
	return status.Error(codes.Aborted, "an older transaction writes what this one has read")
}

// verdict is what a commit must do first.
type verdict struct {
	// victims are to be rolled back; blocked says that there are others to wait for.
	victims []string
	blocked bool
}

// judge decides about a commit of this transaction: the younger ones that have
// read what it writes give way.
func (g *gateway) judge(id []byte, writes []*firestorepb.Write) (v verdict, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.open[string(id)]
	if t == nil {
		return v, nil // no transaction: it takes no lock
	}
	if t.wounded {
		return v, errWounded()
	}
	for _, other := range g.open {
		switch {
		case other == t || !other.depends(writes):
		case other.age > t.age && !other.wounded && !other.committing:
			other.wounded = true
			v.victims = append(v.victims, other.id)
		case !other.wounded:
			v.blocked = true
		}
	}
	t.committing = !v.blocked
	return v, nil
}

// clear waits until nobody is in a commit's way.
func (g *gateway) clear(ctx context.Context, r *firestorepb.CommitRequest) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := g.judge(r.GetTransaction(), r.GetWrites())
		if err != nil {
			return err
		}
		g.rollBack(ctx, r.GetDatabase(), v.victims...)
		if !v.blocked {
			return nil
		}
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-tick.C:
		}
	}
}

func (t *transaction) depends(writes []*firestorepb.Write) bool {
	for _, w := range writes {
		if t.reads[w.GetUpdate().GetName()] || t.reads[w.GetDelete()] {
			return true
		}
	}
	return false
}

func (g *gateway) isWounded(id []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.open[string(id)]
	return t != nil && t.wounded
}

// rollBack ends transactions for those who cannot, or must not, go on.
func (g *gateway) rollBack(ctx context.Context, database string, ids ...string) {
	for _, id := range ids {
		ctx, cancel := detached(ctx)
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer owner")
		_, _ = g.emulator.Rollback(ctx, &firestorepb.RollbackRequest{Database: database, Transaction: []byte(id)}) // it may have ended
		cancel()
	}
}

// BeginTransaction implements [firestorepb.FirestoreServer].
func (g *gateway) BeginTransaction(ctx context.Context, r *firestorepb.BeginTransactionRequest) (*firestorepb.BeginTransactionResponse, error) {
	answer, err := g.emulator.BeginTransaction(forward(ctx), r)
	if err == nil {
		if via, _ := ctx.Value(connectionKey{}).(*connection); via != nil {
			via.uses(r.GetDatabase())
		}
		g.begun(ctx, answer.GetTransaction())
	}
	return answer, err
}

// Commit implements [firestorepb.FirestoreServer].
func (g *gateway) Commit(ctx context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	if err := g.clear(ctx, r); err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	answer, err := g.emulator.Commit(forward(ctx), r)
	g.ended(r.GetTransaction())
	return answer, err
}

// Rollback implements [firestorepb.FirestoreServer].
func (g *gateway) Rollback(ctx context.Context, r *firestorepb.RollbackRequest) (*emptypb.Empty, error) {
	defer g.ended(r.GetTransaction())
	if g.isWounded(r.GetTransaction()) {
		return &emptypb.Empty{}, nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return g.emulator.Rollback(forward(ctx), r)
}

// detached goes on when the client has gone: what was sent to the emulator must
// come to its end before anybody else may rely on it.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
}

// BatchGetDocuments implements [firestorepb.FirestoreServer].
func (g *gateway) BatchGetDocuments(r *firestorepb.BatchGetDocumentsRequest, to firestorepb.Firestore_BatchGetDocumentsServer) error {
	if err := g.hasRead(r.GetTransaction(), r.GetDocuments()); err != nil {
		return err
	}
	from, err := g.emulator.BatchGetDocuments(forward(to.Context()), r)
	return relay(from, to, err, func(a *firestorepb.BatchGetDocumentsResponse) {
		if id := a.GetTransaction(); len(id) > 0 {
			g.begun(to.Context(), id)
			_ = g.hasRead(id, r.GetDocuments()) // nobody can have wounded it yet
		}
	})
}

// RunQuery implements [firestorepb.FirestoreServer].
func (g *gateway) RunQuery(r *firestorepb.RunQueryRequest, to firestorepb.Firestore_RunQueryServer) error {
	from, err := g.emulator.RunQuery(forward(to.Context()), r)
	return relay(from, to, err, nil)
}

// RunAggregationQuery implements [firestorepb.FirestoreServer].
func (g *gateway) RunAggregationQuery(r *firestorepb.RunAggregationQueryRequest, to firestorepb.Firestore_RunAggregationQueryServer) error {
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

// connection is one client's.
type connection struct {
	mu       sync.Mutex
	database string
}

type connectionKey struct{}

func (c *connection) uses(database string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.database = database
}

// connections tells when a connection is lost.
type connections struct{ *gateway }

// TagRPC implements [stats.Handler].
func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (connections) HandleRPC(context.Context, stats.RPCStats) {}

// TagConn implements [stats.Handler].
func (connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

// HandleConn implements [stats.Handler].
func (c connections) HandleConn(ctx context.Context, s stats.ConnStats) {
	if _, ended := s.(*stats.ConnEnd); !ended {
		return
	}
	via, _ := ctx.Value(connectionKey{}).(*connection)
	c.mu.Lock()
	var orphans []string
	for id, t := range c.open {
		if t.via == via {
			orphans = append(orphans, id)
			delete(c.open, id)
		}
	}
	c.mu.Unlock()
	if len(orphans) > 0 {
		via.mu.Lock()
		database := via.database
		via.mu.Unlock()
		c.rollBack(ctx, database, orphans...)
	}
}
