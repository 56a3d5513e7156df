// Package licenses is the manifest of the deployment: the seven Cloud Run
// functions of one image, which FUNCTION_TARGET tells apart.
//
// It must stay the only .go file at the root, without tests or a main: the Go
// buildpack looks for functions here alone and builds its own main around it.
package licenses

import (
	framework "github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
)

func init() { //nolint:gochecknoinits // the Functions Framework finds functions by what init registered
	name, function := boot.Target(map[string]boot.Wire{
		"Acquire":   functions.Acquire,
		"Heartbeat": functions.Heartbeat,
		"Release":   functions.Release,
		"Reaper":    functions.Reaper,
		"Control":   functions.Control,
		"Admin":     functions.Admin,
		"Deliver":   functions.Deliver,
	})
	framework.HTTP(name, function)
	boot.Serve(function) // and not by the framework's server: see there
}
