package ledger_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// odd are members that could confuse a codec.
func odd() []ledger.Member {
	at := time.UnixMilli(1_800_000_000_123).UTC()
	var out []ledger.Member
	for i, h := range []license.Holder{
		{LicenseID: "pro", UserID: "ann", HardwareID: "hw"},
		{LicenseID: "pro", UserID: "a,b\tc;d", HardwareID: ",,", InstanceID: "%2C"},
		{LicenseID: "l-1", UserID: "ünï-字-🙂", HardwareID: strings.Repeat("x", 128), InstanceID: "i"},
	} {
		for _, pools := range [][]string{nil, {h.LicenseID}, {h.LicenseID, "ci"}, {"ci"}, {"ci", h.LicenseID}, {h.LicenseID + "-2"}} {
			out = append(out, ledger.Member{Pools: pools, Session: license.Session{
				ID: fmt.Sprint("s-", i), Holder: h, AcquiredAt: at, LastHeartbeatAt: at.Add(time.Duration(i) * time.Hour),
			}})
		}
	}
	return out
}

// TestBothCodecsAgree: what Go writes, Lua reads and writes alike, and Go reads
// again; what stands in the fields means the same to both.
func TestBothCodecsAgree(t *testing.T) {
	const fields = `
local s = unpack_session(ARGV[1])
return {pack_session(s), tostring(VERSION), string.format('%.0f %.0f %.0f', s.beat, s.token, s.acquired), string.format('%.0f', s.grant),
  tostring(s.recorded), s.reason, s.license, s.pools}`
	f := ledgertest.Fake(t)
	for name, addr := range map[string]string{"embedded": f.Addr(), "redis-server": servers.SharedRedis(t)} {
		c := ledgertest.Client(t, addr)
		for _, m := range odd() {
			data := ledger.Data(m, 7)
			got, err := c.Eval(t.Context(), ledger.Source("session")+fields, nil, data).StringSlice()
			if err != nil {
				t.Fatal(name, err)
			}
			want := []string{
				data, "4", fmt.Sprintf("%d 0 %d", m.LastHeartbeatAt.UnixMilli(), m.AcquiredAt.UnixMilli()), "7000", "false", "", m.LicenseID,
				strings.Join(m.Pools, " "),
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: Lua reads %q as\n%q, want\n%q", name, data, got, want)
			}
			h, err := ledger.Parse(data)
			if err != nil || h.Holder != m.Holder || !h.AcquiredAt.Equal(m.AcquiredAt) || !h.LastHeartbeatAt.Equal(m.LastHeartbeatAt) ||
				h.Grant != 7*ledger.GrantsPerEpoch || h.Recorded || h.EndedReason != "" {
				t.Errorf("%s: Go reads %q as %+v, %v", name, data, h, err)
			}
		}
		for _, other := range []string{"1,2,3,0,,4,pro,w", "2,1,2,3,0,,4,pro,=,w", ""} {
			if err := c.Eval(t.Context(), ledger.Source("session")+fields, nil, other).Err(); err == nil {
				t.Errorf("%s: Lua reads %q", name, other)
			}
		}
	}
}

// TestKeysOfOneOrganizationShareASlot: whatever the scripts derive carries the
// organization's hash tag; a cluster would refuse the call otherwise.
func TestKeysOfOneOrganizationShareASlot(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	h, err := l.Reserve(t.Context(), user("ann"), ledger.Reservation{
		SessionID: "s-1", Holder: license.Holder{UserID: "ann"},
		Candidates: under("pro", ledger.Pool{Key: "pro", Cap: 1}, ledger.Pool{Key: "ci", Cap: 1}, ledger.Pool{Cap: 9}),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Reserve(t.Context(), user("bob"), ledger.Reservation{
		SessionID: "s-2", Holder: license.Holder{UserID: "bob"}, Candidates: under("lab", ledger.Pool{Key: "lab", Cap: 1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Promote()
	nonce := rebuildNonce(t, l)
	if claim, err := l.Claim(t.Context(), user("ann"), nonce, "one"); !claim.Held || err != nil {
		t.Fatal(claim, err)
	}
	if err := l.Stage(t.Context(), user("ann"), nonce, epochOf(2), ledger.Chunk{Part: 3, Last: "3a", Members: []ledger.Member{{Session: h.Session, Pools: []string{"pro", "ci"}}}}); err != nil {
		t.Fatal(err)
	}
	all, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`^seats:\{acme\}:(epoch|nonce|progress|dead|lease|v4\.[12]\.[0-9a-f]{8}:(all|data|holders|pools|resumed|meters|usage:[0-9]+:(pro|lab)|pool:(pro|lab|ci)|spent:(pro|lab)))$`)
	for _, key := range all {
		if !pattern.MatchString(key) {
			t.Errorf("key %q", key)
		}
	}
	if len(all) < 5+7+6 {
		t.Errorf("only %d keys: %q", len(all), all)
	}
}
