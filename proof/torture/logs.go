package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
)

// readLogs finds what only the processes know: the releases they acknowledged
// while the record was away, what they had read of what was bought, and the ledgers
// they rebuilt.
func readLogs(workers []*rig.Worker, h *history.History) (rebuilt int, violations []history.Violation, err error) {
	h.Pending = map[string]bool{}
	for i, w := range workers {
		lines, err := w.Log()
		if err != nil {
			return 0, nil, err
		}
		for _, line := range lines {
			if _, ours := h.Orgs[line.Organization]; !ours {
				continue
			}
			switch line.Message {
			case "the end of a session is yet to be recorded":
				h.Pending[line.Session] = true
			case "a seat ledger was rebuilt from the record":
				rebuilt++
			case worker.ReadEntitlements:
				h.Reads = append(h.Reads, history.Read{
					Worker: i, Org: line.Organization, Begin: history.Instant(line.Began), End: history.Instant(line.Ended),
				})
			case worker.OpenedEpoch:
				h.Opened = append(h.Opened, history.Opening{
					Worker: i, Org: line.Organization, Begin: history.Instant(line.Began), End: history.Instant(line.Ended),
				})
			}
			if v, bad := refusedForMemory(line); bad {
				violations = append(violations, v)
			}
		}
	}
	waits := func(v history.Violation) bool { return rebuiltBefore(h.Opened, v) }
	return rebuilt, slices.DeleteFunc(violations, waits), nil
}

// stagingLimit is above what a request waits for a rebuild of its own.
const stagingLimit = 10 * time.Second

// rebuiltBefore says that the request may have met a rebuild, which waits for room: it
// puts all sessions of an organization beside what is there.
func rebuiltBefore(opened []history.Opening, v history.Violation) bool {
	return slices.ContainsFunc(opened, func(o history.Opening) bool {
		return o.Org == v.Org && o.Begin <= v.At && o.End >= v.At.After(-stagingLimit)
	})
}

// refusedForMemory finds what must go on when Redis's memory is full: who has a seat
// keeps it, and gives it back.
func refusedForMemory(line rig.Line) (history.Violation, bool) {
	goesOn := line.Function == "heartbeat" || line.Function == "release"
	if !goesOn || !strings.Contains(line.Error, "OOM ") {
		return history.Violation{}, false
	}
	return history.Violation{
		Check: "refused for memory", Org: line.Organization, Session: line.Session, At: history.At(line.Time),
		Text: fmt.Sprintf("a %s: %s", line.Function, line.Error),
	}, true
}
