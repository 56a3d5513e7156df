package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"
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
	words := []string{cmp.Or(info.Main.Version, "(devel)")}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			words = append(words, s.Value)
		}
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
