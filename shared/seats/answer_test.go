package seats_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// answered is a hold found a minute after it was granted, in the middle of a second.
func answered() (h ledger.Hold, lic license.License, granted time.Time) {
	granted = time.Date(2026, 11, 23, 10, 0, 0, 250_000_000, time.UTC)
	now := granted.Add(time.Minute)
	lic = license.License{
		ID: "pro", OrganizationID: acme, Product: "studio", Plan: "gold", MaxSeats: 7, Status: license.StatusActive, Entitlements: []string{"export"},
	}
	return ledger.Hold{
		Session: license.Session{
			ID: "0199aaaa-0000-7000-8000-000000000001", OrganizationID: acme,
			Holder:     license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw-1", InstanceID: "i-1"},
			AcquiredAt: granted, LastHeartbeatAt: now, ExpiresAt: now.Add(6 * time.Minute),
		},
		Now: now, Used: 3, Existing: true,
	}, lic, granted
}

// TestAnswer puts everything a holder is told in its place.
func TestAnswer(t *testing.T) {
	h, lic, granted := answered()
	at := granted.Add(time.Minute)
	want, err := json.Marshal(api.Session{
		SessionID: h.ID, LicenseID: "pro", OrganizationID: "acme", UserID: "ann", HardwareID: "hw-1", InstanceID: "i-1",
		Product: "studio", Plan: "gold", Entitlements: api.List{"export"},
		AcquiredAt: api.NewTime(granted), LastHeartbeatAt: api.NewTime(at), ExpiresAt: api.NewTime(at.Add(6 * time.Minute)),
		HeartbeatIntervalSeconds: 90, NextHeartbeatAt: api.NewTime(time.Date(2026, 11, 23, 10, 2, 15, 159_000_000, time.UTC)),
		SeatsUsed: 3, SeatsMax: 7, ServerTime: api.NewTime(at),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(seats.Answer(h, lic, 90*time.Second))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// TestAnswerInGrace: until when, and only then.
func TestAnswerInGrace(t *testing.T) {
	h, lic, _ := answered()
	for ends, want := range map[time.Duration]bool{time.Minute: false, 0: true, -time.Minute: true, -time.Hour: false} {
		lic.ExpiresAt, lic.Grace = h.Now.Add(ends), time.Hour
		until := seats.Answer(h, lic, time.Minute).LicenseInGraceUntil
		if told := !until.IsZero(); told != want || told && !until.Equal(lic.ExpiresAt.Add(time.Hour)) {
			t.Errorf("a license that ends in %s is told to be in grace until %s", ends, until)
		}
	}
}

// TestHeartbeatInterval is never told as no time at all: clients would spin.
func TestHeartbeatInterval(t *testing.T) {
	h, lic, _ := answered()
	for interval, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, 1999 * time.Millisecond: 1, 2 * time.Second: 2, 2 * time.Minute: 120} {
		if got := seats.Answer(h, lic, interval).HeartbeatIntervalSeconds; got != want {
			t.Errorf("%v is told as %d s, want %d", interval, got, want)
		}
	}
}
