// Command plancheck compares a Terraform plan with the code it deploys: every
// function's environment must be a configuration the function starts with, its account
// must have the roles on keys that this configuration needs, the load balancer must
// know every path that the functions declare, the exempted fields must be the record's.
// With --doc it also compares the plan with what that document says of it. It is run in
// the repository's root, where it reads the record's source.
//
// With another option it looks at what a plan changes instead: --growth, that all
// of it is changed in place; --replaced ACCOUNT, that the account's grants are made
// anew with it; --generation, that the ledger is made anew before the old one goes;
// --moved, that what a project has once stays when a region is left; --restored, that
// a record under another name is made beside the old one, which keeps all that is its.
//
//	tofu show -json PLAN > plan.json
//	plancheck [--doc docs/operations.md] plan.json…
//	plancheck --growth | --replaced ACCOUNT | --generation | --moved | --restored plan.json…
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/coditect-ai/coditect-licenses/functions"
)

func main() {
	var o options
	flag.StringVar(&o.doc, "doc", "", "the document that lists the plan's resources, variables and outputs")
	flag.BoolVar(&o.growth, "growth", false, "all that changes must be changed in place")
	flag.StringVar(&o.replaced, "replaced", "", "the account that is made anew, with its grants")
	flag.BoolVar(&o.generation, "generation", false, "the ledger must be made anew before the old one goes")
	flag.BoolVar(&o.moved, "moved", false, "what a project has once must stay")
	flag.BoolVar(&o.restored, "restored", false, "the former record must keep all that is its")
	flag.Parse()
	if err := run(flag.Args(), o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "plancheck:", err)
		os.Exit(1)
	}
}

// options say what is looked at.
type options struct {
	doc, replaced                       string
	growth, generation, moved, restored bool
}

// faults of a plan.
func (o options) faults(p *plan) error {
	switch {
	case o.growth:
		return p.grows()
	case o.replaced != "":
		return p.regrants(o.replaced)
	case o.generation:
		return p.renews()
	case o.moved:
		return p.moves()
	case o.restored:
		return p.restores()
	}
	faults := errors.Join(p.environments(), p.signing(), p.routes(functions.Contract()...), p.exemptions())
	if o.doc != "" {
		faults = errors.Join(faults, p.documented(o.doc))
	}
	return faults
}

func run(plans []string, o options, out io.Writer) error {
	if len(plans) == 0 {
		return errors.New("name a plan, as written by `tofu show -json`")
	}
	for _, path := range plans {
		p, err := read(path)
		if err != nil {
			return err
		}
		if faults := o.faults(p); faults != nil {
			return fmt.Errorf("%s:\n%w", path, faults)
		}
		_, _ = fmt.Fprintf(out, "%s: %d resources, %d of them changed, as it should be\n", path, len(p.Resources), len(p.changes()))
	}
	return nil
}
