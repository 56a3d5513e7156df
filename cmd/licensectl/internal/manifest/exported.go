package manifest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// maxExportLine is far above the largest document of an export.
const maxExportLine = 4 << 20

// ReadExport reads what was bought out of an export: the organization and its licenses. Of
// the rest it answers how many lines of each kind there are. Sessions are seats that nobody
// holds here, accounts are Identity Platform's, and what was counted and audited is evidence
// that nobody should be able to write: none of it is put anywhere.
func ReadExport(file io.Reader) (list []Organization, left map[string]int, err error) {
	in := bufio.NewScanner(file)
	in.Buffer(nil, maxExportLine)
	left = map[string]int{}
	whole := false
	for n := 1; in.Scan(); n++ {
		var line api.ExportLine
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch whole = line.Kind == api.ExportEnd; {
		case line.Kind == api.ExportOrganization && line.Organization != nil:
			list = append(list, exportedOrganization(*line.Organization))
		case line.Kind == api.ExportLicense && line.License != nil:
			if err := addLicense(list, *line.License); err != nil {
				return nil, nil, fmt.Errorf("line %d: %w", n, err)
			}
		case !whole:
			left[line.Kind]++
		}
	}
	switch err := in.Err(); {
	case err != nil:
		return nil, nil, err
	case !whole:
		return nil, nil, errors.New("the last line is not {\"kind\":\"end\"}: the export broke off, and there may be more licenses")
	case len(list) == 0:
		return nil, nil, errors.New("no line is an organization: the export of a user cannot be imported")
	}
	return list, left, nil
}

func exportedOrganization(o api.Organization) Organization {
	return Organization{
		ID: o.ID, Name: &o.Name, Slug: &o.Slug, SubscriptionTier: &o.SubscriptionTier,
		MaxConcurrentSeats: &o.MaxConcurrentSeats, Status: &o.Status,
	}
}

// addLicense adds a license to its organization, which comes before it.
func addLicense(list []Organization, l api.License) error {
	i := slices.IndexFunc(list, func(o Organization) bool { return o.ID == l.OrganizationID })
	if i < 0 {
		return fmt.Errorf("license %s/%s comes before its organization", l.OrganizationID, l.ID)
	}
	features := []string(l.Entitlements)
	out := License{
		ID: l.ID, Product: &l.Product, Plan: &l.Plan, MaxSeats: &l.MaxSeats, Status: &l.Status, GraceSeconds: &l.GraceSeconds,
		OfflineMaxSeconds: &l.OfflineMaxSeconds, Handover: &l.Handover, Entitlements: &features,
	}
	if l.ExpiresAt != "" { // else nobody has said it, and the service asks for it
		out.ExpiresAt = &l.ExpiresAt
	}
	list[i].Licenses = append(list[i].Licenses, out)
	return nil
}
