package pace_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/pace"
)

func TestHeartbeat(t *testing.T) {
	server := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		next time.Time
		want time.Duration
	}{
		"on the slot":                {server.Add(69_637 * time.Millisecond), 69_637 * time.Millisecond},
		"in another zone":            {server.Add(time.Minute).In(time.FixedZone("", 3600)), time.Minute},
		"a service that has no slot": {time.Time{}, 2 * time.Minute},
		"a slot that is over":        {server.Add(-time.Second), 0},
	} {
		s := api.Session{HeartbeatIntervalSeconds: 120, ServerTime: api.NewTime(server), NextHeartbeatAt: api.NewTime(tt.next)}
		if got := pace.Heartbeat(s); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestRetry has the bounds: random is as near to one as it gets. (What holds for
// any failure is in proof/properties, so that this module needs no library for it.)
func TestRetry(t *testing.T) {
	const none = 0
	for _, tt := range []struct {
		name       string
		failures   int
		retryAfter time.Duration
		left       time.Duration
		want       time.Duration
	}{
		{"the first", 1, 0, none, time.Second},
		{"the second", 2, 0, none, 2 * time.Second},
		{"the sixth", 6, 0, none, 32 * time.Second},
		{"the seventh", 7, 0, none, time.Minute},
		{"the thousandth", 1000, 0, none, time.Minute},
		{"beyond counting", math.MaxInt, 0, none, time.Minute},
		{"nonsense is the first", -3, -time.Hour, none, time.Second},
		{"told to wait", 3, 7 * time.Second, none, 11 * time.Second},
		{"plenty left", 7, 0, 4 * time.Minute, time.Minute},
		{"a minute left", 7, 0, time.Minute, 30 * time.Second},
		{"a minute left, but the first", 1, 0, time.Minute, time.Second},
		{"little left", 7, 0, time.Second, 5 * time.Second},
		{"run out", 1, 0, -1, time.Minute},
		{"told to wait although it runs out", 7, 9 * time.Second, time.Second, 14 * time.Second},
	} {
		if got := pace.Retry(tt.failures, tt.retryAfter, tt.left, math.Nextafter(1, 0)).Round(time.Microsecond); got != tt.want {
			t.Errorf("%s: at most %v, want %v", tt.name, got, tt.want)
		}
		if got, want := pace.Retry(tt.failures, tt.retryAfter, tt.left, 0), max(0, tt.retryAfter); got != want {
			t.Errorf("%s: at least %v, want %v", tt.name, got, want)
		}
	}
}

// TestSeveralAttemptsFit: of a session that fails on its latest slot, with the
// longest Retry-After and the worst luck each time, there are three attempts
// with the defaults and one with the longest interval that may be configured.
func TestSeveralAttemptsFit(t *testing.T) {
	const ttl = 6 * time.Minute
	for _, tt := range []struct {
		interval time.Duration
		attempts int
	}{{ttl / 3, 3}, {ttl / 2, 1}} {
		left := ttl - tt.interval*5/4
		fit := 0
		for {
			left -= pace.Retry(fit+1, api.RetrySpread*time.Second, left, 1)
			if left <= 0 {
				break
			}
			fit++
		}
		if fit < tt.attempts {
			t.Errorf("every %v: %d attempts fit, want %d", tt.interval, fit, tt.attempts)
		}
	}
}

// TestTheDocumentHasTheseNumbers: docs/clients.md is what SDKs are written from.
func TestTheDocumentHasTheseNumbers(t *testing.T) {
	text, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("| first bound | %.0f s |", pace.FirstBackoff.Seconds()),
		fmt.Sprintf("| largest bound | %.0f s |", pace.MaxBackoff.Seconds()),
		fmt.Sprintf("no less than %.0f s", pace.UrgentBackoff.Seconds()),
		fmt.Sprintf("bound = %.0f s, %.0f s, %.0f s, … doubling with n, %.0f s at most", pace.FirstBackoff.Seconds(),
			2*pace.FirstBackoff.Seconds(), 4*pace.FirstBackoff.Seconds(), pace.MaxBackoff.Seconds()),
		fmt.Sprintf("The service spreads it over %d s", api.RetrySpread),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/clients.md does not say %q", want)
		}
	}
	// Every code of the contract is there, by name or by its status.
	for _, c := range api.Codes() {
		if !strings.Contains(string(text), string(c.Code)) && !strings.Contains(string(text), fmt.Sprint(c.Status)) {
			t.Errorf("docs/clients.md does not say what to do about %d %s", c.Status, c.Code)
		}
	}
}

// TestStandardLibraryOnly: programs that use it get no dependencies by it.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/coditect-ai/coditect-licenses/"
	if got := strings.Fields(string(out)); len(got) != 2 || got[0] != module+"client/api" || got[1] != module+"client/pace" {
		t.Errorf("it depends on %v", got)
	}
}
