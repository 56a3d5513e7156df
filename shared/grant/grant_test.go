package grant_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/grant"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerName = "https://licenses.example"

// granted is the ledger's time of every hold here, in the middle of a second.
func granted() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 250_000_000, time.UTC) }

func terms() grant.Terms {
	return grant.Terms{TokenIssuer: issuerName, TokenTTL: time.Hour, HeartbeatInterval: 90 * time.Second}
}

// desk is a desk over the KMS stand-in.
func desk(t *testing.T, terms grant.Terms) (*grant.Desk, *fakekms.Server) {
	t.Helper()
	server, err := fakekms.New(fakekms.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := kms.NewKeyManagementClient(t.Context(), server.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	issuer, err := token.NewIssuer(token.Config{Key: server.Key(), ActivationDelay: 10 * time.Minute}, client)
	if err != nil {
		t.Fatal(err)
	}
	return grant.NewDesk(issuer, terms), server
}

func pro() license.License {
	return license.License{
		ID: "pro", OrganizationID: "acme", Product: "studio", Plan: "gold", MaxSeats: 7,
		Status: license.StatusActive, Entitlements: []string{"export"},
	}
}

// hold is one that was granted, or with existing found, at a time after granted.
func hold(after time.Duration, existing, renewed bool) ledger.Hold {
	now := granted().Add(after)
	return ledger.Hold{
		Session: license.Session{
			ID: "0199aaaa-0000-7000-8000-000000000001", OrganizationID: "acme",
			Holder:     license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw-1", InstanceID: "i-1"},
			AcquiredAt: granted(), LastHeartbeatAt: now, ExpiresAt: now.Add(6 * time.Minute),
		},
		Now: now, Used: 3, Existing: existing, Renewed: renewed,
	}
}

// keySet is what a verifier gets.
func keySet(t *testing.T, d *grant.Desk) (keys jose.JSONWebKeySet) {
	t.Helper()
	raw, err := d.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &keys); err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestTheTokensLifeCountsFromTheGrant, by the ledger's clock, however late it is
// signed, and ends with the license.
func TestTheTokensLifeCountsFromTheGrant(t *testing.T) {
	d, _ := desk(t, terms())
	keys := keySet(t, d)
	for name, tt := range map[string]struct {
		ends, want time.Time
	}{
		"a perpetual license": {time.Time{}, granted().Add(time.Hour).Truncate(time.Second)},
		"a license that ends": {granted().Add(10 * time.Minute), granted().Add(10 * time.Minute).Truncate(time.Second)},
	} {
		lic := pro()
		lic.ExpiresAt = tt.ends
		signed, err := d.Sign(t.Context(), hold(0, false, true), lic)
		if err != nil || !signed.ExpiresAt.Equal(tt.want) {
			t.Errorf("%s: it ends %v, %v; want %v", name, signed.ExpiresAt, err, tt.want)
		}
		claims, err := token.Verify(signed.Compact, keys, granted(), 0, issuerName, "studio")
		if err != nil || claims.IssuedAt != granted().Unix() || claims.ExpiresAt != tt.want.Unix() {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
		if claims.TenantID != "acme" || claims.LicenseID != "pro" || claims.Plan != "gold" || claims.HardwareID != "hw-1" || claims.Subject != "ann" {
			t.Errorf("%s: %+v", name, claims)
		}
	}
}

func TestALicenseThatEndedBeforeTheGrant(t *testing.T) {
	d, _ := desk(t, terms())
	lic := pro()
	lic.ExpiresAt = granted().Add(-time.Minute)
	if _, err := d.Sign(t.Context(), hold(0, false, true), lic); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("got %v", err)
	}
}

// TestWhenATokenIsUsedAgain: for a session found, as long as the ledger has not
// renewed its token and all it says is still true.
func TestWhenATokenIsUsedAgain(t *testing.T) {
	other := func(change func(*license.License)) license.License {
		l := pro()
		change(&l)
		return l
	}
	for _, tt := range []struct {
		name string
		hold ledger.Hold
		lic  license.License
		same bool
	}{
		{"found at once", hold(0, true, false), pro(), true},
		{"found within half its life", hold(29*time.Minute, true, false), pro(), true},
		{"found later", hold(31*time.Minute, true, false), pro(), false},
		{"made anew", hold(0, false, true), pro(), false},
		{"made anew, by a repeat of the script", hold(0, false, false), pro(), false},
		{"renewed by the ledger", hold(0, true, true), pro(), false},
		{"another plan", hold(0, true, false), other(func(l *license.License) { l.Plan = "silver" }), false},
		{"fewer entitlements", hold(0, true, false), other(func(l *license.License) { l.Entitlements = nil }), false},
		{"another product", hold(0, true, false), other(func(l *license.License) { l.Product = "lab" }), false},
		{"a license that ends now", hold(0, true, false), other(func(l *license.License) { l.ExpiresAt = granted().Add(time.Minute) }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, server := desk(t, terms())
			first, err := d.Token(t.Context(), hold(0, false, true), pro())
			if err != nil {
				t.Fatal(err)
			}
			before := server.Calls(fakekms.MethodSign)
			again, err := d.Token(t.Context(), tt.hold, tt.lic)
			if err != nil {
				t.Fatal(err)
			}
			signed := server.Calls(fakekms.MethodSign) - before
			if tt.same && (again.Compact != first.Compact || signed != 0) || !tt.same && signed != 1 {
				t.Errorf("%d signatures, the same token: %t", signed, again.Compact == first.Compact)
			}
		})
	}
}

// TestSignAlwaysSigns, also what could be used again: somebody asked for it.
func TestSignAlwaysSigns(t *testing.T) {
	d, server := desk(t, terms())
	for n := 1; n <= 2; n++ {
		if _, err := d.Sign(t.Context(), hold(0, true, false), pro()); err != nil || server.Calls(fakekms.MethodSign) != n {
			t.Errorf("%d signatures after %d, %v", server.Calls(fakekms.MethodSign), n, err)
		}
	}
}

func TestWithoutKMS(t *testing.T) {
	d, server := desk(t, terms())
	server.SetBefore(func(context.Context, string) error { return status.Error(codes.PermissionDenied, "no") })
	var down *license.UnavailableError
	_, err := d.Token(t.Context(), hold(0, false, true), pro())
	if !errors.As(err, &down) || down.Backend != "kms" {
		t.Errorf("Token: %v", err)
	}
	if _, err := d.JWKS(t.Context()); !errors.As(err, &down) {
		t.Errorf("JWKS: %v", err)
	}
}

// TestAnswer puts everything a holder is told in its place.
func TestAnswer(t *testing.T) {
	d := grant.NewDesk(nil, terms())
	h, at := hold(time.Minute, true, false), granted().Add(time.Minute)
	want := api.Session{
		SessionID: h.ID, LicenseID: "pro", OrganizationID: "acme", UserID: "ann", HardwareID: "hw-1", InstanceID: "i-1",
		Product: "studio", Plan: "gold", Entitlements: api.List{"export"},
		AcquiredAt: api.NewTime(granted()), LastHeartbeatAt: api.NewTime(at), ExpiresAt: api.NewTime(at.Add(6 * time.Minute)),
		HeartbeatIntervalSeconds: 90, NextHeartbeatAt: api.NewTime(time.Date(2026, 11, 23, 10, 2, 15, 159_000_000, time.UTC)), SeatsUsed: 3, SeatsMax: 7, ServerTime: api.NewTime(at),
	}
	wantJSON(t, d.Answer(h, pro(), token.Token{}), want)
	want.LicenseToken, want.LicenseTokenExpiresAt = "a.b.c", api.NewTime(at.Add(time.Hour))
	wantJSON(t, d.Answer(h, pro(), token.Token{Compact: "a.b.c", ExpiresAt: at.Add(time.Hour)}), want)
}

func wantJSON(t *testing.T, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

// TestHeartbeatInterval is never told as no time at all: clients would spin.
func TestHeartbeatInterval(t *testing.T) {
	for interval, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, 1999 * time.Millisecond: 1, 2 * time.Second: 2, 2 * time.Minute: 120} {
		d := grant.NewDesk(nil, grant.Terms{HeartbeatInterval: interval})
		if got := d.Answer(hold(0, false, true), pro(), token.Token{}).HeartbeatIntervalSeconds; got != want {
			t.Errorf("%v is told as %d s, want %d", interval, got, want)
		}
	}
}
