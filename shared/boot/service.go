// Package boot puts a process together: configuration and clients in, a
// [Service] out. The functions take their parts from it; the local stack builds
// the same Service over stand-ins for the clients, so that what runs locally is
// what is deployed.
package boot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"firebase.google.com/go/v4/auth"
	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Clients reach the backends. KMS is nil where nothing is signed, certified or listed, Schedulers
// are empty where no reaper runs.
type Clients struct {
	Redis  redis.UniversalClient
	Record record.Record
	KMS    *kms.KeyManagementClient
	Users  *identity.Verifier
	// Schedulers verify the caller of the reaper and of deliver, one per accepted audience.
	Schedulers []*identity.Scheduler
	// Administration is that of the functions that administer, and of release, which tells the
	// audit; Staff is of the one that sells. They are nil elsewhere.
	Administration record.Administration
	Staff          *identity.Staff
	// Accounts are those of Identity Platform, for the functions that administer; nil
	// elsewhere. SignIns are nil, too, where machines are not set up.
	Accounts *auth.Client
	SignIns  *people.SignIns
	// Outbox is the record as deliver sees it, Topic where it publishes, nil without one,
	// and Sender sends to webhooks; nil elsewhere.
	Outbox delivery.Store
	Topic  delivery.Publisher
	Sender *webhook.Sender
	// Webhooks says where webhooks may lead: to the internet alone, unless a local stack
	// says otherwise.
	Webhooks webhook.Policy
	// LedgerClock is what Redis's clock is compared with; nil is the process's
	// clock. Tests that move an embedded server's clock move it too.
	LedgerClock func() time.Time
	// OnStep stops the seat protocol at a boundary, for tests of crashes; nil
	// in production.
	OnStep func(context.Context, seats.Step) error
}

// Service is the parts of a process, ready for the functions.
type Service struct {
	Config config.Config
	Log    *slog.Logger
	Now    func() time.Time
	Record record.Record
	// Administration is nil where nothing is administered, People where users are not.
	Administration record.Administration
	People         *people.Directory
	Entitlements   *record.Cache
	Ledger         ledger.Ledger
	Seats          *seats.Protocol
	// Tokens is nil where nothing is signed, Keys where no signing keys are made.
	Tokens *token.Issuer
	Keys   *token.Rotator
	// Roots lists the versions of the root key: for the vendor's door, which does nothing
	// else with it. Nil where that is not told the key.
	Roots *token.RootLister
	// Courier is nil where nothing is delivered.
	Courier *delivery.Courier

	clients Clients
	limiter web.Limiter
	logKey  []byte
}

// Assemble makes a service of clients, which the caller keeps and closes.
func Assemble(cfg config.Config, clients Clients, log *slog.Logger, now func() time.Time) (*Service, error) {
	s := &Service{Config: cfg, Log: log, Now: now, Record: clients.Record, Administration: clients.Administration, clients: clients}
	s.Entitlements = record.NewCache(clients.Record, record.CacheOptions{TTL: cfg.EntitlementCacheTTL, Load: cfg.EntitlementDeadline(), Now: now})
	s.limiter = limits.NewMemory(cfg.RateLimitPerUser, now)
	s.logKey = logKey(cfg.LogKey)
	if clients.Administration != nil && clients.Accounts != nil {
		s.People = people.New(clients.Administration, people.NewAccounts(clients.Accounts, clients.SignIns, cfg.BackendDeadline))
	}
	s.openCourier()
	if clients.Redis == nil { // deliver has no way to it
		return s, nil
	}
	if err := s.openLedger(); err != nil {
		return nil, err
	}
	if err := s.openTokens(); err != nil {
		return nil, err
	}
	return s, nil
}

// openCourier makes what delivers events.
func (s *Service) openCourier() {
	if s.clients.Outbox == nil || s.clients.Sender == nil {
		return
	}
	s.Courier = delivery.New(delivery.Options{
		Store: s.clients.Outbox, Publisher: s.clients.Topic, Sender: s.clients.Sender, Key: s.WebhookKey(), Log: s.Log, Now: s.Now,
		Jitter: mathrand.Float64,
	})
}

