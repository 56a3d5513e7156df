package boot_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
)

const (
	project   = "boot-test"
	scheduler = "scheduler@boot-test.iam.gserviceaccount.com"
	seller    = "eve@vendor.example"
	door      = "https://control.example/"
)

// parts are clients over stand-ins, and the stand-ins.
type parts struct {
	boot.Clients
	idp   *fakeidp.IDP
	kms   *fakekms.Server
	redis *fakeredis.Server
}

func newParts(t *testing.T) *parts {
	t.Helper()
	p := &parts{}
	var err error
	if p.redis, err = fakeredis.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.redis.Close)
	if p.Redis, err = redisconn.Dial(t.Context(), redisconn.Config{Addr: p.redis.Addr()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Redis.Close() })
	p.Record = record.NewMemory()
	p.addIdentity(t)
	return p
}

func (p *parts) addIdentity(t *testing.T) {
	t.Helper()
	var err error
	if p.idp, err = fakeidp.New(fakeidp.Config{ProjectID: project}); err != nil {
		t.Fatal(err)
	}
	p.Users, err = identity.New(t.Context(), identity.Config{
		ProjectID: project, KeyClient: p.idp.Client(), Deadline: time.Minute, CheckRevoked: true,
		ClientOptions: []option.ClientOption{option.WithHTTPClient(p.idp.Client())},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Users.Close)
}

// addKMS gives the process a key to sign with.
func (p *parts) addKMS(t *testing.T) {
	t.Helper()
	var err error
	if p.kms, err = fakekms.New(fakekms.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kms.Close)
	if p.KMS, err = kms.NewKeyManagementClient(t.Context(), p.kms.ClientOptions()...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.KMS.Close() })
}

// signedBy is p for the process of one function: it calls KMS in its name.
func (p *parts) signedBy(t *testing.T, function string) *parts {
	t.Helper()
	client, err := kms.NewKeyManagementClient(t.Context(), p.kms.ClientOptionsAs(function)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	own := *p
	own.KMS = client
	return &own
}

func (p *parts) addScheduler(t *testing.T, audience string) {
	t.Helper()
	s, err := identity.NewScheduler(identity.SchedulerConfig{Audience: audience, ServiceAccount: scheduler, KeyClient: p.idp.Client(), Deadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p.Schedulers = append(p.Schedulers, s)
}

// addAdministration gives the process what the vendor's door needs.
func (p *parts) addAdministration(t *testing.T) {
	t.Helper()
	store := record.NewMemory()
	staff, err := identity.NewStaff(identity.StaffConfig{Audience: door, Accounts: []string{seller}, KeyClient: p.idp.Client(), Deadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(staff.Close)
	p.Record, p.Administration, p.Staff = store, store, staff
	if p.Accounts, err = identity.NewAccounts(t.Context(), identity.AccountsConfig{ProjectID: "p"}, option.WithHTTPClient(p.idp.Client())); err != nil {
		t.Fatal(err)
	}
}

func (p *parts) schedulerToken(audience, account string) string {
	return p.idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: audience, Email: account})
}

func (p *parts) assemble(t *testing.T, cfg config.Config) *boot.Service {
	t.Helper()
	s, err := boot.Assemble(cfg, p.Clients, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// configuration is a usable one.
func configuration(function string) config.Config {
	return config.Config{
		Function: function, Project: project, KMSKey: fakekms.DefaultKey, TokenIssuer: "https://licenses.coditect.ai",
		SessionTTL: 6 * time.Minute, HeartbeatInterval: 2 * time.Minute, TokenTTL: time.Hour,
		KeyActivationDelay: 10 * time.Minute, RequestDeadline: 4 * time.Minute, BackendDeadline: 2 * time.Minute, ReapBudget: 45 * time.Second,
		RedisDeadline: 2 * time.Minute, MaxInFlight: 7, // a busy machine answers too
	}
}

// delegating is one that signs by delegations.
func delegating(function string) config.Config {
	cfg := configuration(function)
	cfg.TokenSigning, cfg.KMSEncryptionKey = "delegated", fakekms.DefaultEncryptionKey
	return cfg
}

// ask sends a request to a handler, with a bearer token unless that is empty.
func ask(h http.Handler, method, path, bearer, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
