package functions_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/coditect-ai/coditect-licenses"

// golist runs go list at the module's root and splits its lines.
func golist(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	return strings.Fields(string(out))
}

// TestStandInsAreNotDeployed: what the buildpack links is the root's package
// and nothing that signs for anyone, forgets checks or serves tests.
func TestStandInsAreNotDeployed(t *testing.T) {
	linked := golist(t, "-deps", ".")
	if !slices.Contains(linked, module+"/functions/acquire") {
		t.Fatal("the functions are not linked: this test looks at the wrong package")
	}
	for _, p := range linked {
		for _, banned := range []string{
			module + "/internal/devstack", module + "/internal/servers", module + "/cmd/", module + "/client",
			module + "/shared/record/recordtest", module + "/shared/ledger/ledgertest",
			"github.com/alicebob/miniredis", "github.com/yuin/gopher-lua", "google.golang.org/grpc/test/bufconn",
			"go.uber.org/goleak", "pgregory.net/rapid", "github.com/alecthomas/kong", "testing", "net/http/httptest", "net/http/pprof",
		} {
			if p == banned || strings.HasPrefix(p, banned) && strings.HasPrefix(banned, "g") {
				t.Errorf("%s is linked into the deployed binary", p)
			}
		}
	}
	// The list is of what there is: devstack has them.
	if local := golist(t, "-deps", "./cmd/local"); !slices.Contains(local, module+"/internal/devstack/fakekms") || !slices.Contains(local, "github.com/alicebob/miniredis/v2") {
		t.Error("the local server does not link the stand-ins: this test would not see them")
	}
}

// imports are the packages of this module and what they import of it, tests aside.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, line := range golist(t, "-f", `{{.ImportPath}},{{join .Imports ","}}`, "./...") {
		parts := strings.Split(line, ",")
		from := strings.TrimPrefix(strings.TrimPrefix(parts[0], module), "/")
		for _, to := range parts[1:] {
			if inside, ok := strings.CutPrefix(to, module); ok {
				all[from] = append(all[from], strings.TrimPrefix(inside, "/"))
			}
		}
	}
	return all
}

// TestImportsPointOneWay: functions to shared to the domain.
func TestImportsPointOneWay(t *testing.T) {
	all := imports(t)
	for from, tos := range all {
		for _, to := range tos {
			if rule := forbidden(from, to); rule != "" {
				t.Errorf("%s imports %s, but %s", or(from, "the root"), to, rule)
			}
		}
	}
	for _, lonely := range []string{"shared/license", "client/api"} {
		if len(all[lonely]) != 0 {
			t.Errorf("%s imports %v", lonely, all[lonely])
		}
	}
	if len(all[""]) == 0 || len(all["functions"]) == 0 || len(all["shared/seats"]) == 0 {
		t.Errorf("the module's imports were not read: %v", all)
	}
}

// forbidden is the rule that an import breaks; "" when there is none.
func forbidden(from, to string) string {
	within := func(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
	switch {
	case within(to, "functions") && from != "" && !within(from, "functions") && from != "internal/devstack":
		return "only the root, functions itself and devstack import functions"
	case within(from, "functions") && from != "functions" && within(to, "functions"):
		return "no function imports another"
	case within(to, "internal/devstack") && !within(from, "internal/devstack") && !within(from, "cmd") && !within(from, "client") && !within(from, "proof/torture"):
		return "only commands, the torture run and the SDK's test kit run on the local stack"
	case within(to, "cmd"), to == "" && !within(from, "cmd"):
		return "nothing imports a program"
	case within(from, "shared") && !within(to, "shared") && !strings.HasSuffix(from, "test"):
		return "shared packages import shared packages alone"
	case within(to, "shared/boot") && from != "" && from != "functions" && from != "internal/devstack":
		return "the composition root is imported where things are composed"
	}
	return ""
}
