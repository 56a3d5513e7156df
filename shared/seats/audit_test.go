package seats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// liar is a ledger that counts more seats than there are.
type liar struct {
	ledger.Ledger
	license, organization int
}

func (l *liar) Reserve(ctx context.Context, caller license.Caller, r ledger.Reservation) (ledger.Hold, error) {
	h, err := l.Ledger.Reserve(ctx, caller, r)
	h.Used += l.license
	if len(h.PoolsUsed) == 2 {
		h.PoolsUsed[0] += l.license
		h.PoolsUsed[1] += l.organization
	}
	return h, err
}

// audited is a pool over a liar, and what it logs.
func audited(t *testing.T) (*seats.Protocol, *liar, *bytes.Buffer) {
	t.Helper()
	w, log := newWorld(t), &bytes.Buffer{}
	l := &liar{Ledger: w.ledger}
	p, err := seats.New(l, w.record, seats.Options{SessionTTL: sessionTTL, Log: telemetry.NewLogger(log, slog.LevelInfo)})
	if err != nil {
		t.Fatal(err)
	}
	return p, l, log
}

// limited asks for a seat of the given limits.
func limited(userID string, ofLicense, ofOrganization int) seats.Request {
	r := request(userID, ofLicense)
	r.Terms.Choices[0].Pools[1].Cap = ofOrganization
	return r
}

func TestANewGrantAboveItsLimitIsCritical(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lie   liar
		limit string
		used  float64
		max   float64
	}{
		{"license", liar{license: 2}, "license", 3, 2},
		{"organization", liar{organization: 9}, "organization", 10, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, l, log := audited(t)
			l.license, l.organization = tt.lie.license, tt.lie.organization
			h, err := p.Acquire(t.Context(), user("ann"), limited("ann", 2, 5), signed)
			if err != nil {
				t.Fatal(err)
			}
			line := map[string]any{}
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatalf("logged %q: %v", log, err)
			}
			for name, want := range map[string]any{
				"severity": "CRITICAL", "message": "oversold", "organization_id": acme, "license_id": h.LicenseID,
				"session_id": h.ID, "limit": tt.limit, "used": tt.used, "max": tt.max,
			} {
				if line[name] != want {
					t.Errorf("%s = %v, want %v", name, line[name], want)
				}
			}
		})
	}
}

// TestLegalGrantsAreNotOversold: the last seat, a limit lowered below what is
// used, and holders that come back to it.
func TestLegalGrantsAreNotOversold(t *testing.T) {
	p, _, log := audited(t)
	acquire := func(userID string, ofLicense, ofOrganization int) error {
		_, err := p.Acquire(t.Context(), user(userID), limited(userID, ofLicense, ofOrganization), signed)
		return err
	}
	for i := range 5 {
		if err := acquire(strconv.Itoa(i), 5, 5); err != nil {
			t.Fatal(err)
		}
	}
	for _, lowered := range [][2]int{{2, 5}, {5, 2}, {0, 0}} {
		if err := acquire("3", lowered[0], lowered[1]); err != nil {
			t.Errorf("a holder under lowered limits: %v", err)
		}
		if err := acquire("late", lowered[0], lowered[1]); err == nil {
			t.Error("a seat above the lowered limit was granted")
		}
	}
	if strings.Contains(log.String(), "oversold") {
		t.Errorf("logged %s", log)
	}
}

// TestOnlyNewGrantsAreAudited: a holder found again says nothing of the limits of today.
func TestOnlyNewGrantsAreAudited(t *testing.T) {
	p, l, log := audited(t)
	for range 2 {
		if _, err := p.Acquire(t.Context(), user("ann"), limited("ann", 1, 1), signed); err != nil {
			t.Fatal(err)
		}
		l.license, l.organization = 7, 7
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}
