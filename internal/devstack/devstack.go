// Package devstack is the whole service in one process, for local runs and
// tests: the real functions and the real client libraries over stand-ins for
// what only the cloud has. Nothing in it relaxes a check: ID tokens and license
// tokens are really signed and really verified. It is never linked into the
// deployed binary.
package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Options say what the stack is made of and how it is paced. Zero durations
// mean zero; see [Defaults].
type Options struct {
	// Redis is a real server's host:port, or several of a cluster separated by
	// commas; empty embeds one.
	Redis string
	// Firestore is the official emulator's host:port; empty keeps the record in memory.
	Firestore string
	// KMS is the host:port of a [fakekms.Server] in another process, so that
	// its signing does not count as this one's work; empty embeds one.
	KMS string
	// IDP is the host:port where another process serves [fakeidp.IDP.Handler],
	// so that several stacks trust one issuer; empty makes an issuer of its own.
	IDP string
	// SessionTTL, HeartbeatInterval, TokenTTL and EntitlementCacheTTL are as in
	// [config.Config], without its bounds: a local run may be quick.
	SessionTTL, HeartbeatInterval, TokenTTL, EntitlementCacheTTL time.Duration
	// RedisDeadline, BackendDeadline and RequestDeadline are as in
	// [config.Config], without its bounds; 0 is the default there. A BackendDeadline
	// is also the record's, which takes [record.DefaultDeadline] otherwise.
	RedisDeadline, BackendDeadline, RequestDeadline time.Duration
	// CircuitCooldown is as in [config.Config]; 0 is the default there.
	CircuitCooldown time.Duration
	// Bare calls no backend at start, so that it starts whatever is down, and
	// leaves it to the caller which organizations there are.
	Bare bool
	// OnStep is as in [boot.Clients].
	OnStep func(context.Context, seats.Step) error
	// TokenSigning is as in [config.Config]; empty is the default there.
	TokenSigning string
	// Origins are as CORSOrigins in [config.Config].
	Origins []string
	// RateLimitPerUser is as in [config.Config]; 0 is no limit.
	RateLimitPerUser int
	// Log gets one line per request; nil logs nothing.
	Log *slog.Logger
	// Now is the clock of ID tokens and licenses; nil is time.Now. The seats'
	// times are the Redis server's.
	Now func() time.Time
	// ClockTolerance is as in [config.Config], without its bounds; 0 is the default there.
	ClockTolerance time.Duration
	// LedgerClock is what the clock of Redis is compared with; nil is Now, or the
	// embedded server's own.
	LedgerClock func() time.Time
	// Record, when set, takes the place of Firestore and of the record in memory.
	Record record.Record
	// Administration is that of Record. Without it a stack with a Record of its own has no
	// Control, no Admin, no helpers that sell, and must be Bare.
	Administration record.Administration
	// Outbox is that of Record, for Deliver. Without it a stack with a Record of its own
	// has no Deliver.
	Outbox delivery.Store
	// Events has the stack's own record keep them, as EVENTS in [config.Config].
	Events bool
	// OnDelivery is as OnStep in [delivery.Options].
	OnDelivery func(context.Context, delivery.Step) error
	// Watch, when set, is given the record, and what it answers is used in its place.
	Watch func(record.Record) record.Record
}

// Defaults are the service's own pace.
func Defaults() Options {
	deployed := config.Defaults()
	return Options{
		SessionTTL: deployed.SessionTTL, HeartbeatInterval: deployed.HeartbeatInterval, TokenTTL: deployed.TokenTTL,
		EntitlementCacheTTL: deployed.EntitlementCacheTTL,
	}
}

// emulatorStart is how long a cold Firestore emulator may take for its first answer.
const emulatorStart = 20 * time.Second

// Project is the project of everything local.
const Project = "local"

const (
	webhookKey        = "local webhooks have no secrets worth keeping"
	schedulerAccount  = "scheduler@local.iam.gserviceaccount.com"
	schedulerAudience = "http://localhost/"
	staffAudience     = "http://localhost/control"
	staffDomain       = "vendor.example"
)

