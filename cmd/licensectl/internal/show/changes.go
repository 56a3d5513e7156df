package show

import (
	"fmt"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/manifest"
)

// The colors of a plan, as of a diff (ECMA-48, section 8.3.117).
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// Changes prints each field with what it was and what it is.
func Changes(p Printer, changes []fields.Change) {
	for _, c := range changes {
		_, _ = fmt.Fprintf(p.Out, "    %s: %s\n", c.Field, Turned(c))
	}
}

// Turned is a change of one field as people read it: what it is if it was nothing before.
func Turned(c fields.Change) string {
	before, after := Human(c.Field, c.Before), Human(c.Field, c.After)
	if before == "" {
		return after
	}
	if after == "" {
		after = "nothing"
	}
	return before + " → " + after
}

// Plan prints what is to be done, as a diff, and then how much.
func Plan(p Printer, plan manifest.Plan) {
	count := map[manifest.Action]int{}
	for _, s := range plan.Steps {
		count[s.Action]++
		sign, color := signOf(s.Action)
		_, _ = fmt.Fprintln(p.Out, p.paint(color, sign+" "+s.Object))
		Changes(p, s.Changes)
	}
	for _, name := range plan.Unnamed {
		_, _ = fmt.Fprintf(p.Out, "  %s is not in the files and stays (--prune deletes it)\n", name)
	}
	if len(plan.Steps) == 0 {
		_, _ = fmt.Fprintln(p.Out, "no change")
		return
	}
	_, _ = fmt.Fprintf(p.Out, "%d to create, %d to change, %d to delete\n", count[manifest.Create], count[manifest.Change], count[manifest.Delete])
}

func signOf(a manifest.Action) (sign, color string) {
	switch a {
	case manifest.Create:
		return "+", green
	case manifest.Delete:
		return "-", red
	default:
		return "~", yellow
	}
}

func (p Printer) paint(color, text string) string {
	if !p.Color {
		return text
	}
	return color + text + plain
}
