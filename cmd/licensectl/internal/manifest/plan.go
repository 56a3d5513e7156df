package manifest

import (
	"cmp"
	"slices"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
)

// Tenant is an organization as it is now, with its licenses.
type Tenant struct {
	Organization api.Organization
	Licenses     []api.License
}

// Action is what a step does.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Delete Action = "delete"
)

// Step is one write, with what it needs: an input for what is created, a patch with the
// ETag that it is made for, or the ETag alone for what is deleted.
type Step struct {
	Action  Action          `json:"action"`
	Object  string          `json:"object"`
	Changes []fields.Change `json:"changes"`

	OrganizationID string `json:"-"`
	// LicenseID is empty in a step on the organization itself.
	LicenseID string `json:"-"`
	ETag      string `json:"-"`

	OrganizationInput api.OrganizationInput `json:"-"`
	OrganizationPatch api.OrganizationPatch `json:"-"`
	LicenseInput      api.LicenseInput      `json:"-"`
	LicensePatch      api.LicensePatch      `json:"-"`
}

// suspended is the status that ends sessions.
const suspended = "suspended"

// EndsSessions says whether somebody may lose a seat by it.
func (s Step) EndsSessions() bool {
	return s.Action == Delete || s.Action == Change &&
		slices.ContainsFunc(s.Changes, func(c fields.Change) bool { return c.Field == "status" && c.After == suspended })
}

// Slug is the slug that an organization takes by it; empty if none.
func (s Step) Slug() string {
	if s.LicenseID == "" && s.Action == Create {
		return cmp.Or(s.OrganizationInput.Slug, s.OrganizationID)
	}
	return value(s.OrganizationPatch.Slug)
}

// Plan is what is to be done, in order.
type Plan struct {
	Steps []Step
	// Unnamed are the licenses that the files do not name, and that stay.
	Unnamed []string
}

// Make plans what brings the tenants, by organization id, to what is wanted. With prune
// licenses that are not named are deleted, where a document names any licenses at all.
func Make(wanted []Organization, now map[string]Tenant, prune bool) Plan {
	var p Plan
	for _, o := range wanted {
		tenant, exists := now[o.ID]
		if exists {
			p.change(Step{
				Object: OrganizationName(o.ID), OrganizationID: o.ID, ETag: tenant.Organization.ETag, OrganizationPatch: o.patch(),
				Changes: fields.Changes(tenant.Organization, o.patch()),
			})
		} else {
			p.create(Step{
				Object: OrganizationName(o.ID), OrganizationID: o.ID, OrganizationInput: o.input(), Changes: fields.Said(o.patch()),
			})
		}
		p.licenses(o, tenant.Licenses)
		if o.Licenses != nil {
			p.unnamed(o, tenant.Licenses, prune)
		}
	}
	return p
}

// OrganizationName is what people call an organization.
func OrganizationName(id string) string { return "organization " + id }

// LicenseName is what people call a license.
func LicenseName(organization, id string) string { return "license " + organization + "/" + id }

func (p *Plan) licenses(o Organization, now []api.License) {
	for _, l := range o.Licenses {
		step := Step{Object: LicenseName(o.ID, l.ID), OrganizationID: o.ID, LicenseID: l.ID}
		i := slices.IndexFunc(now, func(n api.License) bool { return n.ID == l.ID })
		if i < 0 {
			step.LicenseInput, step.Changes = l.input(), fields.Said(l.patch())
			p.create(step)
			continue
		}
		step.ETag, step.LicensePatch, step.Changes = now[i].ETag, l.patch(), fields.Changes(now[i], l.patch())
		p.change(step)
	}
}

func (p *Plan) unnamed(o Organization, now []api.License, prune bool) {
	for _, n := range now {
		if slices.ContainsFunc(o.Licenses, func(l License) bool { return l.ID == n.ID }) {
			continue
		}
		if !prune {
			p.Unnamed = append(p.Unnamed, LicenseName(o.ID, n.ID))
			continue
		}
		p.Steps = append(p.Steps, Step{
			Action: Delete, Object: LicenseName(o.ID, n.ID), OrganizationID: o.ID, LicenseID: n.ID, ETag: n.ETag, Changes: []fields.Change{},
		})
	}
}

func (p *Plan) create(s Step) {
	s.Action = Create
	p.Steps = append(p.Steps, s)
}

func (p *Plan) change(s Step) {
	if s.Action = Change; len(s.Changes) > 0 {
		p.Steps = append(p.Steps, s)
	}
}
