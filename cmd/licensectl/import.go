package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/manifest"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type importCommand struct {
	File string `arg:"" type:"existingfile" help:"What export has written: of it the organizations and their licenses."`
	Write
	Sure
}

// Run makes organizations and licenses as an export has them, by the same rules as apply.
func (c importCommand) Run(ctx context.Context, a *app) error {
	client, err := a.control()
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	wanted, left, err := manifest.ReadExport(file)
	if err == nil {
		err = manifest.Check(wanted)
	}
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", c.File, err)}
	}
	plan, err := planOf(ctx, client, wanted, false)
	if err != nil {
		return err
	}
	if err := printPlan(a, plan); err != nil {
		return err
	}
	if a.program.Output == show.Table {
		for _, kind := range slices.Sorted(maps.Keys(left)) {
			_, _ = fmt.Fprintf(a.out, "not imported: %d lines of kind %s\n", left[kind], kind)
		}
	}
	return carryOut(ctx, a, client, plan, c.Write, c.Sure)
}
