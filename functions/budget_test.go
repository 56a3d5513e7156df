package functions_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/google/uuid"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// spent is what an operation cost.
type spent struct {
	redis                               int // round trips
	transactions, reads, writes, others int // Firestore: others are queries and counts
	signatures, kms                     int // kms counts all its calls, signatures included
}

// metered is a world whose backends are counted on the wire.
type metered struct {
	*world
	trips *tripCounter
	wire  *firestoreMeter
}

// TestBudget is the table of docs/architecture.md in the steady state: caches
// warm, key set read, the organization noted a moment ago.
func TestBudget(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org := m.licensed(t, 9)
	ann := m.user(org, "ann")
	warm := ann.take(t, "warm").SessionID // every script is sent in full once
	ann.beat(t, warm).want(t, http.StatusOK)
	ann.release(t, warm).want(t, http.StatusNoContent)

	var held, lost api.Session
	m.wantSpent(t, "acquire, new", spent{redis: 1, transactions: 1, reads: 1, writes: 1}, func() { held = ann.take(t, "hw") })
	m.wantSpent(t, "acquire, same holder again", spent{redis: 1}, func() { ann.acquire(t, "hw").want(t, http.StatusOK) })
	m.wantSpent(t, "heartbeat", spent{redis: 1}, func() { ann.beat(t, held.SessionID).want(t, http.StatusOK) })
	m.wantSpent(t, "heartbeat that asks for a token", spent{redis: 1}, func() { ann.renew(t, held.SessionID).want(t, http.StatusOK) })
	m.wantSpent(t, "a refused acquire", spent{}, func() { ann.acquire(t, "hw", map[string]any{"license_id": "no"}).refused(t, "license_not_found") })
	m.wantSpent(t, "a forged token", spent{}, func() { user{w: m.world, token: ann.token + "x"}.beat(t, held.SessionID).refused(t, "unauthenticated") })
	m.wantSpent(t, "another user's heartbeat", spent{redis: 1}, func() { m.user(org, "bob").beat(t, held.SessionID).refused(t, "session_not_found") })
	m.wantSpent(t, "release", spent{redis: 2, transactions: 1, reads: 2, writes: 1}, func() { ann.release(t, held.SessionID).want(t, http.StatusNoContent) })
	m.wantSpent(t, "release again", spent{redis: 1, reads: 1}, func() { ann.release(t, held.SessionID).want(t, http.StatusNoContent) })
	m.wantSpent(t, "heartbeat after release", spent{redis: 1, reads: 1}, func() { ann.beat(t, held.SessionID).refused(t, "session_ended") })
	m.wantSpent(t, "release of nobody's", spent{redis: 1, reads: 1}, func() { ann.release(t, nobodysSession).refused(t, "session_not_found") })

	lost = ann.take(t, "hw")
	m.drop(t, lost.SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"}})
	m.wantSpent(t, "release of what the ledger does not know", spent{redis: 2, transactions: 1, reads: 3, writes: 1}, func() { ann.release(t, lost.SessionID).want(t, http.StatusNoContent) })
	m.putLicense(t, org, "more", map[string]any{"product": "studio", "max_seats": 1, "expires_at": time.Now().Add(time.Hour)})
	m.putLicense(t, org, "old", map[string]any{"product": "studio", "max_seats": 1, "expires_at": time.Now().Add(-time.Hour)})
	m.user(org, "bob").take(t, "hw") // reads what was bought
	m.wantSpent(t, "acquire, new, of the second license", spent{redis: 1, transactions: 1, reads: 1, writes: 1}, func() { held = ann.take(t, "hw") })
	m.wantSpent(t, "acquire, same holder again, of the second license", spent{redis: 1}, func() { ann.acquire(t, "hw").want(t, http.StatusOK) })
	ann.release(t, held.SessionID).want(t, http.StatusNoContent)
	full := m.licensed(t, 1)
	m.user(full, "bob").take(t, "hw")
	refuse := func() { m.user(full, "ann").acquire(t, "hw").refused(t, "no_seats_available") }
	m.wantSpent(t, "acquire, no seat left, for the first time", spent{redis: 2}, refuse)
	m.wantSpent(t, "acquire, no seat left", spent{redis: 1}, refuse)
}

// TestBudgetWithEvents: no round trip more, and one write more in the same transaction.
func TestBudgetWithEvents(t *testing.T) {
	opts := devstack.Defaults()
	opts.Events = true
	m := meter(t, servers.Redis(t).Addr(), opts)
	org := m.licensed(t, 9)
	m.hook(t, org, "crm", "https://hooks.example.com")
	ann := m.user(org, "ann")
	warm := ann.take(t, "warm").SessionID // every script is sent in full once
	ann.beat(t, warm).want(t, http.StatusOK)
	ann.release(t, warm).want(t, http.StatusNoContent)

	var held api.Session
	m.wantSpent(t, "acquire, new", spent{redis: 1, transactions: 1, reads: 1, writes: 1 + 1}, func() { held = ann.take(t, "hw") })
	m.wantSpent(t, "acquire, same holder again", spent{redis: 1}, func() { ann.acquire(t, "hw").want(t, http.StatusOK) })
	m.wantSpent(t, "heartbeat", spent{redis: 1}, func() { ann.beat(t, held.SessionID).want(t, http.StatusOK) })
	m.wantSpent(t, "release", spent{redis: 2, transactions: 1, reads: 2, writes: 1 + 1}, func() { ann.release(t, held.SessionID).want(t, http.StatusNoContent) })
	m.wantSpent(t, "release again", spent{redis: 1, reads: 1}, func() { ann.release(t, held.SessionID).want(t, http.StatusNoContent) })
	m.deliver(t)
	m.wantSpent(t, "deliver with nothing to do", spent{others: 2}, func() { m.deliver(t) })
}

// TestBudgetOfTokensByTheRoot: a call of KMS for each token.
func TestBudgetOfTokensByTheRoot(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), byRoot())
	ann := m.user(m.licensed(t, 2), "ann")
	session := ann.take(t, "hw").SessionID
	ann.beat(t, session).want(t, http.StatusOK)
	m.wantSpent(t, "acquire, new", spent{redis: 1, transactions: 1, reads: 1, writes: 1, signatures: 1, kms: 1}, func() { ann.take(t, "hw-2") })
	m.wantSpent(t, "acquire, same holder again", spent{redis: 1, signatures: 1, kms: 1}, func() { ann.acquire(t, "hw").want(t, http.StatusOK) })
	m.wantSpent(t, "heartbeat", spent{redis: 1, signatures: 1, kms: 1}, func() { ann.beat(t, session).want(t, http.StatusOK) })
}

