package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func openSingle(t *testing.T, sessionTTL, tokenTTL time.Duration) ledgertest.Subject {
	t.Helper()
	s, _ := ledgertest.OpenShifted(t, sessionTTL, tokenTTL, servers.SharedRedis(t))
	return ledgertest.Subject{Ledger: s, Advance: s.Advance, Step: s.Step, Lose: s.Lose, Promote: s.Promote}
}

func openCluster(t *testing.T, sessionTTL, tokenTTL time.Duration) ledgertest.Subject {
	t.Helper()
	s, _ := ledgertest.OpenShifted(t, sessionTTL, tokenTTL, servers.RedisCluster(t)...)
	return ledgertest.Subject{Ledger: s, Advance: s.Advance, Step: s.Step, Lose: s.Lose, Promote: s.Promote}
}

// open is a ledger in the embedded Redis whose calls are listened to.
func (a *arguments) open(t *testing.T, sessionTTL, tokenTTL time.Duration) ledgertest.Subject {
	t.Helper()
	f := ledgertest.Fake(t)
	var ahead time.Duration
	r := ledgertest.NewRedisAt(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL, func() time.Time { return f.Now().Add(-ahead) })
	ledger.CallsOf(r, func(script string, keys int, names []string) { a.listen(t, script, keys, names) })
	step := func(d time.Duration) { f.Advance(d); ahead += d }
	return ledgertest.Subject{Ledger: r, Advance: f.Advance, Step: step, Lose: f.Lose, Promote: f.Promote}
}

// TestLedgerContract: and in the suite each script is given what its head names.
func TestLedgerContract(t *testing.T) {
	given := &arguments{}
	for name, open := range map[string]func(*testing.T, time.Duration, time.Duration) ledgertest.Subject{
		"embedded": given.open, "redis-server": openSingle, "cluster": openCluster,
	} {
		t.Run(name, func(t *testing.T) { ledgertest.Run(t, open) })
	}
	t.Run("usage", func(t *testing.T) { ledgertest.RunUsage(t, given.open) })
	t.Run("arguments are those of the heads", given.check)
}

// The ledger's usual times, and the organization of most tests.
const (
	sessionTTL = 6 * time.Minute
	tokenTTL   = 5 * time.Minute
	acme       = "acme"
)

func user(id string) license.Caller {
	return license.Caller{OrganizationID: acme, UserID: id, Role: license.RoleMember}
}

func rebuildNonce(t *testing.T, l ledger.Ledger) string {
	t.Helper()
	_, err := l.Visit(t.Context(), license.ServiceCaller(acme), 1)
	var fresh *ledger.RebuildError
	if !errors.As(err, &fresh) {
		t.Fatalf("error = %v, want a call for a rebuild", err)
	}
	return fresh.Nonce
}
