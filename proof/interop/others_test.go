package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is far more than an interpreter needs to start on a busy machine.
const patience = 5 * time.Minute

// pyJWT is Python's, with the cryptography package, as Debian has them. Another
// Python on the path need not have them.
func pyJWT(t *testing.T, d document) map[string]answer {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if works(t, python, "-c", "import jwt, cryptography") {
			return run(t, d, python, "python/verify.py")
		}
	}
	missing(t, "Python with PyJWT and cryptography")
	return nil
}

func nodeJose(t *testing.T, d document) map[string]answer {
	t.Helper()
	if !works(t, "node", "--input-type=module", "--eval", `import "jose"`) {
		missing(t, "Node with the package jose in proof/interop/node")
	}
	return run(t, d, "node", "node/verify.js")
}

// missing skips a test for want of a tool, which CI must have.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and CI runs every test (scripts/install-test-tools.sh)", what)
	}
	t.Skipf("%s is not installed: scripts/install-test-tools.sh", what)
}

// works: the program is there, and ends well with nothing to read.
func works(t *testing.T, program string, args ...string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "node" // where Node looks for packages
	return cmd.Run() == nil
}

// run gives a document to a program, which answers it.
func run(t *testing.T, d document, program string, args ...string) map[string]answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	asked, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(asked), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, &stderr)
	}
	var answers map[string]answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	return answers
}
