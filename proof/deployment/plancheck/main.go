// Command plancheck compares a Terraform plan with the code it deploys: every
// function's environment must be a configuration the function starts with, the
// load balancer must know every path that the functions declare, the exempted fields must be the
// record's. With --doc it also compares the plan with what that document says of it.
// It is run in the repository's root, where it reads the record's source.
//
//	tofu show -json PLAN > plan.json
//	plancheck [--doc docs/operations.md] plan.json…
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
	doc := flag.String("doc", "", "the document that lists the plan's resources, variables and outputs")
	flag.Parse()
	if err := run(flag.Args(), *doc, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "plancheck:", err)
		os.Exit(1)
	}
}

func run(plans []string, doc string, out io.Writer) error {
	if len(plans) == 0 {
		return errors.New("name a plan, as written by `tofu show -json`")
	}
	for _, path := range plans {
		p, err := read(path)
		if err != nil {
			return err
		}
		faults := errors.Join(p.environments(), p.routes(functions.Contract()...), p.exemptions())
		if doc != "" {
			faults = errors.Join(faults, p.documented(doc))
		}
		if faults != nil {
			return fmt.Errorf("%s:\n%w", path, faults)
		}
		_, _ = fmt.Fprintf(out, "%s: %d resources, as the code needs them\n", path, len(p.Resources))
	}
	return nil
}
