package torture

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
)

// TestMain makes this binary a function process when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		if err := worker.Main(context.Background(), os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(servers.Main(m),
		// toxiproxy leaves these behind when a connection's far end is gone while
		// something is on its way to it: its writer ends, and they wait for it.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

func launch(t *testing.T) rig.Launch {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return rig.Launch{Program: self, Args: []string{"serve"}}
}

// shared is the backends that all topologies of a test use.
func shared(t *testing.T) *rig.Shared {
	t.Helper()
	servers.SharedRedis(t) // says so where redis-server is not installed
	servers.SharedClocks(t)
	s, err := rig.UseShared(t.Context(), servers.Firestore(t), Firestore(rig.Optimistic, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
