package seats_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) {
	if os.Getenv(racerVariable) != "" {
		os.Exit(m.Run()) // one of the processes of race_test.go: its servers are its parent's
	}
	goleak.VerifyTestMain(servers.Main(m))
}
