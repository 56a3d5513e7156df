package ledger_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
)

// arguments hears which keys and arguments the Go side gives every script, by name and
// in order, and compares them with what the script's head asks for.
type arguments struct {
	mu    sync.Mutex
	heard map[string]int
	wrong map[string][]string
}

func (a *arguments) listen(t *testing.T, script string, keys int, names []string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.heard == nil {
		a.heard, a.wrong = map[string]int{}, map[string][]string{}
	}
	a.heard[script]++
	wantKeys, once, repeated := ledger.Head(t, script)
	want := slices.Clone(once)
	for len(repeated) > 0 && len(want) < len(names) {
		want = append(want, repeated...)
	}
	if keys != wantKeys || !slices.Equal(names, want) {
		a.wrong[script] = names
	}
}

// check comes after the contract's suite, which calls every script.
func (a *arguments) check(t *testing.T) {
	for script, names := range a.wrong {
		t.Errorf("%s is given %v", script, names)
	}
	if len(a.heard) != 21 {
		t.Errorf("%d scripts were called, want all 21: %v", len(a.heard), a.heard)
	}
}
