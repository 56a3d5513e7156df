# Google's logs of access to data: of services that the variables name, of this project,
# and never less than before by the way. That nobody is exempt is in iam.rego, and that
# uses of the keys are logged in backends.rego.
package main

import rego.v1

logged_services := {"cloudkms.googleapis.com", "datastore.googleapis.com", "identitytoolkit.googleapis.com", "secretmanager.googleapis.com"}

deny contains msg if {
	some r in resources("google_project_iam_audit_config")
	not object.get(r.after, "service", "") in logged_services
	msg := sprintf("%s: logs of %v are not this plan's to keep", [r.address, object.get(r.after, "service", "a service without a name")])
}

deny contains msg if {
	some r in resources("google_project_iam_audit_config")
	not in_plan(object.get(r.after, "project", "none"))
	msg := sprintf("%s: the logs of another project", [r.address])
}

deny contains msg if {
	some r in input.resource_changes
	r.type == "google_project_iam_audit_config"
	r.change.before != null
	r.change.after != null
	lost := log_types(r.change.before) - log_types(r.change.after)
	count(lost) > 0
	msg := sprintf("%s: %s would be logged no more", [r.address, concat(", ", sort(lost))])
}

log_types(config) := {c.log_type | some c in config.audit_log_config}

# A line for each read of the record: by each instance, of each organization in use, twice a minute.
warn contains msg if {
	some r in resources("google_project_iam_audit_config")
	r.after.service == "datastore.googleapis.com"
	reads_logged(r.after)
	msg := sprintf("%s: every read of the record makes a line; docs/operations.md has what that costs", [r.address])
}
