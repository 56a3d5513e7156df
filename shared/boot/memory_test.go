package boot_test

import (
	"runtime/debug"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/boot"
)

func TestTheEnvironmentTunesMemory(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	for _, c := range []struct {
		percent, limit string
		wantPercent    int
		wantLimit      int64
	}{
		{"", "", 400, 384 << 20},
		{"50", "1GiB", 100, 1 << 30}, // the runtime read them when it started
	} {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(1 << 30)
		t.Setenv("GOGC", c.percent)
		t.Setenv("GOMEMLIMIT", c.limit)
		boot.TuneMemory()
		if got := debug.SetGCPercent(100); got != c.wantPercent {
			t.Errorf("GOGC=%q: %d %%, not %d", c.percent, got, c.wantPercent)
		}
		if got := debug.SetMemoryLimit(-1); got != c.wantLimit {
			t.Errorf("GOMEMLIMIT=%q: %d bytes, not %d", c.limit, got, c.wantLimit)
		}
	}
}
