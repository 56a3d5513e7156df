# An alert that does not say what to do wakes somebody for nothing.
package main

import rego.v1

deny contains msg if {
	some r in resources("google_monitoring_alert_policy")
	not has_playbook(r.after)
	msg := sprintf("%s: links no playbook", [r.address])
}

has_playbook(alert) if {
	some d in alert.documentation
	some l in d.links
	regex.match(`^https://.+\.md$`, l.url)
}

deny contains msg if {
	some r in resources("google_monitoring_alert_policy")
	r.after.enabled == false
	msg := sprintf("%s: is switched off; mend it or delete it", [r.address])
}

# A value that can be anything makes a time series of each.
unbounded := {"email", "hardware_id", "instance_id", "request_id", "session_id", "user_id"}

deny contains msg if {
	some r in resources("google_logging_metric")
	some label, _ in r.after.label_extractors
	label in unbounded
	msg := sprintf("%s: label %s has no bound, or is personal", [r.address, label])
}

deny contains msg if {
	some r in resources("google_logging_metric")
	some label, extractor in r.after.label_extractors
	label == "organization_id"
	not startswith(extractor, "REGEXP_EXTRACT(")
	msg := sprintf("%s: every organization would make time series; name those that are watched", [r.address])
}
