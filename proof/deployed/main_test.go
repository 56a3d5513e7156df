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
	for _, b := range []*binary{usual, unraced} {
		if b.dir != "" {
			_ = os.RemoveAll(b.dir) // a folder left in the system's temporary one harms nobody
		}
	}
	return code
}

// binary is the program, built once for all tests.
type binary struct {
	race bool
	once sync.Once
	dir  string
	err  error
}

// usual has the race detector if the tests have it. unraced is as deployed: for tests
// about how much is answered.
var usual, unraced = &binary{race: raceDetector}, &binary{}

// program is the path of the deployed program.
func (b *binary) program(t *testing.T) string {
	t.Helper()
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "deployed-*"); b.err == nil { //nolint:usetesting // for all tests
			b.err = b.build(filepath.Join(b.dir, "function"))
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, "function")
}

func (b *binary) build(to string) error {
	args := []string{"build", "-o", to}
	if b.race {
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