// Stack is a running service.
type Stack struct {
	// Service is the parts the functions were made of.
	Service *boot.Service
	// IDP issues ID tokens, KMS certifies signing keys; nil with another process's.
	IDP *fakeidp.IDP
	KMS *fakekms.Server
	// Redis is the embedded server; nil with a real one.
	Redis *fakeredis.Server
	// Acquire, Heartbeat, Release and Reaper are the functions.
	Acquire, Heartbeat, Release, Reaper *web.App
	// Control is the vendor's own door, Admin the customers'; nil where the record has
	// no administration.
	Control, Admin *web.App
	// Deliver is nil where the record has no outbox.
	Deliver *web.App

	opts    Options
	clients boot.Clients
	// patient is the record for the first calls, which a cold emulator is slow to answer,
	// and sells its administration.
	patient record.Record
	sells   record.Administration
	closers []func() error
	// recordDeadline is as deployed, or the BackendDeadline of the options.
	recordDeadline time.Duration
}

// Start makes a stack with the organizations every local run has. Close it.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	deployed := config.Defaults()
	recordDeadline := cmp.Or(opts.BackendDeadline, record.DefaultDeadline)
	opts.BackendDeadline = cmp.Or(opts.BackendDeadline, deployed.BackendDeadline)
	opts.RequestDeadline = cmp.Or(opts.RequestDeadline, deployed.RequestDeadline)
	opts.CircuitCooldown = cmp.Or(opts.CircuitCooldown, deployed.CircuitCooldown)
	s := &Stack{opts: opts, recordDeadline: recordDeadline}
	s.clients.OnStep, s.clients.LedgerClock = opts.OnStep, opts.LedgerClock
	for _, part := range []func(context.Context) error{s.issuers, s.signer, s.ledger, s.record, s.watch, s.assemble, s.seed, s.firstKey} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("local stack: %w", err), s.Close())
		}
	}
	return s, nil
}

// Close stops everything Start started.
func (s *Stack) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Stack) onClose(f func() error) { s.closers = append(s.closers, f) }

// config is the deployed one, with what is local and what the options change.
func (s *Stack) config() config.Config {
	c := config.Defaults()
	c.Project, c.IdentityProject, c.KMSKey = Project, Project, fakekms.DefaultKey
	c.IdentityAPIKey = fakeidp.APIKey
	if c.TokenSigning = cmp.Or(s.opts.TokenSigning, c.TokenSigning); c.TokenSigning == string(token.ByDelegation) {
		c.KMSEncryptionKey = fakekms.DefaultEncryptionKey
	}
	c.SessionTTL, c.HeartbeatInterval, c.TokenTTL = s.opts.SessionTTL, s.opts.HeartbeatInterval, s.opts.TokenTTL
	c.TokenMin = min(c.TokenMin, c.TokenTTL)
	c.ClockTolerance = cmp.Or(s.opts.ClockTolerance, c.ClockTolerance)
	c.EntitlementCacheTTL, c.RateLimitPerUser = s.opts.EntitlementCacheTTL, s.opts.RateLimitPerUser
	c.CORSOrigins, c.ReaperServiceAccount = s.opts.Origins, schedulerAccount
	c.Events, c.WebhookKey = s.opts.Events, webhookKey
	c.RequestDeadline, c.BackendDeadline, c.CircuitCooldown = s.opts.RequestDeadline, s.opts.BackendDeadline, s.opts.CircuitCooldown
	switch {
	case s.opts.RedisDeadline != 0:
		c.RedisDeadline = s.opts.RedisDeadline
	case s.opts.Redis == "":
		// The embedded server interprets its scripts in this very process, which makes
		// it slow when the process is busy. A longer deadline hides no outage: there is
		// no network between.
		c.RedisDeadline = 5 * time.Second
	}
	return c
}

