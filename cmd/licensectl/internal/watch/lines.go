package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// Text tells a change as a line that people read, and that words can be cut from.
func Text(out io.Writer) func(Change) error {
	return func(c Change) error {
		words := []string{c.At.String(), fmt.Sprintf("%-6s", c.Kind), c.LicenseID, fmt.Sprintf("%d/%d", c.SeatsUsed, c.SeatsMax)}
		if c.Session != nil {
			words = append(words, c.Session.SessionID)
			for _, word := range []string{c.Session.UserID, Machine(*c.Session), Program(*c.Session)} {
				words = append(words, show.Human("", word))
			}
		}
		if c.Kind == Turned {
			words = append(words, c.Was+" → "+c.Session.State)
		}
		_, err := fmt.Fprintln(out, strings.TrimRight(strings.Join(words, " "), " "))
		return err
	}
}

// JSON tells a change as one JSON object on one line.
func JSON(out io.Writer) func(Change) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return func(c Change) error { return e.Encode(c) }
}
