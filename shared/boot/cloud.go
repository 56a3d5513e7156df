package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/topic"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// dial makes the cloud's clients. All but Memorystore's discovery connect at
// their first call, so a backend that is down does not keep an instance from
// starting; its readiness tells.
func dial(ctx context.Context, cfg config.Config, log *slog.Logger) (Clients, func() error, error) {
	d := &dialer{cfg: cfg, log: log}
	err := errors.Join(d.redis(ctx), d.record(ctx), d.kms(ctx), d.identity(ctx), d.events(ctx))
	if err != nil {
		return Clients{}, nil, errors.Join(err, d.close())
	}
	return d.clients, d.close, nil
}

type dialer struct {
	cfg     config.Config
	log     *slog.Logger
	clients Clients
	closers []func() error
}

func (d *dialer) close() error {
	var errs []error
	for _, c := range d.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (d *dialer) redis(ctx context.Context) error {
	if d.cfg.Function == config.Deliver {
		return nil
	}
	client, err := redisconn.Dial(ctx, redisconn.Config{
		Addr: d.cfg.RedisAddr, Cluster: d.cfg.RedisCluster, Instance: d.cfg.MemorystoreInstance,
		Username: d.cfg.RedisUsername, Password: d.cfg.RedisPassword.Reveal(), TLS: d.cfg.RedisTLS, CA: d.cfg.RedisCA,
		ReadTimeout: d.cfg.RedisAttempt(), WriteTimeout: d.cfg.RedisAttempt(), PoolTimeout: d.cfg.LedgerDeadline(),
		Cooldown: d.cfg.CircuitCooldown, Traced: telemetry.Wanted(), Log: d.log,
	})
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	d.clients.Redis = client
	d.closers = append(d.closers, client.Close)
	return nil
}

func (d *dialer) record(ctx context.Context) error {
	client, err := record.Dial(ctx, record.Target{ProjectID: d.cfg.Project, DatabaseID: d.cfg.FirestoreDatabase})
	if err != nil {
		return err
	}
	deadline := min(d.cfg.BackendDeadline, record.DefaultDeadline)
	store := record.NewFirestore(client, record.FirestoreOptions{
		Deadline: deadline, Events: d.cfg.Events,
		Circuit: circuit.New(circuit.Options{Backend: "firestore", Cooldown: d.cfg.CircuitCooldown, Patience: deadline / 4, Log: d.log}),
	})
	d.clients.Record = store
	switch d.cfg.Function {
	case config.Control, config.Admin, config.Release: // release tells the audit who ended somebody's session
		d.clients.Administration = store
	}
	if d.cfg.Function == config.Deliver {
		d.clients.Outbox = store
	}
	d.closers = append(d.closers, client.Close)
	return nil
}

func (d *dialer) kms(ctx context.Context) error {
	if !d.cfg.Signs() && !d.cfg.Delegates() && !d.cfg.ListsKeys() {
		return nil
	}
	client, err := kms.NewKeyManagementClient(ctx)
	if err != nil {
		return fmt.Errorf("kms client: %w", err)
	}
	d.clients.KMS = client
	d.closers = append(d.closers, client.Close)
	return nil
}

func (d *dialer) identity(ctx context.Context) error {
	switch d.cfg.Function {
	case config.Reaper, config.Deliver:
		return d.schedulers()
	case config.Control:
		return errors.Join(d.staff(), d.accounts(ctx))
	}
	// Customers administer their users where that was chosen: the key says so.
	if d.cfg.Function == config.Admin && d.cfg.IdentityAPIKey != "" {
		if err := d.accounts(ctx); err != nil {
			return err
		}
	}
	users, err := identity.New(ctx, identity.Config{ProjectID: d.cfg.IdentityProject, CheckRevoked: d.cfg.CheckRevoked})
	if err != nil {
		return err
	}
	d.clients.Users = users
	d.closers = append(d.closers, func() error { users.Close(); return nil })
	return nil
}

// events makes what deliver tells them by.
func (d *dialer) events(ctx context.Context) error {
	if d.cfg.Function != config.Deliver {
		return nil
	}
	d.clients.Sender = webhook.NewSender(webhook.SenderOptions{})
	d.closers = append(d.closers, func() error { d.clients.Sender.Close(); return nil })
	if d.cfg.EventsTopic == "" {
		return nil
	}
	publisher, err := topic.Dial(ctx, d.cfg.EventsTopic, d.cfg.BackendDeadline)
	if err != nil {
		return err
	}
	d.clients.Topic = publisher
	d.closers = append(d.closers, publisher.Close)
	return nil
}

func (d *dialer) schedulers() error {
	for _, audience := range d.cfg.ReaperAudiences {
		s, err := identity.NewScheduler(identity.SchedulerConfig{
			Audience: audience, ServiceAccount: d.cfg.ReaperServiceAccount, IAMChecked: d.cfg.ReaperIAMChecked,
		})
		if err != nil {
			return err
		}
		d.clients.Schedulers = append(d.clients.Schedulers, s)
		d.closers = append(d.closers, func() error { s.Close(); return nil })
	}
	return nil
}

func (d *dialer) staff() error {
	s, err := identity.NewStaff(identity.StaffConfig{
		Audience: d.cfg.StaffAudience, Accounts: d.cfg.StaffAccounts, IAMChecked: d.cfg.StaffIAMChecked,
	})
	if err != nil {
		return err
	}
	d.clients.Staff = s
	d.closers = append(d.closers, func() error { s.Close(); return nil })
	return nil
}

// accounts connects at its first call, as the others do.
func (d *dialer) accounts(ctx context.Context) (err error) {
	d.clients.Accounts, err = identity.NewAccounts(ctx, identity.AccountsConfig{ProjectID: d.cfg.IdentityProject})
	if err != nil || d.cfg.IdentityAPIKey == "" {
		return err
	}
	d.clients.SignIns, err = SignIns(ctx, d.cfg, nil)
	return err
}

// SignIns is what machines sign in by. The client is as in [identity.NewToolkits].
func SignIns(ctx context.Context, cfg config.Config, client *http.Client) (*people.SignIns, error) {
	administrator, public, err := identity.NewToolkits(ctx, client)
	if err != nil {
		return nil, err
	}
	return &people.SignIns{
		Project: cfg.IdentityProject, APIKey: cfg.IdentityAPIKey.Reveal(), Administrator: administrator, Public: public,
	}, nil
}

// open assembles the service a configuration describes, on a Redis that can keep
// its seats or does not answer yet.
func open(ctx context.Context, cfg config.Config, log *slog.Logger) (*Service, func() error, error) {
	clients, closeAll, err := dial(ctx, cfg, log)
	if err != nil {
		return nil, nil, err
	}
	s, err := Assemble(cfg, clients, log, time.Now)
	if err == nil {
		err = s.refuseUnfitRedis(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return s, closeAll, nil
}
