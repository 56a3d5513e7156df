package main

import (
	"context"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type keyCommands struct {
	List    keyList    `cmd:"" help:"List the keys of license tokens: which one signs now, and why."`
	Create  keyCreate  `cmd:"" help:"Ask for the next signing key now; the reaper makes it within a minute or two."`
	Disable keyDisable `cmd:"" help:"Take a signing key out of use for good, because others may know it."`
	Prune   keyPrune   `cmd:"" help:"Forget the signing keys that ended a day ago or earlier."`
}

// keyLine is a key as a line of a table.
type keyLine struct {
	Key   string `json:"kid"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Since string `json:"since"`
	Until string `json:"until"`
	Root  string `json:"root"`
	Why   string `json:"why"`
}

func keyLines(list api.KeyList) (lines []keyLine) {
	for _, k := range list.Roots {
		lines = append(lines, keyLine{Key: k.KeyID, Kind: "root", State: k.State, Since: k.Since.String(), Why: k.Why})
	}
	for _, k := range list.Delegations {
		lines = append(lines, keyLine{
			Key: k.KeyID, Kind: "signing", State: k.State, Since: k.Since.String(), Until: k.Until.String(), Root: k.Root, Why: k.Why,
		})
	}
	return lines
}

// printKeys prints them, and in a table what is not in it.
func printKeys(a *app, list api.KeyList) error {
	if documents(a) {
		return show.One(a.printer(), list, "keys")
	}
	columns := []show.Column{
		{Field: "kid", Title: "KEY"},
		{Field: "kind", Title: "KIND"},
		{Field: "state", Title: "STATE"},
		{Field: "since", Title: "SINCE"},
		{Field: "until", Title: "UNTIL"},
		{Field: "root", Title: "CERTIFIED BY"},
		{Field: "why", Title: "WHY"},
	}
	if err := show.List(a.printer(), keyLines(list), columns, func(l keyLine) string { return l.Key }); err != nil {
		return err
	}
	if list.RootsUnknown {
		_, _ = fmt.Fprintln(a.err, "Cloud KMS did not answer: the versions of the root key are not listed.")
	}
	if list.Pending {
		_, _ = fmt.Fprintln(a.err, "Another key is asked for: the reaper makes it in its next run, within a minute or two.")
	}
	return nil
}

type keyList struct{}

// Run lists the keys.
func (keyList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Keys(ctx)
	if err != nil {
		return &show.Failure{Doing: "list the keys", Err: err}
	}
	return printKeys(a, list)
}

type keyCreate struct{ Write }

// Run asks for a key.
func (k keyCreate) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.CreateKey(ctx, k.DryRun)
	if err != nil {
		return &show.Failure{Doing: "ask for a signing key", Err: err}
	}
	return printKeys(a, list)
}

type keyDisable struct {
	KeyID string `arg:"" name:"kid" help:"The signing key, as key list names it."`
	Write
	Sure
}

// Run takes a key out of use.
func (k keyDisable) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Disable signing key %s for good? Its tokens are refused wherever the new key set has arrived, within six minutes.", k.KeyID)
	if !k.DryRun {
		if err := asking(a, k.Sure, question)(); err != nil {
			return err
		}
	}
	list, err := c.DisableKey(ctx, k.KeyID, k.DryRun)
	if err != nil {
		return &show.Failure{Doing: "disable signing key " + k.KeyID, Look: "licensectl key list", Err: err}
	}
	return printKeys(a, list)
}

type keyPrune struct {
	Write
	Sure
}

// Run forgets keys that have ended.
func (k keyPrune) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	if !k.DryRun {
		if err := asking(a, k.Sure, "Forget the signing keys that ended a day ago or earlier?")(); err != nil {
			return err
		}
	}
	list, err := c.PruneKeys(ctx, k.DryRun)
	if err != nil {
		return &show.Failure{Doing: "forget the signing keys that have ended", Err: err}
	}
	return printKeys(a, list)
}