// WebhookKey is what webhooks' secrets are derived from; nil where there are none.
func (s *Service) WebhookKey() webhook.Key { return webhook.Key(s.Config.WebhookKey.Reveal()) }

// WebhookPolicy says where webhooks may lead.
func (s *Service) WebhookPolicy() webhook.Policy { return s.clients.Webhooks }

// openLedger makes the seat ledger, and the protocol over it.
func (s *Service) openLedger() error {
	cfg, clients, now, log := s.Config, s.clients, s.Now, s.Log
	ledgerClock := clients.LedgerClock
	if ledgerClock == nil {
		ledgerClock = now
	}
	counting, err := ledger.NewRedis(clients.Redis, ledger.RedisOptions{
		Prefix: ledgerPrefix(cfg.FirestoreDatabase), SessionTTL: cfg.SessionTTL, TokenMin: cfg.TokenMin, TokenTTL: cfg.TokenTTL,
		TokenMost: cfg.LongestToken(), Deadline: cfg.LedgerDeadline(),
		ClockTolerance: min(cfg.ClockTolerance, cfg.SessionTTL/4), Now: ledgerClock,
	})
	if err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	s.Ledger = counting
	if s.Seats, err = seats.New(counting, clients.Record, seats.Options{SessionTTL: cfg.SessionTTL, Log: log, OnStep: clients.OnStep}); err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	return nil
}

// logKey is the configured key, or one that this process alone has.
func logKey(configured config.Secret) []byte {
	if configured != "" {
		return []byte(configured.Reveal())
	}
	return []byte(rand.Text())
}

// ledgerPrefix begins the ledger's keys. A ledger belongs to one database of the
// record: a backup is restored into a database of another name, and what was
// granted since must not count beside it. So that database has keys of its own,
// which are loaded from it.
func ledgerPrefix(database string) string {
	if database == record.DefaultDatabase {
		return "" // the ledger's own
	}
	return "seats@" + database
}

// openTokens makes what the function does with license tokens. The local stack, which
// has all functions in one, does both.
func (s *Service) openTokens() error {
	if s.clients.KMS == nil {
		return nil
	}
	breaker := circuit.New(circuit.Options{Backend: "kms", Cooldown: s.Config.CircuitCooldown, Patience: s.Config.BackendDeadline / 2, Log: s.Log})
	var err error
	if s.Config.KMSKey != "" {
		s.Roots, err = token.NewRootLister(s.Config.KMSKey, s.clients.KMS, s.Config.BackendDeadline, breaker)
	}
	if s.Config.Function == config.Control {
		return err
	}
	if err == nil && s.Config.Function != config.Reaper {
		err = s.openIssuer(breaker)
	}
	if err == nil && s.Config.KMSEncryptionKey != "" && !s.Config.Signs() {
		s.Keys, err = token.NewRotator(token.RotatorConfig{
			Key: s.Config.KMSKey, EncryptionKey: s.Config.KMSEncryptionKey, Deadline: s.Config.BackendDeadline,
			Circuit: breaker, Log: s.Log, Now: s.Now,
		}, s.clients.KMS, s.Record)
	}
	if err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	return nil
}

func (s *Service) openIssuer(breaker *circuit.Breaker) (err error) {
	cfg := token.Config{
		Signing: token.Signing(s.Config.TokenSigning), Key: s.Config.KMSKey, EncryptionKey: s.Config.KMSEncryptionKey,
		Name: s.Config.TokenIssuer, ActivationDelay: s.Config.KeyActivationDelay,
		Deadline: s.Config.BackendDeadline, Circuit: breaker, Log: s.Log, Now: s.Now,
	}
	if s.Config.KMSEncryptionKey != "" {
		cfg.Record = s.Record
	}
	s.Tokens, err = token.NewIssuer(cfg, s.clients.KMS)
	return err
}

