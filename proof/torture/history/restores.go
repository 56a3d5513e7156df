package history

import "slices"

// Restore is a record put back: of one organization, as it was exported.
type Restore struct {
	Org string
	// Exported is when the export began, Begin and End are of putting it back.
	Exported, Begin, End Instant
	// Sessions are those that it has documents of.
	Sessions map[string]bool
	// SameEpoch says that the ledger cannot tell: the record's epoch stayed.
	SameEpoch bool
}

// restored are the restores that know nothing of the session.
func (h *History) restoredWithout(l *life) []Restore {
	var out []Restore
	for _, r := range h.Restores {
		if r.Org == l.holder.Org && !r.Sessions[l.session] && len(l.told) > 0 && l.told[0].Call <= r.End {
			out = append(out, r)
		}
	}
	return out
}

// lostWith is from when on a session that a restored record does not know may be
// lost: from a rebuild on, which the ledger asks for when its server lost data, or
// when the record's epoch went back.
func (h *History) lostWith(l *life) Instant {
	first := Never
	for _, r := range h.restoredWithout(l) {
		if !r.SameEpoch {
			first = min(first, r.Begin)
		}
		for _, f := range h.Faults {
			if f.rebuilds() && f.End >= r.Begin {
				first = min(first, max(f.Begin, r.Begin))
			}
		}
	}
	return first
}

// revivedBy says that a rebuild may have found the session active again in a
// record that was exported before its end.
func (h *History) revivedBy(l *life, at Instant) bool {
	for _, r := range h.Restores {
		if r.Org == l.holder.Org && r.Sessions[l.session] && r.Exported <= l.announced && r.Begin <= at &&
			(!r.SameEpoch || h.rebuildBetween(r.Begin, at)) {
			return true
		}
	}
	return false
}

// withoutRecord says that a restore took the session's document away.
func (h *History) withoutRecord(l *life) bool { return len(h.restoredWithout(l)) > 0 }

// isRestored says that the organization's record was put back.
func (h *History) isRestored(org string) bool {
	for _, r := range h.Restores {
		if r.Org == org {
			return true
		}
	}
	return false
}

// endUndone says that the record was put back to when the session was active, unseen by the
// ledger: where it no longer has the session, nobody looks for it before the hourly sweep,
// which no round waits for.
func (h *History) endUndone(r Record) bool {
	return slices.ContainsFunc(h.Restores, func(back Restore) bool {
		return back.SameEpoch && back.Org == r.Org && back.Sessions[r.Session]
	})
}