// TestBudgetOfSigningKeys: what a rotation costs, and what an instance asks for the key.
func TestBudgetOfSigningKeys(t *testing.T) {
	opts := devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m := meter(t, servers.Redis(t).Addr(), opts)
	for range 2 { // the index is made
		m.reap(t)
	}
	nothing := m.spent(func() { m.reap(t) })
	ahead.Store(int64(token.DelegationLife/2 + time.Minute))
	rotation := m.spent(func() { m.reap(t) })
	if rotation.transactions != 1 || rotation.reads != nothing.reads+1 || rotation.writes != 1 || rotation.signatures != 1 || rotation.kms != 3 {
		t.Errorf("a rotation cost %+v, a run without %+v", rotation, nothing) // signature, encryption, list of the root's versions
	}
	if nothing.reads != 1 || nothing.kms != 0 {
		t.Errorf("a run without a rotation cost %+v", nothing)
	}
	key := m.spent(func() { m.do(t, http.MethodGet, api.PathJWKS, "", nil).want(t, http.StatusOK) })
	if n := m.stack.KMS.Calls(fakekms.MethodDecrypt); n != 2 || key.reads != 1 || key.signatures != 0 {
		t.Errorf("%d decryptions, %+v", n, key) // the key that signs, and the next
	}
}

// TestBudgetOfARebuild: what a heartbeat costs that finds its organization's ledger
// lost, on top of itself.
func TestBudgetOfARebuild(t *testing.T) {
	redis := servers.Redis(t).Addr()
	m := meter(t, redis, devstack.Defaults())
	c := ledgertest.Client(t, redis)
	org := m.licensed(t, 9)
	ann := m.user(org, "ann")
	held := ann.take(t, "hw").SessionID
	rebuilt := func() {
		if err := c.HSet(t.Context(), "seats:{"+org+"}:epoch", "server", "-").Err(); err != nil {
			t.Error(err)
		}
		ann.beat(t, held).want(t, http.StatusOK)
	}
	rebuilt() // every script is sent in full once
	m.wantSpent(t, "heartbeat with a rebuild", spent{redis: 1 + 6, transactions: 1, reads: 1, writes: 1, others: 1 + 1 + 16}, rebuilt)
}

