package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestFlags: what cannot be run is said before anything is started.
func TestFlags(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		"--topology ring":      "topology",
		"--duration 0s":        "--duration",
		"--workers 0":          "--workers",
		"--session-ttl 1ms":    "--session-ttl",
		"--faults no-such":     "redis-flushed",
		"--no-such-flag":       "no-such-flag",
		"serve not-a-config":   "worker",
		"serve {\"Addr\":\"\"": "worker",
	} {
		var out bytes.Buffer
		err := dispatch(t.Context(), strings.Fields(arguments), &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", arguments, err)
		}
	}
}
