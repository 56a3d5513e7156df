package ledger

import (
	"strconv"
	"strings"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Data, Parse and Source show tests the codec and the scripts.
func Data(m Member, epoch int64) string { return m.data(epoch) }

// Parse reads a session's data.
func Parse(data string) (Hold, error) { return parseSession(license.Caller{}, "s", data) }

// Source is a script's text.
func Source(name string) string { return sourceOf(name) }

// NextRevision makes r one of the next version: it writes and reads data that
// begin with that number, and is otherwise as it is.
func (r *Redis) NextRevision() *Redis {
	next := *r
	next.scripts = loadScripts(func(name string) string {
		here, there := "VERSION = "+strconv.Itoa(dataVersion), "VERSION = "+strconv.Itoa(dataVersion+1)
		return strings.Replace(sourceOf(name), here, there, 1)
	})
	return &next
}
