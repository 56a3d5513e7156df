package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// inPlace are the attributes that the provider changes without making a resource
// anew (google 7.46), of those that a size may change. What is not here counts as
// a replacement until somebody has looked it up.
func inPlace() map[string][]string {
	return map[string][]string{
		"google_memorystore_instance":      {"node_type", "replica_count"},
		"google_cloud_run_v2_service":      {"template"},
		"google_firestore_backup_schedule": {"retention"},
		"google_compute_security_policy":   {"rule"},
		"google_monitoring_alert_policy":   {"conditions", "documentation"},
		"google_monitoring_dashboard":      {"dashboard_json"},
		"google_cloudbuild_trigger":        {"approval_config", "description", "substitutions"},
	}
}

// changes are the resources that the plan does something to.
func (p *plan) changes() []resource {
	return slices.DeleteFunc(slices.Clone(p.Resources), func(r resource) bool {
		return slices.Equal(r.Change.Actions, []string{"no-op"})
	})
}

// grows: the plan changes something, and all of it in place.
func (p *plan) grows() error {
	changes := p.changes()
	if len(changes) == 0 {
		return errors.New("nothing would grow")
	}
	var errs []error
	for _, r := range changes {
		if !slices.Equal(r.Change.Actions, []string{"update"}) {
			errs = append(errs, fmt.Errorf("%s: would be %s, not changed in place", r.Address, strings.Join(r.Change.Actions, " and ")))
			continue
		}
		changed, err := r.changed()
		if err != nil {
			errs = append(errs, err)
		}
		for _, name := range changed {
			if !slices.Contains(inPlace()[r.Type], name) {
				errs = append(errs, fmt.Errorf("%s: %s is not known to change in place", r.Address, name))
			}
		}
	}
	return errors.Join(errs...)
}

// changed are the attributes that differ, in order.
func (r resource) changed() ([]string, error) {
	var before, after map[string]any
	if err := errors.Join(json.Unmarshal(r.Change.Before, &before), json.Unmarshal(r.Change.After, &after)); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Address, err)
	}
	var names []string
	all := maps.Clone(before)
	maps.Copy(all, after)
	for name := range all {
		if !reflect.DeepEqual(before[name], after[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// replaced reports whether a resource is made anew.
func (r resource) replaced() bool {
	return slices.Contains(r.Change.Actions, "create") && slices.Contains(r.Change.Actions, "delete")
}

var grant = regexp.MustCompile(`_iam_(?:member|binding)$`)

// regrants: where the account of a name is made anew, so is every grant that names
// it; an account with the same address is another, and has none.
func (p *plan) regrants(account string) error {
	made, grants := false, 0
	var errs []error
	for _, r := range p.Resources {
		if r.Type == "google_service_account" && strings.HasSuffix(r.Address, fmt.Sprintf("[%q]", account)) {
			made = r.replaced()
		}
		if !grant.MatchString(r.Type) || !strings.Contains(string(r.Change.After), "-"+account+"@") {
			continue
		}
		grants++
		if !r.replaced() {
			errs = append(errs, fmt.Errorf("%s: would stay with the account that goes", r.Address))
		}
	}
	if !made || grants == 0 {
		errs = append(errs, fmt.Errorf("the plan makes no account %s anew, or it has no grants", account))
	}
	return errors.Join(errs...)
}

// renews: the ledger gets another name, by which it is made anew beside the old one;
// what follows the name is changed in place, nothing else goes, and no grant is
// touched: the revisions that leave the old one and those that enter the new one
// have theirs.
func (p *plan) renews() error {
	renamed := false
	var errs []error
	for _, r := range p.changes() {
		names, err := r.changed()
		switch {
		case err != nil:
			errs = append(errs, err)
		case r.Type == "google_memorystore_instance" && slices.Contains(names, "instance_id") && r.madeFirst():
			renamed = true
		case !slices.Equal(r.Change.Actions, []string{"update"}) || grant.MatchString(r.Type):
			errs = append(errs, fmt.Errorf("%s: would be %s", r.Address, strings.Join(r.Change.Actions, " and ")))
		}
	}
	if !renamed {
		errs = append(errs, errors.New("the ledger is not made before the old one goes"))
	}
	return errors.Join(errs...)
}

// madeFirst reports whether a resource whose name changes is there before the old
// one goes. A stand-in that does not know that the name cannot be changed plans
// an update.
func (r resource) madeFirst() bool {
	return slices.Equal(r.Change.Actions, []string{"create", "delete"}) || slices.Equal(r.Change.Actions, []string{"update"})
}

// once is what a project has once, and what was given out by Google: to make it anew
// would need DNS, customers or users to follow.
var once = regexp.MustCompile(`^google_(?:certificate_manager_|compute_global_address$|dns_|firestore_|identity_platform_|secret_manager_secret$|service_account$)`)

// moves: the region's things are made, and nothing goes that a project has once.
func (p *plan) moves() error {
	made := 0
	var errs []error
	for _, r := range p.changes() {
		if r.Type == "google_memorystore_instance" && slices.Equal(r.Change.Actions, []string{"create"}) {
			made++
		}
		if !once.MatchString(r.Type) {
			continue
		}
		if !slices.Equal(r.Change.Actions, []string{"update"}) {
			errs = append(errs, fmt.Errorf("%s: would be %s", r.Address, strings.Join(r.Change.Actions, " and ")))
			continue
		}
		names, err := r.changed()
		if slices.Contains(names, "location_id") {
			err = fmt.Errorf("%s: its location cannot be changed", r.Address)
		}
		errs = append(errs, err)
	}
	if made != 1 {
		errs = append(errs, errors.New("no ledger is made in another region"))
	}
	return errors.Join(errs...)
}

// restores: another database is the record from now on, with the grants that are narrowed
// to it. Of the former, which is forgotten, nothing is changed and nothing goes.
func (p *plan) restores() error {
	made, grants := 0, 0
	var errs []error
	for _, r := range p.changes() {
		switch {
		case strings.HasPrefix(r.Type, "google_firestore_"):
			if !slices.Equal(r.Change.Actions, []string{"create"}) {
				errs = append(errs, fmt.Errorf("%s: would be %s in the former record", r.Address, strings.Join(r.Change.Actions, " and ")))
			}
			if r.Type == "google_firestore_database" {
				made++
			}
		case strings.HasPrefix(r.Address, "google_project_iam_member.record_"):
			grants++
		}
	}
	if made != 1 || grants == 0 {
		errs = append(errs, errors.New("no other database is the record, or nobody may use it"))
	}
	return errors.Join(errs...)
}