// TestBudgetOfAnOperator: a rebuild on request is a rebuild, with a look before and
// after; a comparison asks for what it compares.
func TestBudgetOfAnOperator(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org := m.licensed(t, 9)
	m.user(org, "ann").take(t, "hw")
	operate[api.RebuildReport](t, m.world, api.RebuildPath(org)) // every script is sent in full once
	m.wantSpent(t, "rebuild on request", spent{redis: 3 + 6, transactions: 1, reads: 3, writes: 1, others: 2 + 1 + 16}, func() { operate[api.RebuildReport](t, m.world, api.RebuildPath(org)) })
	m.wantSpent(t, "check", spent{redis: 2, reads: 2, others: 2}, func() { operate[api.CheckReport](t, m.world, api.CheckPath(org)) })
}

// TestBudgetOfCustomers: whoever watches what there is costs one look at the ledger, as what
// was bought is in memory; the overview costs one query of the record more, which has what all
// its licenses counted today, and the organization, without which there is nothing to ask for;
// a list of one's sessions costs what the vendor's does.
func TestBudgetOfCustomers(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org := m.licensed(t, 9)
	ann, boss := m.user(org, "ann"), m.boss(org)
	ann.take(t, "hw")
	for _, path := range []string{api.PathMyLicenses, api.PathMySessions} { // every script is sent in full once
		ann.get(t, path).want(t, http.StatusOK)
	}
	m.wantSpent(t, "what one has", spent{redis: 1}, func() { ann.get(t, api.PathMyLicenses).want(t, http.StatusOK) })
	m.wantSpent(t, "the overview", spent{redis: 1, reads: 1, others: 1}, func() { boss.get(t, api.PathAdminOverview).want(t, http.StatusOK) })
	m.wantSpent(t, "metrics", spent{redis: 1, reads: 1, others: 1}, func() { boss.get(t, api.PathAdminMetrics).want(t, http.StatusOK) })
	m.wantSpent(t, "one's sessions", spent{redis: 1, reads: 1, others: 1}, func() { ann.get(t, api.PathMySessions).want(t, http.StatusOK) })
	m.wantSpent(t, "sessions by user", spent{redis: 1, reads: 1, others: 1}, func() { boss.get(t, api.PathAdminSessions+"?sort=user_id").want(t, http.StatusOK) })
	m.wantSpent(t, "what was bought", spent{redis: 1, reads: 2, others: 1}, func() { boss.get(t, api.PathAdminLicenses).want(t, http.StatusOK) })
	m.wantSpent(t, "usage", spent{reads: 1, others: 1}, func() { boss.get(t, api.PathAdminUsage).want(t, http.StatusOK) })
	m.wantSpent(t, "usage by user", spent{reads: 1, others: 3}, func() { boss.get(t, api.PathAdminUsage+"?by=user").want(t, http.StatusOK) })
	m.wantSpent(t, "a license", spent{redis: 1, reads: 2}, func() { boss.get(t, api.AdminLicensePath("pro")).want(t, http.StatusOK) })
}

// TestBudgetOfUsers: an act is two transactions, to ask for it and to settle it. By a user it
// reads the user who acts as well, and whoever is shut out costs a list of the sessions.
func TestBudgetOfUsers(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org, v := m.licensed(t, 9), m.vendor()
	chief, ann := m.titled(t, org, "chief", license.RoleOwner), v.invite(t, org, "ann", "member")
	m.wantSpent(t, "list", spent{reads: 1, others: 1}, func() { read[api.UserList](t, chief, api.PathAdminUsers) })
	m.wantSpent(t, "one", spent{reads: 1}, func() { chief.about(t, ann.ID) })
	m.wantSpent(t, "a change by the vendor", spent{transactions: 2, reads: 4, writes: 4}, func() {
		ann = into[api.User](t, v.changeUser(t, ann, `{"groups":["a"]}`), http.StatusOK)
	})
	m.wantSpent(t, "a change by an owner", spent{transactions: 2, reads: 5, writes: 4}, func() {
		ann = into[api.User](t, chief.change(t, ann, `{"groups":["b"]}`), http.StatusOK)
	})
	m.wantSpent(t, "disabled", spent{transactions: 2, reads: 6, writes: 4, others: 1}, func() {
		ann = into[api.User](t, chief.change(t, ann, `{"disabled":true}`), http.StatusOK)
	})
	m.wantSpent(t, "an invitation", spent{transactions: 3, reads: 8, writes: 4}, func() { chief.invite(t, "bob", "member").want(t, http.StatusCreated) })
	m.wantSpent(t, "removed", spent{transactions: 2, reads: 6, writes: 4, others: 1}, func() { chief.remove(t, ann).want(t, http.StatusNoContent) })
}

