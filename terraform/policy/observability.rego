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
	regex.match(`docs/playbooks/[a-z-]+\.md`, d.content)
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

deny contains msg if {
	some r in resources("google_monitoring_alert_policy")
	"notification_channels" in object.keys(r.after)
	not told(r.after)
	msg := sprintf("%s: reaches nobody", [r.address])
}

told(alert) if count(alert.notification_channels) > 0

# What is not stored cannot be looked at afterwards.
deny contains msg if {
	some r in resources("google_logging_project_exclusion")
	not spares_failures(r.after)
	msg := sprintf("%s: leaves out more than heartbeats that succeeded", [r.address])
}

# Each comparison is one of these, as they stand: a negation, an alternative or a
# comment would turn a filter round.
narrows_to_heartbeats := concat("|", [
	`^resource\.labels\.service_name="[a-z][a-z0-9-]*-heartbeat"$`,
	`^jsonPayload\.operation="heartbeat"$`,
	`^httpRequest\.requestUrl=~"\^https://[a-z0-9.\[\]-]+/api/v1/licenses/sessions/\[\^/\]\+/heartbeat"$`,
])

narrows := concat("|", [
	narrows_to_heartbeats,
	`^resource\.type="[a-z_]+"$`,
	`^log_id\("(run\.googleapis\.com/)?(requests|stdout)"\)$`,
	`^severity<WARNING$`,
	`^httpRequest\.status(>=200|<300)$`,
])

spares_failures(exclusion) if {
	comparisons := split(exclusion.filter, "\nAND ")
	"httpRequest.status>=200" in comparisons
	"httpRequest.status<300" in comparisons
	some heartbeats in comparisons
	regex.match(narrows_to_heartbeats, heartbeats)
	every comparison in comparisons {
		regex.match(narrows, comparison)
	}
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
