// Package image builds what the Dockerfile and the buildpack build, without
// either, and runs the programs as the images would be run.
package image

import (
	"os"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m).Run()) }