// TestBudgetOfTheReaper: a read of the signing keys, one read for all that ended together, one read and one write each,
// nothing for the living, and for the usage of a license's day two reads, as it is kept of organizations that there are, and one write.
func TestBudgetOfTheReaper(t *testing.T) {
	const expired = 3
	opts := devstack.Defaults()
	at := time.Now()
	opts.Now = func() time.Time { return at } // the hourly sweep falls into both runs or into none
	redis := moving(t)
	// An hour that is over costs a trip more: all of this is within one.
	redis.Advance(redis.Now().Truncate(time.Hour).Add(time.Hour).Sub(redis.Now()))
	opts.LedgerClock = redis.Now
	m := meter(t, redis.Addr(), opts)
	for range 3 { // until the organizations without sessions have left the index
		m.reap(t)
		redis.Advance(7 * time.Minute)
	}
	org := m.licensed(t, 100)
	ann := m.user(org, "ann")
	var living []string
	var costs [3]spent
	for i, alive := range []int{1, 4, 24} { // in the first round scripts are sent in full
		for _, id := range living {
			ann.beat(t, id).want(t, http.StatusOK)
		}
		for n := range expired {
			ann.take(t, fmt.Sprintf("abandoned-%d-%d", i, n))
		}
		for len(living) < alive {
			living = append(living, ann.take(t, fmt.Sprintf("living-%d", len(living))).SessionID)
		}
		redis.Advance(4 * time.Minute)
		for _, id := range living {
			ann.beat(t, id).want(t, http.StatusOK)
		}
		redis.Advance(3 * time.Minute)
		costs[i] = m.spent(func() {
			if r := m.reap(t); r.SessionsReaped != expired || r.More {
				t.Errorf("the report: %+v", r)
			}
		})
		c := costs[i]
		if c.transactions != 1+1 || c.reads != 1+1+expired+2 || c.writes != expired+1 || c.kms != 0 || c.others > 1 {
			t.Errorf("%d expired beside %d living cost %+v", expired, alive, c)
		}
	}
	if costs[1].redis != costs[2].redis {
		t.Errorf("%d round trips beside 4 living, %d beside 24", costs[1].redis, costs[2].redis)
	}
	idle := m.spent(func() { m.reap(t) })
	if idle.redis != 2*m.stack.Service.Ledger.DueShards() || idle.reads != 1 || idle.transactions+idle.writes+idle.others != 0 {
		t.Errorf("a run with nothing due cost %+v", idle)
	}
}

// moving is an embedded Redis whose clock the test moves.
func moving(t *testing.T) *fakeredis.Server {
	t.Helper()
	redis, err := fakeredis.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	return redis
}

// meter makes a world on this Redis and the emulator.
func meter(t *testing.T, redis string, opts devstack.Options) *metered {
	t.Helper()
	m := &metered{trips: countTrips(t, redis), wire: &firestoreMeter{events: opts.Events}}
	opts.Redis, opts.RedisDeadline, opts.RequestDeadline = m.trips.addr, slowest, 2*slowest
	m.world = start(t, backend{"metered", func(t *testing.T, w *world) { w.record = m.wire.record(t) }}, opts)
	return m
}

func (m *metered) wantSpent(t *testing.T, what string, want spent, f func()) {
	t.Helper()
	if got := m.spent(f); got != want {
		t.Errorf("%s cost %+v, want %+v", what, got, want)
	}
}

// spent runs f and tells what it cost.
func (m *metered) spent(f func()) spent {
	m.trips.count.Store(0)
	m.stack.KMS.ResetCalls()
	m.wire.reset()
	f()
	s := m.wire.read()
	s.redis = int(m.trips.count.Load())
	s.signatures, s.kms = m.stack.KMS.Calls(fakekms.MethodSign), m.stack.KMS.TotalCalls()
	return s
}

