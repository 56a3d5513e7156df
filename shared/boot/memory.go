package boot

import (
	"os"
	"runtime/debug"
)

const (
	// collectorPercent lets the heap grow to five times what lives on it before it is
	// collected. Of a function a few megabytes live, which Go's 100 % collects many
	// times a second: a tenth of the CPU of a heartbeat.
	collectorPercent = 400
	// heapLimit makes the collector work harder from there on, whatever lives: three
	// quarters of the 512 MiB that a function is given at least (terraform/sizes.tf).
	heapLimit = 384 << 20
)

// TuneMemory sets the garbage collector for a function. GOGC and GOMEMLIMIT in the
// environment win (https://go.dev/doc/gc-guide).
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
}
