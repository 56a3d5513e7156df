// Package documents holds what is written against the code: the commands are
// run, and what is named is there.
package documents

import (
	"os"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m).Run()) }
