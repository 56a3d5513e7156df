package main

import rego.v1

alert := {"documentation": [{"links": [{"url": "https://example.com/playbooks/oversold.md"}]}]}

test_an_alert_as_it_is if not denied("google_monitoring_alert_policy", alert)

test_an_alert_without_a_playbook if {
	refused("google_monitoring_alert_policy", {"documentation": []}, "no playbook")
	refused("google_monitoring_alert_policy", {"documentation": [{"links": []}]}, "no playbook")
	refused("google_monitoring_alert_policy", {}, "no playbook")
}

test_an_alert_switched_off if refused("google_monitoring_alert_policy", object.union(alert, {"enabled": false}), "switched off")

test_labels_without_bound if {
	refused("google_logging_metric", {"label_extractors": {"session_id": "EXTRACT(jsonPayload.session_id)"}}, "no bound")
	refused("google_logging_metric", {"label_extractors": {"organization_id": "EXTRACT(jsonPayload.organization_id)"}}, "every organization")
	not denied("google_logging_metric", {"label_extractors": {"code": "EXTRACT(jsonPayload.code)", "organization_id": "REGEXP_EXTRACT(jsonPayload.organization_id, \"^(acme)$\")"}})
}
