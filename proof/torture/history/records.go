package history

import (
	"fmt"
	"slices"
)

// Record is a session's document, read past all faults.
type Record struct {
	Org, License, Session, Status, Reason string
	Acquired, EndedAt                     Instant
}

// CheckRecords finds sessions whose record is wrong once everybody has gone and
// the reaper has run: every session ever told of has one record, ended, with a
// reason that something asked for, and no earlier than it was promised to live.
func (h *History) CheckRecords(records []Record) []Violation {
	lives := h.lives()
	var out []Violation
	seen := map[string]int{}
	for _, r := range records {
		seen[r.Session]++
		complaint := r.fault()
		if r.Status == "active" && h.endUndone(r) {
			continue
		}
		l := lives[r.Session]
		if complaint == "" && l != nil && len(l.told) > 0 {
			complaint = l.disputes(r)
		}
		if complaint != "" {
			out = append(out, r.violation(complaint))
		}
	}
	for id, l := range lives {
		if len(l.told) > 0 && seen[id] != 1 && (seen[id] != 0 || !h.withoutRecord(l)) {
			r := Record{Org: l.holder.Org, Session: id}
			out = append(out, r.violation(fmt.Sprintf("it was granted and has %d records", seen[id])))
		}
	}
	return out
}

// fault is what is wrong with a record by itself.
func (r Record) fault() string {
	switch {
	case r.Status != "ended":
		return fmt.Sprintf("it is still %q", r.Status)
	case r.EndedAt == 0:
		return "it has no time of its end"
	case !slices.Contains([]string{"expired", "released", "revoked", "displaced", "license_expired", "license_suspended", "failed"}, r.Reason):
		return fmt.Sprintf("its reason is %q", r.Reason)
	}
	return ""
}

// decided reports whether such an end is somebody's wish, and not the time's.
func decided(reason string) bool {
	return slices.Contains([]string{"released", "revoked", "license_expired", "license_suspended"}, reason)
}

// disputes is where a record contradicts what was told.
func (l *life) disputes(r Record) string {
	asked := l.givenUp != Never
	switch {
	case r.Org != l.holder.Org:
		return "it is recorded for " + r.Org + ", its holder is of " + l.holder.Org
	case r.Reason == "failed":
		return "it was granted, and recorded as failed"
	case decided(r.Reason) && !asked:
		return "nobody asked for its end, recorded as " + r.Reason
	case l.lost == Never && !asked && l.endedEarly(r.EndedAt):
		return fmt.Sprintf("it ended (%s) at %s and was to live until %s", r.Reason, r.EndedAt, l.last())
	}
	return ""
}

// endedEarly says that it ended before the time it was told last. Stamps of the one
// clock there is are compared; those of several only if no clock can have shown
// the end so late.
func (l *life) endedEarly(at Instant) bool {
	if l.time.steady(0, Never) {
		return at < l.last().After(l.time.segments[0].most)
	}
	_, made := l.time.made(at)
	return made < l.last()
}

func (r Record) violation(text string) Violation {
	return Violation{Check: "record", Text: r.Session + ": " + text, Org: r.Org, Session: r.Session, At: r.EndedAt}
}
