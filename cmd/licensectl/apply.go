package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/manifest"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

// Files are what shall be.
type Files struct {
	File  []string `short:"f" required:"" placeholder:"FILE" help:"YAML files, or - for the standard input; one document for each organization."`
	Prune bool     `help:"Delete the licenses that a document with licenses does not name."`
}

type diffCommand struct {
	Files
	ExitCode bool `help:"End with 3 if there are differences."`
}

// Run shows what apply would do.
func (d diffCommand) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	plan, err := d.plan(ctx, a, c)
	if err != nil {
		return err
	}
	if err := printPlan(a, plan); err != nil {
		return err
	}
	if d.ExitCode && len(plan.Steps) > 0 {
		return errDiffers
	}
	return nil
}

type applyCommand struct {
	Files
	Write
	Sure
}

// Run makes it as the files say. Every step is tried by a dry run before the first is
// done, so that a fault of one leaves nothing half done.
func (c applyCommand) Run(ctx context.Context, a *app) error {
	client, err := a.control()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, a, client)
	if err != nil {
		return err
	}
	if err := printPlan(a, plan); err != nil {
		return err
	}
	return carryOut(ctx, a, client, plan, c.Write, c.Sure)
}

// carryOut tries a plan, asks about what ends sessions, and does it. What a failure leaves
// done is told: run again, the rest follows.
func carryOut(ctx context.Context, a *app, client *control.Client, plan manifest.Plan, w Write, sure Sure) error {
	if len(plan.Steps) == 0 {
		return nil
	}
	if err := try(ctx, client, plan); err != nil || w.DryRun {
		return err
	}
	if err := confirm(a, sure, plan); err != nil {
		return err
	}
	for i, s := range plan.Steps {
		if err := do(ctx, client, s, false); err != nil {
			_, _ = fmt.Fprintf(a.err, "%d of %d steps are done, in the order above, and stay done. Run it again for the rest.\n", i, len(plan.Steps))
			return err
		}
	}
	if a.program.Output == show.Table {
		_, _ = fmt.Fprintln(a.out, "done")
	}
	return nil
}

// confirm asks once about all that ends sessions.
func confirm(a *app, sure Sure, plan manifest.Plan) error {
	var ending []string
	for _, s := range plan.Steps {
		if s.EndsSessions() {
			ending = append(ending, string(s.Action)+" "+s.Object)
		}
	}
	if len(ending) == 0 {
		return nil
	}
	return asking(a, sure, "Sessions end at their next heartbeat by this: "+strings.Join(ending, ", ")+". Go on?")()
}

func printPlan(a *app, plan manifest.Plan) error {
	for _, s := range plan.Steps {
		notePast(a, s.Object, s.Changes)
	}
	if a.program.Output == show.Table {
		show.Plan(a.printer(), plan)
		return nil
	}
	return show.List(a.printer(), plan.Steps, nil, func(s manifest.Step) string { return string(s.Action) + " " + s.Object })
}

// plan reads the files and what there is of them.
func (f Files) plan(ctx context.Context, a *app, c *control.Client) (manifest.Plan, error) {
	wanted, err := f.read(a)
	if err != nil {
		return manifest.Plan{}, err
	}
	return planOf(ctx, c, wanted, f.Prune)
}

// planOf reads what there is of what is wanted.
func planOf(ctx context.Context, c *control.Client, wanted []manifest.Organization, prune bool) (manifest.Plan, error) {
	now := map[string]manifest.Tenant{}
	for _, o := range wanted {
		var (
			t   manifest.Tenant
			err error
		)
		t.Organization, err = c.Organization(ctx, o.ID)
		if errors.Is(err, api.OrganizationNotFound) {
			continue
		}
		if err == nil && o.Licenses != nil {
			t.Licenses, err = c.Licenses(ctx, o.ID)
		}
		if err != nil {
			return manifest.Plan{}, &show.Failure{Doing: "read " + manifest.OrganizationName(o.ID), Err: err}
		}
		now[o.ID] = t
	}
	return manifest.Make(wanted, now, prune), nil
}

// read reads all files. What is wrong with them is the person's to correct.
func (f Files) read(a *app) ([]manifest.Organization, error) {
	var all []manifest.Organization
	for _, name := range f.File {
		list, err := readFile(name, a.in)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", name, err)}
		}
		all = append(all, list...)
	}
	if err := manifest.Check(all); err != nil {
		return nil, usageError{err}
	}
	return all, nil
}

func readFile(name string, in io.Reader) ([]manifest.Organization, error) {
	if name == "-" {
		return manifest.Read(in)
	}
	file, err := os.Open(name) //nolint:gosec // the person's own file
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return manifest.Read(file)
}

// try does each step as a dry run, and tells what is wrong with any of them. The service
// judges a license before it looks for its organization: of one that is yet to be created
// it says of a license without fault only that it is not there.
func try(ctx context.Context, c *control.Client, plan manifest.Plan) error {
	created := map[string]bool{}
	faults := slugs(plan)
	for _, s := range plan.Steps {
		err := do(ctx, c, s, true)
		switch {
		case err == nil, s.LicenseID != "" && created[s.OrganizationID] && errors.Is(err, api.OrganizationNotFound):
		case ofStep(err):
			faults = append(faults, err)
		default: // the same for every other step
			return err
		}
		created[s.OrganizationID] = created[s.OrganizationID] || s.LicenseID == "" && s.Action == manifest.Create
	}
	return errors.Join(faults...)
}

// ofStep says whether a refusal is about what was to be done, and not about the account,
// the service or the way to it.
func ofStep(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		return false
	}
	switch p.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return p.Code != api.NotFound
	}
	return false
}

// slugs are the steps that take the slug of one before them. A dry run cannot see that,
// because none of them has it yet.
func slugs(plan manifest.Plan) (faults []error) {
	taken := map[string]string{}
	for _, s := range plan.Steps {
		slug := s.Slug()
		if other := taken[slug]; slug != "" && other != "" {
			faults = append(faults, &show.Failure{Doing: string(s.Action) + " " + s.Object, Err: errors.New("slug: " + other + " takes the same: choose another")})
		}
		taken[slug] = s.Object
	}
	return faults
}

// do does a step.
func do(ctx context.Context, c *control.Client, s manifest.Step, dry bool) (err error) {
	switch {
	case s.Action == manifest.Delete:
		err = c.DeleteLicense(ctx, s.OrganizationID, s.LicenseID, s.ETag, dry)
	case s.LicenseID == "" && s.Action == manifest.Create:
		_, err = c.CreateOrganization(ctx, s.OrganizationInput, dry)
	case s.LicenseID == "":
		_, err = c.ChangeOrganization(ctx, s.OrganizationID, s.ETag, s.OrganizationPatch, dry)
	case s.Action == manifest.Create:
		_, err = c.CreateLicense(ctx, s.OrganizationID, s.LicenseInput, dry)
	default:
		_, err = c.ChangeLicense(ctx, s.OrganizationID, s.LicenseID, s.ETag, s.LicensePatch, dry)
	}
	if err != nil {
		return &show.Failure{Doing: string(s.Action) + " " + s.Object, Err: err}
	}
	return nil
}
