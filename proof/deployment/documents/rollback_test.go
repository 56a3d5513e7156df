package documents

import (
	"net"
	"os/exec"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestBackAcrossAVersion runs the document's commands on a ledger of a newer
// version and on one of this version, which they must leave alone.
func TestBackAcrossAVersion(t *testing.T) {
	addr, ctx := servers.Redis(t).Addr(), t.Context()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	for org, generation := range map[string]string{"acme": "v3.7.f00d", "globex": "v2.1.beef"} {
		ledger := "seats:{" + org + "}:"
		for _, err := range []error{
			c.HSet(ctx, ledger+"epoch", "server", "this", "generation", generation).Err(),
			c.HSet(ctx, ledger+"pending", "s-1", "x").Err(),
			c.HSet(ctx, ledger+generation+":data", "s-1", "x").Err(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	script := "NEWER=3\ncli() { redis-cli -h " + host + " -p " + port + ` "$@"; }` + "\n" + operationsBlock(t, "back")
	out, err := exec.CommandContext(ctx, "bash", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left := c.Exists(ctx, "seats:{acme}:epoch", "seats:{acme}:pending").Val(); left != 0 {
		t.Errorf("%d keys of the newer ledger are left:\n%s", left, out)
	}
	if !c.SIsMember(ctx, "seats:{acme}:dead", "v3.7.f00d").Val() {
		t.Errorf("the reaper is not told of the newer generation:\n%s", out)
	}
	if c.Exists(ctx, "seats:{globex}:epoch", "seats:{globex}:pending").Val() != 2 || c.Exists(ctx, "seats:{globex}:dead").Val() != 0 {
		t.Errorf("a ledger of this version was touched:\n%s", out)
	}
}
