// Package properties compares implementations with their models on random
// histories.
package properties_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m).Run() }
