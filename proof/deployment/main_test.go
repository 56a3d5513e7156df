// Package deployment holds what is deployed against what is written: the
// documents' commands are run, and configuration is compared with the code.
package deployment

import (
	"os"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m).Run()) }
