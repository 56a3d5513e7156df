// Package release runs the release's scripts against a gcloud, a Firebase and a
// service that are played: what they change, and what they leave when something fails.
package release

import (
	"os"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m).Run()) }
