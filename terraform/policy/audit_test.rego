package main

import rego.v1

access := "google_project_iam_audit_config"

logging(service, types) := {"project": "acme-licenses", "service": service, "audit_log_config": [{"log_type": type} | some type in types]}

test_logs_that_are_kept if {
	passed({service: [access, logging(service, {"ADMIN_READ", "DATA_READ"})] | some service in logged_services}) == logged_services
	count(warn) == 0 with input as planned(access, logging("datastore.googleapis.com", {"ADMIN_READ", "DATA_WRITE"}))
}

test_logs_of_something_else if {
	refused(access, logging("allServices", {"DATA_READ"}), "not this plan's to keep")
	refused(access, logging("storage.googleapis.com", {"DATA_READ"}), "not this plan's to keep")
	refused(access, {"project": "acme-licenses", "audit_log_config": [{"log_type": "DATA_READ"}]}, "without a name")
	refused(access, object.union(logging("datastore.googleapis.com", {"DATA_WRITE"}), {"project": "acme-audit"}), "another project")
}

test_less_than_before if {
	some msg in deny with input as {"resource_changes": [in_project, {"address": "x", "type": access, "change": {
		"actions": ["update"],
		"before": logging("identitytoolkit.googleapis.com", {"ADMIN_READ", "DATA_WRITE"}),
		"after": logging("identitytoolkit.googleapis.com", {"ADMIN_READ"}),
	}}]}
	msg == "x: DATA_WRITE would be logged no more"
}

test_more_than_before if count(deny) == 0 with input as {"resource_changes": [in_project, {"address": "x", "type": access, "change": {
	"actions": ["update"],
	"before": logging("identitytoolkit.googleapis.com", {"ADMIN_READ"}),
	"after": logging("identitytoolkit.googleapis.com", {"ADMIN_READ", "DATA_WRITE"}),
}}]}

test_every_read_is_a_warning if count(warn) == 1 with input as planned(access, logging("datastore.googleapis.com", {"DATA_READ"}))