func (s *Stack) issuers(ctx context.Context) (err error) {
	keys, err := s.keyClient()
	if err != nil {
		return err
	}
	s.clients.Users, err = identity.New(ctx, identity.Config{ProjectID: Project, KeyClient: keys, Deadline: s.opts.BackendDeadline, Now: s.opts.Now})
	if err != nil {
		return err
	}
	s.onClose(func() error { s.clients.Users.Close(); return nil })
	scheduler, err := identity.NewScheduler(identity.SchedulerConfig{
		Audience: schedulerAudience, ServiceAccount: schedulerAccount,
		KeyClient: keys, Deadline: s.opts.BackendDeadline, Now: s.opts.Now,
	})
	if err != nil {
		return err
	}
	s.onClose(func() error { scheduler.Close(); return nil })
	s.clients.Schedulers = []*identity.Scheduler{scheduler}
	signer := identity.AccountsConfig{ProjectID: Project, Signer: fakeidp.Signer}
	if s.clients.Accounts, err = identity.NewAccounts(ctx, signer, option.WithHTTPClient(keys)); err != nil {
		return err
	}
	if s.clients.SignIns, err = boot.SignIns(ctx, s.config(), keys); err != nil {
		return err
	}
	return s.staff(keys)
}

func (s *Stack) staff(keys *http.Client) (err error) {
	s.clients.Staff, err = identity.NewStaff(identity.StaffConfig{
		Audience: staffAudience, Accounts: []string{"@" + staffDomain},
		KeyClient: keys, Deadline: s.opts.BackendDeadline, Now: s.opts.Now,
	})
	if err == nil {
		s.onClose(func() error { s.clients.Staff.Close(); return nil })
	}
	return err
}

func (s *Stack) keyClient() (_ *http.Client, err error) {
	if s.opts.IDP != "" {
		keys := fakeidp.ClientAt(s.opts.IDP)
		s.onClose(func() error { keys.CloseIdleConnections(); return nil })
		return keys, nil
	}
	if s.IDP, err = fakeidp.New(fakeidp.Config{ProjectID: Project, Now: s.opts.Now}); err != nil {
		return nil, err
	}
	return s.IDP.Client(), nil
}

func (s *Stack) signer(ctx context.Context) error {
	options, err := s.signerOptions()
	if err != nil {
		return err
	}
	s.clients.KMS, err = kms.NewKeyManagementClient(ctx, options...)
	if err == nil {
		s.onClose(s.clients.KMS.Close)
	}
	return err
}

func (s *Stack) signerOptions() (options []option.ClientOption, err error) {
	if s.opts.KMS != "" {
		return []option.ClientOption{
			option.WithEndpoint(s.opts.KMS),
			option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		}, nil
	}
	if s.KMS, err = fakekms.New(fakekms.Config{}); err != nil {
		return nil, err
	}
	s.onClose(func() error { s.KMS.Close(); return nil })
	return s.KMS.ClientOptions(), nil
}

func (s *Stack) ledger(ctx context.Context) (err error) {
	attempt := s.config().RedisAttempt()
	cfg := redisconn.Config{
		Addr: s.opts.Redis, PoolSize: 64, ReadTimeout: attempt, WriteTimeout: attempt, PoolTimeout: s.config().LedgerDeadline(),
		Cooldown: s.opts.CircuitCooldown, Log: s.opts.Log,
	}
	if cfg.Addr == "" {
		if s.Redis, err = fakeredis.Start(); err != nil {
			return err
		}
		s.onClose(func() error { s.Redis.Close(); return nil })
		cfg.Addr = s.Redis.Addr()
		if s.opts.LedgerClock == nil {
			s.clients.LedgerClock = s.Redis.Now
		}
	}
	s.clients.Redis, err = redisconn.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	s.onClose(s.clients.Redis.Close)
	if s.opts.Bare {
		return nil
	}
	if err := redisconn.Verify(ctx, s.clients.Redis); err != nil {
		return fmt.Errorf("redis at %s: %w", cfg.Addr, err)
	}
	return nil
}

