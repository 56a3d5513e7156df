// Package manifest is the declarative way to sell: files say which organizations and
// licenses there shall be, and a plan says what is to be done for it. It calls nobody.
package manifest

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/when"
)

// Organization is one YAML document. What it leaves out stays as it is; names are those
// of the API.
type Organization struct {
	ID                 string  `yaml:"id"`
	Name               *string `yaml:"name"`
	Slug               *string `yaml:"slug"`
	SubscriptionTier   *string `yaml:"subscription_tier"`
	MaxConcurrentSeats *int    `yaml:"max_concurrent_seats"`
	Status             *string `yaml:"status"`
	// Licenses, if the document has none of the field, are not looked at.
	Licenses []License `yaml:"licenses"`
}

// License is one license of an [Organization].
type License struct {
	ID       string  `yaml:"id"`
	Product  *string `yaml:"product"`
	Plan     *string `yaml:"plan"`
	MaxSeats *int    `yaml:"max_seats"`
	Status   *string `yaml:"status"`
	// ExpiresAt is the last day, a moment, or never. A span from now would mean another
	// end whenever the file is applied.
	ExpiresAt          *string   `yaml:"expires_at"`
	GraceSeconds       *int64    `yaml:"grace_seconds"`
	OfflineMaxSeconds  *int64    `yaml:"offline_max_seconds"`
	Handover           *int      `yaml:"handover"`
	MaxSessionsPerUser *int      `yaml:"max_sessions_per_user"`
	Entitlements       *[]string `yaml:"entitlements"`
}

// Read reads the documents of a file. A field that there is not is an error, because a
// mistyped one would be left as it is, unseen.
func Read(file io.Reader) ([]Organization, error) {
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var list []Organization
	for {
		var o Organization
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if err := o.prepare(); err != nil {
			return nil, fmt.Errorf("document %d: %w", len(list)+1, err)
		}
		list = append(list, o)
	}
}

// Check finds what several files say twice.
func Check(list []Organization) error {
	if len(list) == 0 {
		return errors.New("the files name no organization")
	}
	var seen []string
	for _, o := range list {
		if slices.Contains(seen, o.ID) {
			return fmt.Errorf("organization %s is there twice", o.ID)
		}
		seen = append(seen, o.ID)
	}
	return nil
}

// prepare puts ends as the API has them, and finds what has no or the same name.
func (o *Organization) prepare() error {
	if o.ID == "" {
		return errors.New("an organization has no id")
	}
	var seen []string
	for i := range o.Licenses {
		l := &o.Licenses[i]
		switch {
		case l.ID == "":
			return fmt.Errorf("a license of organization %s has no id", o.ID)
		case slices.Contains(seen, l.ID):
			return fmt.Errorf("license %s/%s is there twice", o.ID, l.ID)
		}
		seen = append(seen, l.ID)
		if l.ExpiresAt != nil {
			end, err := when.Fixed(*l.ExpiresAt)
			if err != nil {
				return fmt.Errorf("license %s/%s: expires_at: %w", o.ID, l.ID, err)
			}
			l.ExpiresAt = &end
		}
	}
	return nil
}

func (o Organization) patch() api.OrganizationPatch {
	return api.OrganizationPatch{
		Name: o.Name, Slug: o.Slug, SubscriptionTier: o.SubscriptionTier, MaxConcurrentSeats: o.MaxConcurrentSeats, Status: o.Status,
	}
}

func (o Organization) input() api.OrganizationInput {
	return api.OrganizationInput{
		ID: o.ID, Name: value(o.Name), Slug: value(o.Slug), SubscriptionTier: value(o.SubscriptionTier),
		MaxConcurrentSeats: value(o.MaxConcurrentSeats), Status: value(o.Status),
	}
}

func (l License) patch() api.LicensePatch {
	return api.LicensePatch{
		Product: l.Product, Plan: l.Plan, MaxSeats: l.MaxSeats, Status: l.Status, ExpiresAt: l.ExpiresAt, GraceSeconds: l.GraceSeconds,
		OfflineMaxSeconds: l.OfflineMaxSeconds, Handover: l.Handover, MaxSessionsPerUser: l.MaxSessionsPerUser, Entitlements: (*api.List)(l.Entitlements),
	}
}

func (l License) input() api.LicenseInput {
	return api.LicenseInput{
		ID: l.ID, Product: value(l.Product), Plan: value(l.Plan), MaxSeats: value(l.MaxSeats), Status: value(l.Status),
		ExpiresAt: value(l.ExpiresAt), GraceSeconds: value(l.GraceSeconds), OfflineMaxSeconds: value(l.OfflineMaxSeconds),
		Handover: l.Handover, MaxSessionsPerUser: value(l.MaxSessionsPerUser), Entitlements: value(l.Entitlements),
	}
}

// value is what is said, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
