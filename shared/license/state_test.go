package license_test

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestStateAt: what is suspended is so whenever it ends, and grace comes between.
func TestStateAt(t *testing.T) {
	ending := func(in, grace time.Duration, more ...func(*license.License)) license.License {
		return lic("a", "studio", append(more, func(l *license.License) { l.ExpiresAt, l.Grace = now().Add(in), grace })...)
	}
	for name, tt := range map[string]struct {
		org  license.Status
		lic  license.License
		want license.State
	}{
		"without end":               {license.StatusActive, lic("a", "studio"), license.StateActive},
		"before its end":            {license.StatusActive, ending(1, 0), license.StateActive},
		"at its end":                {license.StatusActive, ending(0, 0), license.StateExpired},
		"at its end, with grace":    {license.StatusActive, ending(0, 1), license.StateInGrace},
		"at the end of its grace":   {license.StatusActive, ending(-1, 1), license.StateExpired},
		"suspended":                 {license.StatusActive, lic("a", "studio", suspended), license.StateSuspended},
		"suspended, and over":       {license.StatusActive, ending(-1, 0, suspended), license.StateSuspended},
		"suspended, and in grace":   {license.StatusActive, ending(-1, time.Hour, suspended), license.StateSuspended},
		"of who is suspended":       {license.StatusSuspended, lic("a", "studio"), license.StateSuspended},
		"of who is, and over":       {license.StatusSuspended, ending(-1, 0), license.StateSuspended},
		"of an unknown status":      {license.StatusActive, lic("a", "studio", func(l *license.License) { l.Status = "gone" }), license.StateSuspended},
		"an unknown organization's": {"", lic("a", "studio"), license.StateSuspended},
	} {
		if got := license.StateAt(acme(tt.org), tt.lic, now()); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
