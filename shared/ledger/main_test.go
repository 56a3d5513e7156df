package ledger_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(m)) }
