package documents

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// keeper is a Redis of a test's own, on which blocks of the document are run.
type keeper struct {
	*testing.T
	*redis.Client
	addr string
}

func newKeeper(t *testing.T) keeper {
	t.Helper()
	addr := servers.Redis(t).Addr()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return keeper{t, c, addr}
}

// ledger makes what the commands look at of an organization's ledger, with one
// living session and one whose end has begun.
func (k keeper) ledger(prefix, generation string) {
	k.Helper()
	ctx := k.Context()
	for _, err := range []error{
		k.HSet(ctx, prefix+"epoch", "server", "this", "generation", generation).Err(),
		k.HSet(ctx, prefix+"progress", "0", "nonce;0b").Err(),
		k.ZAdd(ctx, prefix+generation+":all", redis.Z{Member: "s-1", Score: 9e12}, redis.Z{Member: "s-2", Score: -5}).Err(),
	} {
		if err != nil {
			k.Fatal(err)
		}
	}
}

// run runs a block after some lines of its own, and returns what it printed.
func (k keeper) run(block, before string, env ...string) string {
	k.Helper()
	host, port, err := net.SplitHostPort(k.addr)
	if err != nil {
		k.Fatal(err)
	}
	script := before + "\ncli() { redis-cli -h " + host + " -p " + port + ` "$@"; }` + "\n" + operationsBlock(k.T, block)
	cmd := exec.CommandContext(k.Context(), "bash", "-euc", script)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.Fatalf("%s: %v\n%s", block, err, out)
	}
	return string(out)
}

func (k keeper) exist(keys ...string) int64 {
	k.Helper()
	n, err := k.Exists(k.Context(), keys...).Result()
	if err != nil {
		k.Fatal(err)
	}
	return n
}

func (k keeper) wantServer(prefix, want string) {
	k.Helper()
	if got := k.HGet(k.Context(), prefix+"epoch", "server").Val(); got != want {
		k.Errorf("%s is of server %q, want %q", prefix, got, want)
	}
}

// TestBackAcrossAVersion runs the document's commands on a ledger of a newer
// version and on one of another, which they must leave alone.
func TestBackAcrossAVersion(t *testing.T) {
	k := newKeeper(t)
	k.ledger("seats:{acme}:", "v3.7.f00d")
	k.ledger("seats@restored:{acme}:", "v3.8.f00d")
	k.ledger("seats:{globex}:", "v2.1.beef")
	out := k.run("back", "NEWER=3")
	for prefix, generation := range map[string]string{"seats:{acme}:": "v3.7.f00d", "seats@restored:{acme}:": "v3.8.f00d"} {
		if left := k.exist(prefix+"epoch", prefix+"progress"); left != 0 {
			t.Errorf("%d keys of the newer ledger are left:\n%s", left, out)
		}
		if !k.SIsMember(t.Context(), prefix+"dead", generation).Val() {
			t.Errorf("the reaper is not told of the newer generation:\n%s", out)
		}
	}
	if strings.Count(out, ", 1 ends under way") != 2 {
		t.Errorf("it does not tell what is not recorded:\n%s", out)
	}
	if k.exist("seats:{globex}:epoch", "seats:{globex}:progress") != 2 || k.exist("seats:{globex}:dead") != 0 {
		t.Errorf("a ledger of another version was touched:\n%s", out)
	}
}

// TestForwardAcrossAVersion: what a rebuild would not take over is told.
func TestForwardAcrossAVersion(t *testing.T) {
	k := newKeeper(t)
	k.ledger("seats:{acme}:", "v3.7.f00d")
	if out := k.run("unrecorded", ""); out != "seats:{acme}: 1 ends are not recorded yet\n" {
		t.Errorf("it prints %q", out)
	}
	k.ZRem(t.Context(), "seats:{acme}:v3.7.f00d:all", "s-2")
	if out := k.run("unrecorded", ""); out != "" {
		t.Errorf("with nothing to tell it prints %q", out)
	}
	k.HSet(t.Context(), "seats:{acme}:pending", "s-3", "x")
	if out := k.run("unrecorded", ""); out != "seats:{acme}:pending\n" {
		t.Errorf("of an older revision's list it prints %q", out)
	}
}

// TestLoadingTheLedgersAnew forgets every ledger and removes nothing.
func TestLoadingTheLedgersAnew(t *testing.T) {
	k := newKeeper(t)
	prefixes := []string{"seats:{acme}:", "seats:{globex}:", "seats@restored:{acme}:"}
	for _, prefix := range prefixes {
		k.ledger(prefix, "v3.7.f00d")
	}
	k.run("forget", "")
	for _, prefix := range prefixes {
		k.wantServer(prefix, "-")
		if k.exist(prefix+"epoch", prefix+"progress", prefix+"v3.7.f00d:all") != 3 {
			t.Errorf("keys of %s are gone", prefix)
		}
	}
}

// TestAskingTheReaper: the schedule's own address, account and audience, for one
// organization; the job is gone once it is answered.
func TestAskingTheReaper(t *testing.T) {
	bin, calls := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	const gcloud = `#!/usr/bin/env bash
case "$*" in
*"describe licenses-reaper"*"httpTarget.uri"*) echo https://reaper.run.app/internal/v1/reap ;;
*"describe licenses-reaper"*serviceAccountEmail*) echo scheduler@acme.iam.gserviceaccount.com ;;
*"describe licenses-reaper"*audience*) echo https://licenses.example.com/internal/v1/reap ;;
*) echo "$*" >>"$CALLS" ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "gcloud"), []byte(gcloud), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", operationsBlock(t, "ask")+"\nask rebuild globex; answered rebuild globex")
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "CALLS=" + calls, "PROJECT=acme", "REGION=europe-west1", "NAME=licenses"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(made)), "\n")
	want := [][]string{
		{
			"scheduler jobs create http licenses-rebuild-globex", "--http-method=POST", "--uri=https://reaper.run.app" + api.RebuildPath("globex"),
			"--oidc-service-account-email=scheduler@acme.iam.gserviceaccount.com", "--oidc-token-audience=https://licenses.example.com/internal/v1/reap", "--location=europe-west1",
		},
		{"scheduler jobs run licenses-rebuild-globex"},
		{"logging read", `jsonPayload.operation="rebuild"`, `jsonPayload.organization_id="globex"`},
		{"scheduler jobs delete licenses-rebuild-globex"},
	}
	if len(lines) != len(want) {
		t.Fatalf("calls:\n%s", made)
	}
	for i, words := range want {
		for _, word := range words {
			if !strings.Contains(lines[i], word) {
				t.Errorf("%q lacks %s", lines[i], word)
			}
		}
	}
}

// TestTheFormerDatabasesLedgersAreCleared, and no other's.
func TestTheFormerDatabasesLedgersAreCleared(t *testing.T) {
	k := newKeeper(t)
	k.ledger("seats:{acme}:", "v3.7.f00d")
	k.ledger("seats@restored:{acme}:", "v3.1.beef")
	k.ZAdd(t.Context(), "seats:due:{3}", redis.Z{Member: "acme"})
	k.run("former", "FORMER=seats")
	if keys := k.Keys(t.Context(), "seats:*").Val(); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
	if keys := k.Keys(t.Context(), "seats@restored:*").Val(); len(keys) != 3 {
		t.Errorf("of the database in use there are left: %v", keys)
	}
}
