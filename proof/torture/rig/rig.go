package rig

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"cloud.google.com/go/firestore"
	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// Topology is how Redis is set up.
type Topology string

// The topologies.
const (
	Replica Topology = "replica" // a primary with a replica
	Cluster Topology = "cluster" // three masters with a replica each
)

// Pace is how fast everything goes.
type Pace struct {
	SessionTTL, TokenTTL, BackendDeadline, RequestDeadline, EntitlementCacheTTL time.Duration
	// ClockTolerance is how far the clocks of a function and of Redis may be apart.
	ClockTolerance time.Duration
}

// Shared is what every topology uses: the record, the signer and the issuer.
type Shared struct {
	// Record and Client reach the emulator past all faults: Record writes beside the
	// function processes, Client only reads.
	Record *record.Firestore
	Client *firestore.Client
	KMS    *fakekms.Server
	IDP    *fakeidp.IDP
	// Recorded is how many sessions the emulator has had; who plays a round adds its own.
	Recorded int

	written                       *firestore.Client // behind Record
	own                           *servers.Emulator // nil where somebody else started it
	clocks                        *servers.Clocks
	mode                          Firestore
	emulator, firestore, kms, idp string
	closers                       []func() error
	serving                       sync.WaitGroup
}

// emulatorDeadline is for the run's own looks at the emulator.
const emulatorDeadline = 3 * time.Minute

// StartShared starts them. Close it.
func StartShared(ctx context.Context, mode Firestore) (_ *Shared, err error) {
	s := &Shared{mode: mode}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	s.own, err = servers.StartEmulator() //nolint:contextcheck // bounded by itself
	if err != nil {
		return nil, err
	}
	s.emulator, s.closers = s.own.Addr(), append(s.closers, s.own.Stop)
	err = s.open(ctx)
	return s, err
}

// UseShared is StartShared with an emulator that somebody else started.
func UseShared(ctx context.Context, emulator string, mode Firestore) (_ *Shared, err error) {
	s := &Shared{emulator: emulator, mode: mode}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Shared) open(ctx context.Context) error {
	return errors.Join(s.compileClocks(), s.serveFirestore(ctx), s.openRecord(ctx), s.serveKMS(ctx), s.makeKey(ctx), s.serveIDP(ctx)) //nolint:contextcheck // the compiler has a deadline of its own
}

// compileClocks makes what gives every Redis a clock of its own.
func (s *Shared) compileClocks() error {
	dir, err := os.MkdirTemp("", "torture-clocks-*")
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	s.clocks, err = servers.CompileClocks(dir)
	return err
}

func (s *Shared) openRecord(ctx context.Context) (err error) {
	if s.Client, err = s.dial(ctx, s.emulator); err != nil {
		return err
	}
	if s.written, err = s.dial(ctx, s.firestore); err != nil {
		return err
	}
	s.Record = record.NewFirestore(s.written, record.FirestoreOptions{Deadline: emulatorDeadline})
	return s.Record.Ping(ctx)
}

func (s *Shared) dial(ctx context.Context, addr string) (*firestore.Client, error) {
	c, err := record.Dial(ctx, record.Target{ProjectID: devstack.Project, Emulator: addr})
	if err == nil {
		s.closers = append(s.closers, c.Close)
	}
	return c, err
}

func (s *Shared) serveFirestore(ctx context.Context) error {
	g, err := newGateway(s.emulator, s.mode)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, g.close)
	s.firestore, err = s.serve(ctx, g.serve)
	return err
}

func (s *Shared) serveKMS(ctx context.Context) (err error) {
	key, err := newQuickKey()
	if err != nil {
		return err
	}
	version := fakekms.VersionSpec{Key: &rsa.PrivateKey{PublicKey: key.public}, Sign: key.sign}
	if s.KMS, err = fakekms.New(fakekms.Config{Versions: []fakekms.VersionSpec{version}}); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.KMS.Close(); return nil })
	s.kms, err = s.serve(ctx, s.KMS.Serve)
	return err
}

// makeKey makes the first signing key, so that no acquire waits for the first run of a
// reaper. Those of an earlier run on this emulator were another KMS's: they are revoked.
func (s *Shared) makeKey(ctx context.Context) error {
	if s.KMS == nil || s.Record == nil {
		return nil // the fault is told already
	}
	client, err := kms.NewKeyManagementClient(ctx, s.KMS.ClientOptions()...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	keys, err := token.NewRotator(token.RotatorConfig{Key: s.KMS.Key(), EncryptionKey: s.KMS.EncryptionKey(), Deadline: emulatorDeadline}, client, s.Record)
	if err != nil {
		return err
	}
	known, err := s.Record.SigningKeys(ctx)
	if err != nil {
		return err
	}
	for _, d := range known.Delegations {
		if _, err := keys.Revoke(ctx, d.KeyID); err != nil {
			return err
		}
	}
	return keys.Ping(ctx)
}

func (s *Shared) serveIDP(ctx context.Context) (err error) {
	if s.IDP, err = fakeidp.New(fakeidp.Config{ProjectID: devstack.Project}); err != nil {
		return err
	}
	server := &http.Server{Handler: s.IDP.Handler(), ReadHeaderTimeout: time.Second}
	s.closers = append(s.closers, server.Close)
	s.idp, err = s.serve(ctx, func(l net.Listener) error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return err
}

func (s *Shared) serve(ctx context.Context, serve func(net.Listener) error) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.serving.Go(func() { _ = serve(l) }) // ends when it is closed
	return l.Addr().String(), nil
}

// Close ends everything, last started first.
func (s *Shared) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// Rig is one topology with its function processes.
type Rig struct {
	*Shared

	Redis   Redis
	Workers []*Worker

	dir string
}

// Start starts Redis, the workers and the proxies between them.
func (s *Shared) Start(ctx context.Context, topology Topology, workers int, launch Launch, pace Pace) (_ *Rig, err error) {
	r := &Rig{Shared: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Stop())
		}
	}()
	if r.dir, err = os.MkdirTemp("", "torture-*"); err != nil {
		return nil, err
	}
	if r.Redis, err = startRedis(ctx, topology, r.dir, s.clocks, workers); err != nil {
		return nil, err
	}
	for i := range workers {
		config := worker.Config{
			Redis: r.Redis.Address(i), IDP: s.idp,
			SessionTTL: pace.SessionTTL, TokenTTL: pace.TokenTTL, EntitlementCacheTTL: pace.EntitlementCacheTTL,
			BackendDeadline: pace.BackendDeadline, RequestDeadline: pace.RequestDeadline, ClockTolerance: pace.ClockTolerance,
		}
		w, err := newWorker(i, r.dir, launch, config, s.firestore, s.kms) //nolint:contextcheck // looks for a port, at once
		if err != nil {
			return nil, err
		}
		r.Workers = append(r.Workers, w)
	}
	return r, nil
}

func startRedis(ctx context.Context, topology Topology, dir string, clocks *servers.Clocks, workers int) (Redis, error) {
	if topology == Cluster {
		c, err := startClustered(ctx, dir, clocks)
		if err != nil {
			return nil, fmt.Errorf("redis cluster: %w", err)
		}
		return c, nil
	}
	r, err := startReplicated(ctx, dir, clocks, workers)
	if err != nil {
		return nil, fmt.Errorf("redis with replica: %w", err)
	}
	return r, nil
}

// Stop ends the workers and Redis, and removes their files.
func (r *Rig) Stop() error {
	var errs []error
	for _, w := range r.Workers {
		errs = append(errs, w.close())
	}
	if r.Redis != nil {
		errs = append(errs, r.Redis.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}
