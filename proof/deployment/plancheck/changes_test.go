package main

import (
	"encoding/json"
	"testing"
)

// change is one of a plan's.
func change(t *testing.T, kind, address string, before, after a, actions ...string) resource {
	t.Helper()
	r := resource{Address: address, Type: kind}
	r.Change.Actions = actions
	for _, side := range []struct {
		to    *json.RawMessage
		value a
	}{{&r.Change.Before, before}, {&r.Change.After, after}} {
		text, err := json.Marshal(side.value)
		if err != nil {
			t.Fatal(err)
		}
		*side.to = text
	}
	return r
}

func TestGrowth(t *testing.T) {
	small, large := a{"node_type": "CUSTOM_PICO", "instance_id": "licenses"}, a{"node_type": "HIGHMEM_MEDIUM", "instance_id": "licenses"}
	const kind, address = "google_memorystore_instance", "google_memorystore_instance.ledger"
	for name, tt := range map[string]struct {
		resources []resource
		fault     string
	}{
		"in place":           {[]resource{change(t, kind, address, small, large, "update")}, ""},
		"made anew":          {[]resource{change(t, kind, address, small, large, "delete", "create")}, "would be delete and create"},
		"something is added": {[]resource{change(t, kind, address, nil, large, "create")}, "would be create"},
		"nothing":            {[]resource{change(t, kind, address, large, large, "no-op")}, "nothing would grow"},
		"a range that is in use": {
			[]resource{change(t, "google_compute_subnetwork", "s", a{"ip_cidr_range": "10.20.2.0/28"}, a{"ip_cidr_range": "10.20.4.0/28"}, "update")},
			"s: ip_cidr_range is not known to change in place",
		},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, (&plan{Resources: tt.resources}).grows(), tt.fault) })
	}
}

func TestReplacedAccount(t *testing.T) {
	account := change(t, "google_service_account", `google_service_account.this["acquire"]`, a{}, a{}, "delete", "create")
	member := a{"member": "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com"}
	other := change(t, "google_project_iam_member", "o", a{}, a{"member": "serviceAccount:licenses-reaper@acme-licenses.iam.gserviceaccount.com"}, "no-op")
	stays := change(t, "google_project_iam_member", "g", member, member, "no-op")
	follows := change(t, "google_project_iam_member", "g", member, member, "delete", "create")
	wantFault(t, (&plan{Resources: []resource{account, other, follows}}).regrants("acquire"), "")
	wantFault(t, (&plan{Resources: []resource{account, other, stays}}).regrants("acquire"), "g: would stay with the account that goes")
	wantFault(t, (&plan{Resources: []resource{account, other}}).regrants("acquire"), "no account acquire anew")
	wantFault(t, (&plan{Resources: []resource{follows}}).regrants("acquire"), "no account acquire anew")
}

func TestGeneration(t *testing.T) {
	first, second := a{"instance_id": "licenses"}, a{"instance_id": "licenses-2"}
	const kind = "google_memorystore_instance"
	renewed := change(t, kind, "l", first, second, "create", "delete")
	service := change(t, "google_cloud_run_v2_service", "s", a{}, a{}, "update")
	wantFault(t, (&plan{Resources: []resource{renewed, service}}).renews(), "")
	wantFault(t, (&plan{Resources: []resource{change(t, kind, "l", first, second, "update"), service}}).renews(), "")
	wantFault(t, (&plan{Resources: []resource{service}}).renews(), "not made before")
	wantFault(t, (&plan{Resources: []resource{change(t, kind, "l", first, first, "create", "delete")}}).renews(), "not made before")
	wantFault(t, (&plan{Resources: []resource{change(t, kind, "l", first, second, "delete", "create")}}).renews(), "l: would be delete and create")
	regranted := change(t, "google_project_iam_member", "g", a{}, a{}, "update")
	wantFault(t, (&plan{Resources: []resource{renewed, regranted}}).renews(), "g: would be update")
	edge := change(t, "google_compute_url_map", "u", a{}, a{}, "delete")
	wantFault(t, (&plan{Resources: []resource{renewed, edge}}).renews(), "u: would be delete")
}

func TestMoved(t *testing.T) {
	ledger := change(t, "google_memorystore_instance", "l", nil, a{}, "create")
	edge := change(t, "google_compute_url_map", "u", a{}, nil, "delete")
	wantFault(t, (&plan{Resources: []resource{ledger, edge}}).moves(), "")
	wantFault(t, (&plan{Resources: []resource{edge}}).moves(), "no ledger is made")
	moved := change(t, "google_firestore_database", "d", a{"location_id": "us-central1"}, a{"location_id": "us-east4"}, "update")
	wantFault(t, (&plan{Resources: []resource{ledger, moved}}).moves(), "d: its location cannot be changed")
	for _, kind := range []string{"google_compute_global_address", "google_certificate_manager_dns_authorization", "google_identity_platform_tenant", "google_service_account", "google_firestore_database"} {
		lost := change(t, kind, "x", a{}, a{}, "delete", "create")
		wantFault(t, (&plan{Resources: []resource{ledger, lost}}).moves(), "x: would be delete and create")
	}
}

func TestRestored(t *testing.T) {
	database := change(t, "google_firestore_database", "d", nil, a{"name": "restored"}, "create")
	grants := change(t, "google_project_iam_member", `google_project_iam_member.record_user["acquire"]`, a{}, a{}, "delete", "create")
	service := change(t, "google_cloud_run_v2_service", "s", a{}, a{}, "update")
	purge := change(t, "google_firestore_field", "f", a{"database": "(default)"}, a{"database": "restored"}, "delete", "create")
	wantFault(t, (&plan{Resources: []resource{database, grants, service}}).restores(), "")
	wantFault(t, (&plan{Resources: []resource{database, grants, purge}}).restores(), "f: would be delete and create in the former record")
	wantFault(t, (&plan{Resources: []resource{database, service}}).restores(), "nobody may use it")
	wantFault(t, (&plan{Resources: []resource{grants}}).restores(), "no other database is the record")
}
