package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints which version this is, as the Go toolchain has recorded it.
func (versionCommand) Run(a *app) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprintln(a.out, "licensectl "+described(info))
	return err
}

// described is a version with its commit and toolchain.
func described(info *debug.BuildInfo) string {
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value
		}
	}
	return text + " " + info.GoVersion
}
