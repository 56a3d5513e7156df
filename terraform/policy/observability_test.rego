package main

import rego.v1

alert := {"documentation": [{"links": [{"url": "https://example.com/playbooks/oversold.md"}]}]}

test_an_alert_as_it_is if not denied("google_monitoring_alert_policy", alert)

test_an_alert_without_a_playbook if {
	refused("google_monitoring_alert_policy", {"documentation": []}, "no playbook")
	refused("google_monitoring_alert_policy", {"documentation": [{"links": []}]}, "no playbook")
	refused("google_monitoring_alert_policy", {}, "no playbook")
}

test_an_alert_that_carries_its_page if not denied("google_monitoring_alert_policy", {"documentation": [{"content": "What to do: docs/playbooks/oversold.md"}]})

test_an_alert_that_reaches_nobody if {
	refused("google_monitoring_alert_policy", object.union(alert, {"notification_channels": []}), "reaches nobody")
	refused("google_monitoring_alert_policy", object.union(alert, {"notification_channels": null}), "reaches nobody")
	not denied("google_monitoring_alert_policy", object.union(alert, {"notification_channels": ["c"]}))
}

test_lines_that_must_be_kept if {
	left_out := "google_logging_project_exclusion"
	not denied(left_out, {"filter": "resource.labels.service_name=\"licenses-heartbeat\"\nAND httpRequest.status>=200\nAND httpRequest.status<300"})
	refused(left_out, {"filter": "log_id(\"cloudaudit.googleapis.com/data_access\")"}, "leaves out more")
	refused(left_out, {"filter": "resource.labels.service_name=\"licenses-heartbeat\""}, "leaves out more")
	refused(left_out, {"name": "x"}, "leaves out more")
	every other in [
		`NOT resource.labels.service_name="licenses-heartbeat"`,
		`resource.labels.service_name!="licenses-heartbeat"`,
		`-"heartbeat"`,
		`resource.type="cloud_run_revision" -- heartbeat`,
		`resource.type="cloud_run_revision"`,
		`jsonPayload.operation=("heartbeat" OR "acquire")`,
		`httpRequest.requestUrl=~"^https://x/api/v1/licenses/sessions/[^/]+/heartbeat|"`,
		"resource.labels.service_name=\"licenses-heartbeat\"\nOR severity>=ERROR",
	] {
		refused(left_out, {"filter": sprintf("httpRequest.status>=200\nAND httpRequest.status<300\nAND %s", [other])}, "leaves out more")
	}
	refused(left_out, {"filter": "\"heartbeat\" OR severity=CRITICAL\nAND httpRequest.status>=200\nAND httpRequest.status<300"}, "leaves out more")
}

test_an_alert_switched_off if refused("google_monitoring_alert_policy", object.union(alert, {"enabled": false}), "switched off")

test_labels_without_bound if {
	refused("google_logging_metric", {"label_extractors": {"session_id": "EXTRACT(jsonPayload.session_id)"}}, "no bound")
	refused("google_logging_metric", {"label_extractors": {"organization_id": "EXTRACT(jsonPayload.organization_id)"}}, "every organization")
	not denied("google_logging_metric", {"label_extractors": {"code": "EXTRACT(jsonPayload.code)", "organization_id": "REGEXP_EXTRACT(jsonPayload.organization_id, \"^(acme)$\")"}})
}
