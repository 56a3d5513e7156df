package ledger_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
)

// TestArgumentsAreThoseOfTheScriptsHeads: the Go side gives every script the
// keys and the arguments, by name and in order, that its head asks for. The
// contract's own suite makes the calls.
func TestArgumentsAreThoseOfTheScriptsHeads(t *testing.T) {
	var mu sync.Mutex
	heard := map[string]int{}
	wrong := map[string][]string{}
	listen := func(script string, keys int, names []string) {
		mu.Lock()
		defer mu.Unlock()
		heard[script]++
		wantKeys, once, repeated := ledger.Head(t, script)
		want := slices.Clone(once)
		for len(repeated) > 0 && len(want) < len(names) {
			want = append(want, repeated...)
		}
		if keys != wantKeys || !slices.Equal(names, want) {
			wrong[script] = names
		}
	}
	t.Run("suite", func(t *testing.T) {
		ledgertest.Run(t, func(t *testing.T, sessionTTL, tokenTTL time.Duration) ledgertest.Subject {
			f := ledgertest.Fake(t)
			var ahead time.Duration
			r := ledgertest.NewRedisAt(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL, func() time.Time { return f.Now().Add(-ahead) })
			ledger.CallsOf(r, listen)
			step := func(d time.Duration) { f.Advance(d); ahead += d }
			return ledgertest.Subject{Ledger: r, Advance: f.Advance, Step: step, Lose: f.Lose, Promote: f.Promote}
		})
	})
	for script, names := range wrong {
		t.Errorf("%s is given %v", script, names)
	}
	if len(heard) != 17 {
		t.Errorf("%d scripts were called, want all 17: %v", len(heard), heard)
	}
}