// Web is what the funnel of the function with this name needs. Its readiness
// tries what the process was given.
func (s *Service) Web(name string) web.Options {
	checks := map[string]web.Check{
		"redis":     s.verifyRedis,
		"firestore": s.Record.Ping,
	}
	switch {
	case name == config.Deliver:
		delete(checks, "redis")
	case s.Keys != nil && name == config.Reaper:
		checks["kms"] = s.Keys.Ping
	case s.Tokens != nil:
		checks["kms"] = s.Tokens.Ping
	}
	return web.Options{
		Name: name, Logger: s.Log, LogKey: s.logKey, ProjectID: s.Config.Project, Deadline: s.Config.Deadline(),
		MaxInFlight: s.Config.MaxInFlight, Limiter: s.limiter, Origins: s.Config.Origins(),
		Checks: checks, StartNeeds: startNeeds(name), Now: s.Now,
	}
}

// startNeeds are the checks that a new instance of the function waits for. A heartbeat and a
// release do their work with Redis alone (the record's part is made up for), so
// these functions scale while the record or the key is away; acquire and the reaper
// could do nothing then. What was sold is in the record alone: vendor and customers can
// look, and the vendor can mend, while Redis is away.
func startNeeds(function string) []string {
	switch function {
	case config.Heartbeat, config.Release:
		return []string{"redis"}
	case config.Control, config.Admin, config.Deliver:
		return []string{"firestore"}
	}
	return nil
}

// verifyLimit bounds verifyRedis, which asks twice: a Redis that takes longer could
// not serve a request either.
const verifyLimit = 1500 * time.Millisecond

// verifyRedis is Redis's part of readiness: it is what the ledger needs, and takes
// a write. A Redis that cannot keep seats is logged as critical, because only an
// operator can mend it.
func (s *Service) verifyRedis(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	err := redisconn.Verify(ctx, s.clients.Redis)
	if err == nil {
		err = s.Ledger.Ping(ctx)
	}
	if _, unfit := errors.AsType[*redisconn.MisconfiguredError](err); unfit {
		s.Log.Log(ctx, telemetry.LevelCritical, "this Redis cannot keep seats", slog.String("error", err.Error()))
	}
	return err
}

// refuseUnfitRedis keeps a process from starting on a Redis that answers and cannot
// keep seats. One that does not answer yet is left to readiness.
func (s *Service) refuseUnfitRedis(ctx context.Context) error {
	if s.clients.Redis == nil {
		return nil
	}
	err := s.verifyRedis(ctx)
	if u, away := errors.AsType[*license.UnavailableError](err); away {
		s.Log.WarnContext(ctx, "redis could not be asked at start", slog.String("error", u.Error()))
		return nil
	}
	return err
}

// Authenticate verifies users, and asks about revocation where that is wanted
// (fresh; only if CHECK_REVOKED is on).
func (s *Service) Authenticate(fresh bool) web.Authenticator {
	if fresh {
		return s.clients.Users.VerifyFresh
	}
	return s.clients.Users.Verify
}

// AuthenticateScheduler verifies the caller of the reaper and of deliver, a service account that is
// known by its address.
func (s *Service) AuthenticateScheduler(ctx context.Context, bearer string) (license.Caller, error) {
	refusal := fmt.Errorf("no scheduler is configured: %w", license.ErrUnauthenticated)
	for _, scheduler := range s.clients.Schedulers {
		err := scheduler.Verify(ctx, bearer)
		if err == nil {
			return license.Caller{Role: license.RoleService, Email: s.Config.ReaperServiceAccount}, nil
		}
		if refusal = err; !errors.Is(err, license.ErrUnauthenticated) {
			break
		}
	}
	return license.Caller{}, refusal
}

// AuthenticateStaff verifies the vendor's people and programs.
func (s *Service) AuthenticateStaff(ctx context.Context, bearer string) (license.Caller, error) {
	if s.clients.Staff == nil {
		return license.Caller{}, fmt.Errorf("nobody is configured as staff: %w", license.ErrUnauthenticated)
	}
	return s.clients.Staff.Verify(ctx, bearer)
}
