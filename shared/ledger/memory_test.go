package ledger_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// bytesPerSession is what capacity plans count with.
const bytesPerSession = 600

// TestMemoryPerSession stages 25,000 sessions of one organization, with ids as long as
// they usually are, and asks the server what they take. Its hash tables double, so that
// they are as full as with 100,000.
func TestMemoryPerSession(t *testing.T) {
	const sessions, licenses = 25_000, 10
	c := ledgertest.Client(t, servers.Redis(t).Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	nonce := rebuildNonce(t, l)
	before := usedMemory(t, c)
	now := time.Now()
	batch := make([]ledger.Member, 0, 1000)
	for i := range sessions {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		session := license.Session{
			ID: id.String(), AcquiredAt: now, LastHeartbeatAt: now, Holder: license.Holder{
				LicenseID:  fmt.Sprint("license-", i%licenses),
				UserID:     fmt.Sprintf("%028d", i),
				HardwareID: strings.ReplaceAll(uuid.NewString(), "-", ""),
			},
		}
		batch = append(batch, ledger.Member{Session: session, Pools: []string{session.LicenseID}})
		if len(batch) == cap(batch) {
			if err := l.Stage(t.Context(), license.ServiceCaller(acme), nonce, epochOf(1), ledger.Chunk{Members: batch}); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if err := l.Load(t.Context(), license.ServiceCaller(acme), nonce, epochOf(1)); err != nil {
		t.Fatal(err)
	}
	h, err := l.Known(t.Context(), license.ServiceCaller(acme), nil)
	if err != nil || h.Held != sessions {
		t.Fatalf("%d sessions, %v", h.Held, err)
	}
	per := (usedMemory(t, c) - before) / sessions
	t.Logf("%d bytes of Redis per session", per)
	if per > bytesPerSession {
		t.Errorf("%d bytes of Redis per session, want at most %d", per, bytesPerSession)
	}
}

var usedMemoryPattern = regexp.MustCompile(`(?m)^used_memory:(\d+)`)

func usedMemory(t *testing.T, c redis.UniversalClient) int {
	t.Helper()
	info, err := c.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := usedMemoryPattern.FindStringSubmatch(info)
	if found == nil {
		t.Fatal("INFO has no used_memory")
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