func (s *Stack) record(ctx context.Context) error {
	switch {
	case s.opts.Record != nil:
		s.clients.Record, s.patient = s.opts.Record, s.opts.Record
		s.clients.Administration, s.sells = s.opts.Administration, s.opts.Administration
		s.outbox(s.opts.Outbox)
		return nil
	case s.opts.Firestore == "":
		memory := record.NewMemory()
		if s.opts.Events {
			memory.TellEvents()
		}
		s.outbox(memory)
		s.clients.Record, s.patient, s.clients.Administration, s.sells = memory, memory, memory, memory
		return nil
	}
	client, err := record.Dial(ctx, record.Target{ProjectID: Project, Emulator: s.opts.Firestore})
	if err != nil {
		return err
	}
	s.onClose(client.Close)
	store := record.NewFirestore(client, record.FirestoreOptions{
		Deadline: s.recordDeadline, Events: s.opts.Events,
		Circuit: circuit.New(circuit.Options{
			Backend: "firestore", Cooldown: s.opts.CircuitCooldown, Patience: s.recordDeadline / 4, Log: s.opts.Log,
		}),
	})
	s.clients.Record, s.clients.Administration = store, store
	s.outbox(store)
	patient := record.NewFirestore(client, record.FirestoreOptions{Deadline: emulatorStart, Events: s.opts.Events})
	s.patient, s.sells = patient, patient
	if s.opts.Bare {
		return nil
	}
	// One that is starting up takes connections and answers late; where nothing
	// listens the gRPC client would wait just as long.
	if connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.opts.Firestore); err != nil {
		return fmt.Errorf("no Firestore emulator at %s: %w", s.opts.Firestore, err)
	} else if err := connection.Close(); err != nil {
		return err
	}
	if err := s.patient.Ping(ctx); err != nil {
		return fmt.Errorf("the Firestore emulator at %s does not answer: %w", s.opts.Firestore, err)
	}
	return nil
}

// outbox makes what delivers; receivers on this machine are let in, here alone.
func (s *Stack) outbox(store delivery.Store) {
	if store == nil {
		return
	}
	s.clients.Webhooks = webhook.Policy{Local: true}
	s.clients.Outbox, s.clients.Sender = store, webhook.NewSender(webhook.SenderOptions{Policy: s.clients.Webhooks})
	s.onClose(func() error { s.clients.Sender.Close(); return nil })
}

func (s *Stack) watch(context.Context) error {
	if s.opts.Watch != nil {
		s.clients.Record = s.opts.Watch(s.clients.Record)
	}
	return nil
}

func (s *Stack) assemble(context.Context) (err error) {
	if s.Service, err = boot.Assemble(s.config(), s.clients, s.opts.Log, s.opts.Now); err != nil {
		return err
	}
	if s.Service.Courier != nil {
		s.Service.Courier.OnStep = s.opts.OnDelivery
	}
	for _, f := range []struct {
		app  **web.App
		wire boot.Wire
		name string
	}{
		{&s.Acquire, functions.Acquire, config.Acquire},
		{&s.Heartbeat, functions.Heartbeat, config.Heartbeat},
		{&s.Release, functions.Release, config.Release},
		{&s.Reaper, functions.Reaper, config.Reaper},
		{&s.Control, functions.Control, config.Control},
		{&s.Admin, functions.Admin, config.Admin},
		{&s.Deliver, functions.Deliver, config.Deliver},
	} {
		if f.name == config.Deliver && s.Service.Courier == nil {
			continue
		}
		if administers := f.name == config.Control || f.name == config.Admin; administers && s.clients.Administration == nil {
			continue
		}
		service := *s.Service
		service.Config.Function = f.name
		if *f.app, err = f.wire(&service); err != nil {
			return err
		}
	}
	return nil
}

// Handler is all functions at one address, as the load balancer serves them.
func (s *Stack) Handler() http.Handler {
	apps := []*web.App{s.Heartbeat, s.Release, s.Reaper}
	if s.clients.Administration != nil {
		apps = append(apps, s.Control, s.Admin)
	}
	if s.Deliver != nil {
		apps = append(apps, s.Deliver)
	}
	return web.Join(s.Acquire, apps...)
}
