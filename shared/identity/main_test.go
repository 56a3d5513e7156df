package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const project = "coditect-test"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newIDP(t testing.TB) *fakeidp.IDP {
	t.Helper()
	idp, err := fakeidp.New(fakeidp.Config{ProjectID: project})
	if err != nil {
		t.Fatal(err)
	}
	return idp
}

func newVerifier(t testing.TB, cfg identity.Config) *identity.Verifier {
	t.Helper()
	cfg.ProjectID = project
	v, err := identity.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// newWorld is an issuer and a verifier that trusts it.
func newWorld(t testing.TB) (*fakeidp.IDP, *identity.Verifier) {
	t.Helper()
	idp := newIDP(t)
	return idp, newVerifier(t, identity.Config{KeyClient: idp.Client()})
}

func wantError(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error is %v, want %v", got, want)
	}
}

func wantOK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

func wantUnavailable(t testing.TB, err error) {
	t.Helper()
	var u *license.UnavailableError
	if !errors.As(err, &u) || u.Backend != "identity" {
		t.Errorf("error is %v, want identity unavailable", err)
	}
	if errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("%v would send the caller away", err)
	}
}

// wantSilent fails if an error's text holds any of the secrets.
func wantSilent(t testing.TB, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("error %q tells %q", err, s)
		}
	}
}

// pass moves the clock of a synctest bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the bubble's clock, which nobody waits for
