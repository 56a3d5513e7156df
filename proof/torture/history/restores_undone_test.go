package history_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// TestAnEndThatARestoreUndid is excused where the ledger could not tell, and of what the
// copy had alone.
func TestAnEndThatARestoreUndid(t *testing.T) {
	for name, tt := range map[string]struct {
		back history.Restore
		want int
	}{
		"unseen":              {history.Restore{Org: "acme", SameEpoch: true, Sessions: map[string]bool{"s": true}}, 0},
		"seen":                {history.Restore{Org: "acme", Sessions: map[string]bool{"s": true}}, 1},
		"of another":          {history.Restore{Org: "globex", SameEpoch: true, Sessions: map[string]bool{"s": true}}, 1},
		"without the session": {history.Restore{Org: "acme", SameEpoch: true}, 1},
	} {
		h := history.History{Restores: []history.Restore{tt.back}}
		if got := h.CheckRecords([]history.Record{{Org: "acme", Session: "s", Status: "active"}}); len(got) != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
