package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// storyOps and storyFaults are how far around a violation its story reaches.
	storyOps    = 1500 * time.Millisecond
	storyFaults = 3 * time.Second
	// storyLines bounds it.
	storyLines = 120
)

// Story tells what happened around a violation: everything about its session,
// what else its license (or organization) saw shortly before, and the faults.
func (h *History) Story(v Violation) []string {
	type line struct {
		at   Instant
		text string
	}
	var lines []line
	for _, op := range h.Ops {
		if op.Session == v.Session && v.Session != "" || op.near(v) {
			lines = append(lines, line{op.Call, op.String()})
		}
	}
	from, to := v.At.After(-storyFaults), v.At.After(storyOps)
	for _, f := range h.Faults {
		if f.Begin <= to && f.End >= from {
			lines = append(lines, line{f.Begin, f.String()})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	out := make([]string, 0, storyLines)
	for _, l := range lines[max(0, len(lines)-storyLines):] {
		out = append(out, l.text)
	}
	return out
}

func (o Op) near(v Violation) bool {
	about := o.Holder.Org == v.Org && (v.License == "" || o.Holder.License == v.License)
	return about && o.Call <= v.At.After(storyOps/10) && (o.Return >= v.At.After(-storyOps) && o.Return != Never || o.Call >= v.At.After(-storyOps))
}

// String is the operation on one line.
func (o Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s  w%d %-9s %s/%s/%s/%s", o.Call, o.Return, o.Worker, o.Kind, o.Holder.Org, o.Holder.License, o.Holder.User, o.Holder.Hardware)
	for _, part := range []struct{ name, value string }{
		{"by ", o.By}, {"", o.Session}, {"= ", string(o.Result)}, {"", o.Reason}, {"limit ", o.Limit}, {"", o.Detail},
	} {
		if part.value != "" {
			b.WriteString(" " + part.name + part.value)
		}
	}
	if o.Expires != 0 {
		fmt.Fprintf(&b, " at %s until %s", o.Server, o.Expires)
	}
	return b.String()
}

// String is the fault on one line.
func (f Fault) String() string {
	loses := ""
	if f.Loses {
		loses = ", data lost"
	}
	return fmt.Sprintf("%s → %s  FAULT %s %s%s", f.Begin, f.End, f.Kind, f.Target, loses)
}