// tripCounter stands between the service and its Redis and counts round
// trips: bursts of the client's with an answer between them. So a pipeline is
// one, and a script that has to be sent in full after an EVALSHA is two. What opens a
// connection is none: how many there are rests on what happens to run at once.
type tripCounter struct {
	addr  string
	count atomic.Int64
	all   sync.WaitGroup
}

func countTrips(t *testing.T, redis string) *tripCounter {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &tripCounter{addr: listener.Addr().String()}
	c.all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			c.all.Go(func() { c.serve(client, redis) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.all.Wait() // the stack, closed before, has hung up
	})
	return c
}

func (c *tripCounter) serve(client net.Conn, redis string) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", redis)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var answered atomic.Bool
	answered.Store(true)
	c.all.Go(func() {
		_, _ = io.Copy(notify{client, func([]byte) { answered.Store(true) }}, server)
		_ = client.Close()
	})
	_, _ = io.Copy(notify{server, func(b []byte) {
		if answered.Swap(false) && !opensConnection(b) {
			c.count.Add(1)
		}
	}}, client)
}

// opensConnection reports whether a burst is go-redis's to a new connection: HELLO, and
// what it tells of itself.
func opensConnection(burst []byte) bool {
	_, command, _ := bytes.Cut(burst, []byte("\r\n$"))
	_, command, _ = bytes.Cut(command, []byte("\r\n"))
	name, _, _ := bytes.Cut(command, []byte("\r\n"))
	return bytes.EqualFold(name, []byte("hello")) || bytes.EqualFold(name, []byte("client"))
}

// notify calls before every write, so that what it notes is known before the
// other side can react to it.
type notify struct {
	io.Writer
	before func([]byte)
}

func (n notify) Write(b []byte) (int, error) {
	n.before(b)
	return n.Writer.Write(b)
}

// firestoreMeter counts what a Firestore client sends.
type firestoreMeter struct {
	events bool // the record keeps them
	mu     sync.Mutex
	s      spent
	// documents counts those that were answered, and those that were not there.
	documents atomic.Int64
}

// record is the record on a fresh project of the emulator, counted.
func (m *firestoreMeter) record(t *testing.T) record.Record {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+servers.Firestore(t),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(emulatorOwner{}),
		grpc.WithChainUnaryInterceptor(record.WatchCommits, m.unary), grpc.WithChainStreamInterceptor(m.stream))
	if err != nil {
		t.Fatal(err)
	}
	client, err := firestore.NewClient(t.Context(), "t-"+uuid.NewString(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: slowest, Events: m.events})
}

// emulatorOwner is the emulator's fixed password for its administrator.
type emulatorOwner struct{}

func (emulatorOwner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (emulatorOwner) RequireTransportSecurity() bool { return false }

func (m *firestoreMeter) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	m.note(req)
	return invoke(ctx, method, req, reply, cc, opts...)
}

func (m *firestoreMeter) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	return meteredStream{stream, m}, err
}

type meteredStream struct {
	grpc.ClientStream
	meter *firestoreMeter
}

// RecvMsg counts the documents that are answered: those that Firestore has read, and asks
// to be paid for.
func (s meteredStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err != nil {
		return err
	}
	switch r := message.(type) {
	case *firestorepb.RunQueryResponse:
		if r.GetDocument() != nil {
			s.meter.documents.Add(1)
		}
	case *firestorepb.BatchGetDocumentsResponse:
		s.meter.documents.Add(1)
	}
	return nil
}

func (s meteredStream) SendMsg(message any) error {
	s.meter.note(message)
	return s.ClientStream.SendMsg(message)
}

func (m *firestoreMeter) note(message any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r := message.(type) {
	case *firestorepb.BeginTransactionRequest:
		m.s.transactions++
	case *firestorepb.BatchGetDocumentsRequest:
		m.s.reads += len(r.GetDocuments())
	case *firestorepb.CommitRequest:
		m.s.writes += len(r.GetWrites())
	default:
		m.s.others++
	}
}

func (m *firestoreMeter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s = spent{}
	m.documents.Store(0)
}

func (m *firestoreMeter) read() spent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s
}
