package record_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// raw reads a document as whoever looks at the database would see it.
func raw(t *testing.T, client *firestore.Client, path string) map[string]any {
	t.Helper()
	snapshot, err := client.Doc(path).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Data()
}

// TestDocuments fixes paths, names and types of the fields: indexes, TTL policy
// and whoever reads the database outside of this service rely on them.
func TestDocuments(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	s := grant()
	session := map[string]any{
		"status": "active", "license_id": "acme-pro", "user_id": "u-1", "hardware_id": "hw-1",
		"client":      map[string]any{"name": "studio", "version": "1.2.3"},
		"acquired_at": s.AcquiredAt, "last_heartbeat_at": s.LastHeartbeatAt, "expires_at": s.ExpiresAt, "epoch": int64(1), "part": sessionName[:1],
	}
	must(t, r.Create(t.Context(), acme(), s))
	wantDocument(t, client, "orgs/acme/sessions/"+sessionName, session)

	end := endOf(s)
	end.Session.TokenEnds = end.Session.EndedAt.Add(5 * time.Minute)
	session["token_ends"] = sessionName[:1] + end.Session.TokenEnds.UTC().Format("2006-01-02T15:04:05.000Z")
	session["status"], session["ended_reason"] = "ended", "expired"
	session["ended_at"], session["purge_at"] = end.Session.EndedAt, end.Session.EndedAt.Add(400*24*time.Hour)
	must(t, r.End(t.Context(), acme(), first(), []record.End{end}))
	wantDocument(t, client, "orgs/acme/sessions/"+sessionName, session)

	wantDocument(t, client, "orgs/acme/ledger/state", map[string]any{"epoch": int64(1), "last_nonce": "nonce-1"})

	org := license.Organization{
		Name: "Acme", Slug: "acme", SubscriptionTier: "team", MaxConcurrentSeats: 9, Status: license.StatusActive,
	}
	must(t, r.PutOrganization(t.Context(), acme(), org))
	wantDocument(t, client, "orgs/acme", map[string]any{
		"name": "Acme", "slug": "acme", "subscription_tier": "team", "max_concurrent_seats": int64(9), "status": "active",
	})
	lic := license.License{
		ID: "l", Product: "studio", Plan: "pro", MaxSeats: 3, Status: license.StatusActive, Entitlements: []string{"export"},
	}
	must(t, r.PutLicense(t.Context(), acme(), lic))
	wantDocument(t, client, "orgs/acme/licenses/l", map[string]any{
		"product": "studio", "plan": "pro", "max_seats": int64(3), "status": "active", "entitlements": []any{"export"},
	})
	lic.Perpetual = true
	must(t, r.PutLicense(t.Context(), acme(), lic))
	wantDocument(t, client, "orgs/acme/licenses/l", map[string]any{
		"product": "studio", "plan": "pro", "max_seats": int64(3), "status": "active", "entitlements": []any{"export"}, "perpetual": true,
	})
	lic.Perpetual = false
	lic.ExpiresAt, lic.Grace, lic.OfflineMax, lic.Handover = end.Session.EndedAt, 36*time.Hour, 2*time.Hour, new(0)
	lic.MaxSessionsPerUser = 3
	must(t, r.PutLicense(t.Context(), acme(), lic))
	wantDocument(t, client, "orgs/acme/licenses/l", map[string]any{
		"product": "studio", "plan": "pro", "max_seats": int64(3), "status": "active", "entitlements": []any{"export"},
		"expires_at": lic.ExpiresAt, "grace_seconds": int64(129600), "offline_max_seconds": int64(7200), "handover": int64(0), "max_sessions_per_user": int64(3),
	})
}

func wantDocument(t *testing.T, client *firestore.Client, path string, want map[string]any) {
	t.Helper()
	if got := raw(t, client, path); !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", path, got, want)
	}
}

