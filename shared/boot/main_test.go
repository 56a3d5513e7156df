package boot_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain leads the cloud's clients to where nobody listens: functions are
// started here as deployed, and no test reaches Google.
func TestMain(m *testing.M) {
	if err := os.Setenv("HTTPS_PROXY", "http://"+nowhere); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
