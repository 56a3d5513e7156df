package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// plan is the part of a plan that is looked at
// (https://developer.hashicorp.com/terraform/internals/json-format).
type plan struct {
	Resources []resource `json:"resource_changes"`
	Config    struct {
		Root configModule `json:"root_module"`
	} `json:"configuration"`
}

type resource struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Change  struct {
		Actions []string        `json:"actions"`
		Before  json.RawMessage `json:"before"`
		After   json.RawMessage `json:"after"`
	} `json:"change"`
}

type configModule struct {
	Variables map[string]described `json:"variables"`
	Outputs   map[string]described `json:"outputs"`
	Calls     map[string]struct {
		Module configModule `json:"module"`
	} `json:"module_calls"`
}

type described struct {
	Description string `json:"description"`
}

func read(path string) (*plan, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the file that was named on the command line
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%s is not a plan in JSON: %w", path, err)
	}
	p.Resources = slices.DeleteFunc(p.Resources, func(r resource) bool { return r.Mode == "data" })
	if len(p.Resources) == 0 {
		return nil, fmt.Errorf("%s plans nothing", path)
	}
	return p, nil
}

// each decodes every resource of a type and hands it to look.
func each[T any](p *plan, kind string, look func(address string, after T) error) (int, error) {
	var errs []error
	n := 0
	for _, r := range p.Resources {
		if r.Type != kind {
			continue
		}
		n++
		var after T
		if err := json.Unmarshal(r.Change.After, &after); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Address, err))
			continue
		}
		errs = append(errs, look(r.Address, after))
	}
	return n, errors.Join(errs...)
}
