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
	return golistIn(t, "..", args...)
}

func golistIn(t *testing.T, folder string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = folder
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	return strings.Fields(string(out))
}

// TestStandInsAreNotDeployed: what the buildpack links is the root's package,
// plain containers cmd/function, and neither has anything that signs for anyone,
// forgets checks or serves tests.
func TestStandInsAreNotDeployed(t *testing.T) {
	for _, program := range []string{".", "./cmd/function"} {
		linked := golist(t, "-deps", program)
		if !slices.Contains(linked, module+"/functions/acquire") {
			t.Fatalf("the functions are not linked into %s: this test looks at the wrong package", program)
		}
		for _, p := range linked {
			if standIn(p) && p != module+"/cmd/function" {
				t.Errorf("%s is linked into %s", p, program)
			}
		}
	}
	// The list is of what there is: devstack has them.
	local := golist(t, "-deps", "./cmd/local")
	for _, p := range []string{module + "/internal/devstack/fakekms", "github.com/alicebob/miniredis/v2"} {
		if !slices.Contains(local, p) || !standIn(p) {
			t.Errorf("the local server does not link %s, or this test would not see it", p)
		}
	}
}

// standIn: a package that has no place in the deployed program.
func standIn(p string) bool {
	for _, folder := range []string{"/internal", "/cmd", "/proof", "/client/pace", "/shared/record/recordtest", "/shared/ledger/ledgertest", "/shared/limits/limitstest"} {
		if within(p, module+folder) {
			return true
		}
	}
	for _, library := range []string{
		"github.com/alicebob/miniredis", "github.com/yuin/gopher-lua", "google.golang.org/grpc/test/bufconn", "go.uber.org/goleak",
		"pgregory.net/rapid", "github.com/alecthomas/kong", "testing", "net/http/httptest", "net/http/pprof",
	} {
		if within(p, library) {
			return true
		}
	}
	return false
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// imports are the packages of a module and what they import of this repository,
// tests aside. Names are paths from the repository's root.
func imports(t *testing.T, folder string) map[string][]string {
	t.Helper()
	return listed(t, folder, `{{join .Imports ","}}`)
}

// listed is by package what a template of go list names of this repository.
func listed(t *testing.T, folder, template string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, line := range golistIn(t, folder, "-f", "{{.ImportPath}},"+template, "./...") {
		parts := strings.Split(line, ",")
		from := strings.TrimPrefix(strings.TrimPrefix(parts[0], module), "/")
		all[from] = nil
		for _, to := range parts[1:] {
			if within(to, module) {
				all[from] = append(all[from], strings.TrimPrefix(strings.TrimPrefix(to, module), "/"))
			}
		}
	}
	return all
}

// TestImportsPointOneWay: functions to shared to the domain.
func TestImportsPointOneWay(t *testing.T) {
	all := imports(t, "..")
	for from, tos := range all {
		for _, to := range tos {
			if rule := forbidden(from, to); rule != "" {
				t.Errorf("%s imports %s, but %s", or(from, "the root"), to, rule)
			}
		}
	}
	if got := all["shared/license"]; len(got) != 0 {
		t.Errorf("shared/license imports %v", got)
	}
	if len(all[""]) == 0 || len(all["functions"]) == 0 || len(all["shared/seats"]) == 0 {
		t.Errorf("the module's imports were not read: %v", all)
	}
}

// forbidden is the rule that an import breaks; "" when there is none.
func forbidden(from, to string) string {
	switch {
	case within(to, "functions") && from != "" && !within(from, "functions") && from != "internal/devstack":
		return "only the root, functions itself and devstack import functions"
	case within(from, "functions") && from != "functions" && within(to, "functions"):
		return "no function imports another"
	case within(to, "internal/devstack") && !within(from, "internal/devstack") && !within(from, "cmd") && !strings.HasSuffix(from, "test"):
		return "only commands and test kits run on the local stack"
	case within(to, "proof"):
		return "the proof knows the service, not the other way"
	case within(to, "cmd"), to == "" && !within(from, "cmd"):
		return "nothing imports a program"
	case within(from, "shared") && to == "client/licensejwt" && from != "shared/token":
		return "only shared/token makes what licensejwt reads"
	case within(from, "shared") && !within(to, "shared") && to != "client/api" && to != "client/licensejwt" && !strings.HasSuffix(from, "test"):
		return "shared packages import shared packages and the wire types"
	case within(to, "shared/boot") && from != "" && from != "functions" && from != "internal/devstack":
		return "the composition root is imported where things are composed"
	}
	return ""
}

// TestTheClientKnowsNoService: a program that uses it resolves nothing of ours
// but itself, its tests included; and the wire types import nothing of it.
func TestTheClientKnowsNoService(t *testing.T) {
	for from, tos := range listed(t, "../client", `{{join .Imports ","}},{{join .TestImports ","}},{{join .XTestImports ","}}`) {
		for _, to := range tos {
			if !within(to, "client") {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
	if api, ok := imports(t, "../client")["client/api"]; !ok || len(api) != 0 {
		t.Errorf("client/api imports %v (there: %t)", api, ok)
	}
}

// TestEveryPackageServesThisModule: what the proof alone needs belongs to the
// proof. Each package that is no program is imported by another of this module
// or by the tests of another.
func TestEveryPackageServesThisModule(t *testing.T) {
	used := map[string]bool{}
	for from, tos := range listed(t, "..", `{{join .Imports ","}},{{join .TestImports ","}},{{join .XTestImports ","}}`) {
		for _, to := range tos {
			if within(to, "proof") {
				t.Errorf("%s, or a test of it, imports %s", from, to)
			}
			used[to] = used[to] || to != from
		}
	}
	for _, p := range golist(t, "-f", `{{if ne .Name "main"}}{{.ImportPath}}{{end}}`, "./...") {
		if name := strings.TrimPrefix(strings.TrimPrefix(p, module), "/"); !used[name] {
			t.Errorf("nothing in this module imports %s", or(name, "the root"))
		}
	}
}
