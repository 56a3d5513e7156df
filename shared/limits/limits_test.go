package limits_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/limits/limitstest"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func TestMemory(t *testing.T) {
	limitstest.Run(t, func(_ *testing.T, perSecond int, now func() time.Time) web.Limiter {
		return limits.NewMemory(perSecond, now)
	})
}

func TestNoLimit(t *testing.T) {
	for _, perSecond := range []int{0, -1} {
		limiter := limits.NewMemory(perSecond, time.Now)
		for range 1000 {
			if wait := limiter.Take(t.Context(), license.Caller{}); wait != 0 {
				t.Fatalf("%d a second: wait %v", perSecond, wait)
			}
		}
	}
}

// TestMemoryIsBounded: ten thousand later users push the first one out, who then
// starts anew; one that comes back meanwhile stays.
func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limiter := limits.NewMemory(1, func() time.Time { return now })
	take := func(id string) time.Duration {
		return limiter.Take(t.Context(), license.Caller{OrganizationID: "acme", UserID: id})
	}
	for range 2 {
		take("first")
		take("busy")
	}
	for i := range 10_000 {
		take(fmt.Sprint(i))
		if i%1000 == 0 && take("busy") == 0 {
			t.Fatal("a user who is there was forgotten")
		}
	}
	if wait := take("first"); wait != 0 {
		t.Errorf("the first of 10,001 users is still remembered: wait %v", wait)
	}
}
