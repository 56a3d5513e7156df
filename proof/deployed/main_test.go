package deployed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

const module = "github.com/coditect-ai/coditect-licenses"

// coverVariable names a folder for the coverage data of the program. (Setting
// GOCOVERDIR would not do: go test sets that too, and then does not count what
// another program than the test's own writes.)
const coverVariable = "DEPLOYED_TEST_COVERDIR"

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) != "" {
		os.Exit(runClient(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(servers.Main(removeProgram{m}))
}

// removeProgram deletes the built program after the last test.
type removeProgram struct{ tests servers.Runner }

func (r removeProgram) Run() int {
	code := r.tests.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a folder left in the system's temporary one harms nobody
	}
	return code
}

// built is the program, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program is the path of the deployed program.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "deployed-*"); built.err == nil { //nolint:usetesting // for all tests
			built.err = build(filepath.Join(built.dir, "function"))
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "function")
}

func build(to string) error {
	args := []string{"build", "-o", to}
	if raceDetector {
		args = append(args, "-race")
	}
	if os.Getenv(coverVariable) != "" {
		args = append(args, "-cover", "-coverpkg="+module+"/cmd/function,"+module+"/functions/...,"+module+"/shared/...")
	}
	cmd := exec.Command("go", append(args, "./cmd/function")...) //nolint:noctx // one build, before the tests
	cmd.Dir = "../.."                                            // the service's module: its go.mod decides what is linked, not the proof's
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}