// TestDamagedDocuments: what a person broke by hand is an error of ours to be
// looked into, neither an outage nor a session that is not there.
func TestDamagedDocuments(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	ctx := t.Context()
	write := func(path string, doc map[string]any) {
		t.Helper()
		_, err := client.Doc(path).Set(ctx, doc)
		must(t, err)
	}
	write("orgs/acme/sessions/04-s", map[string]any{"status": "active", "epoch": "many"})
	write("orgs/acme/ledger/state", map[string]any{"epoch": "first"})
	write("orgs/acme", map[string]any{"status": "active"})
	write("orgs/acme/licenses/l", map[string]any{"max_seats": "three"})
	write("orgs/initech", map[string]any{"status": "active"})
	write("orgs/initech/ledger/state", map[string]any{"epoch": "first"})
	if e, err := r.Entitlements(ctx, license.ServiceCaller("initech")); err != nil || e.Epoch != (license.Epoch{}) {
		t.Errorf("entitlements beside a damaged epoch: %+v, %v", e, err)
	}
	write("orgs/globex", map[string]any{"max_concurrent_seats": "all"})
	for method, err := range map[string]error{
		"Session":      errorOf(r.Session(ctx, acme(), "s")),
		"OpenEpoch":    errorOf(r.OpenEpoch(ctx, acme(), "n")),
		"Create":       r.Create(ctx, acme(), grant()),
		"licenses":     errorOf(r.Entitlements(ctx, acme())),
		"organization": errorOf(r.Entitlements(ctx, license.ServiceCaller("globex"))),
	} {
		var away *license.UnavailableError
		if err == nil || errors.As(err, &away) || errors.Is(err, license.ErrSessionNotFound) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestUnreadableDocuments: a rebuild and a sweep go on without them, and say
// which they are.
func TestUnreadableDocuments(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	must(t, r.Create(t.Context(), acme(), grant()))
	sound := raw(t, client, "orgs/acme/sessions/"+sessionName)
	for name, field := range map[string]struct {
		name  string
		value any // nil: there is none
	}{
		"41-s3": {"acquired_at", "noon"}, "3b-s5": {"client", "studio"}, "1c-s8": {"epoch", 1.5}, "e7-s9": {"status", "active"},
		"5b-s4": {"acquired_at", nil}, "ad-s2": {"license_id", nil}, "e8-s1": {"user_id", nil},
	} {
		broken := maps.Clone(sound)
		if broken[field.name] = field.value; field.value == nil {
			delete(broken, field.name)
		}
		must(t, errorOf(client.Doc("orgs/acme/sessions/"+name).Set(t.Context(), broken)))
	}
	misnamed := []string{sessionID, "6b-" + sessionID, "6a-", "6", "zz", "A"}
	for _, name := range misnamed {
		must(t, errorOf(client.Doc("orgs/acme/sessions/"+name).Set(t.Context(), sound)))
	}
	var got, unreadable []string
	for part := range record.Parts {
		must(t, r.ActiveSessions(t.Context(), acme(), part, "", func(page record.Page) error {
			for _, s := range page.Sessions {
				got = append(got, s.ID)
			}
			unreadable = append(unreadable, page.Unreadable...)
			return nil
		}))
	}
	slices.Sort(unreadable)
	want := append(slices.Clone(misnamed), "41-s3", "3b-s5", "1c-s8", "5b-s4", "ad-s2", "e8-s1")
	slices.Sort(want)
	if !slices.Equal(unreadable, want) {
		t.Errorf("unreadable: %q, want %q", unreadable, want)
	}
	slices.Sort(got)
	if want := []string{sessionID, "s9"}; !slices.Equal(got, want) {
		t.Errorf("sessions: %q, want %q", got, want)
	}
}

// TestTheEndOfADamagedDocument is recorded all the same, and once.
func TestTheEndOfADamagedDocument(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	must(t, errorOf(client.Doc("orgs/acme/sessions/"+sessionName).Set(t.Context(), map[string]any{"status": "active", "user_id": 7})))
	must(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}))
	s, err := r.Session(t.Context(), acme(), sessionID)
	if err != nil || s.Status != license.SessionEnded {
		t.Errorf("%+v, %v", s, err)
	}
	ended := map[string]any{"status": "ended", "ended_reason": "released", "acquired_at": "noon"}
	must(t, errorOf(client.Doc("orgs/acme/sessions/"+sessionName).Set(t.Context(), ended)))
	must(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}))
	wantDocument(t, client, "orgs/acme/sessions/"+sessionName, ended)
}

// TestUnknownStatusIsNotActive: deny by default.
func TestUnknownStatusIsNotActive(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	_, err := client.Doc("orgs/acme/sessions/"+sessionName).Set(t.Context(), map[string]any{"status": "paused"})
	must(t, err)
	if err := r.Create(t.Context(), acme(), grant()); !errors.Is(err, record.ErrEnded) {
		t.Errorf("create over an unknown status: %v", err)
	}
}

func TestDialNeedsAProject(t *testing.T) {
	if _, err := record.Dial(t.Context(), record.Target{Emulator: "127.0.0.1:1"}); err == nil {
		t.Error("a client without a project")
	}
}

func TestDialedClientConnectsLater(t *testing.T) {
	client, err := record.Dial(t.Context(), record.Target{ProjectID: "p", DatabaseID: "d", Emulator: "127.0.0.1:1"})
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: 50 * time.Millisecond})
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), record.ErrNotWritten)
}

// TestDialTheService takes the way of the real service, up to the address and
// the certificate: commits are watched there, too.
func TestDialTheService(t *testing.T) {
	w := newWire()
	options := []option.ClientOption{
		option.WithEndpoint(servers.Firestore(t)), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
	for _, each := range w.options() {
		options = append(options, option.WithGRPCDialOption(each))
	}
	client, err := record.Dial(t.Context(), record.Target{ProjectID: freshProject(), DatabaseID: "seats"}, options...)
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	w.on = answer("Commit", codes.PermissionDenied)
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), record.ErrRefused)
	w.on = nil
	must(t, r.Create(t.Context(), acme(), grant()))
}
