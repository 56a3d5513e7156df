package main

import rego.v1

budget := "google_billing_budget"

monthly := {
	"budget_filter": [{"projects": ["projects/1234567890"]}],
	"threshold_rules": [{"threshold_percent": 1}],
	"all_updates_rule": [{"monitoring_notification_channels": ["projects/acme-licenses/notificationChannels/1"]}],
}

test_a_budget_as_it_is if {
	not denied(budget, monthly)
	count(warn) == 0 with input as planned(budget, monthly)
	not denied(budget, object.union(monthly, {"budget_filter": [{"calendar_period": "MONTH"}]})) # not known yet
	not denied(budget, object.union(monthly, {"all_updates_rule": [{"schema_version": "1.0"}]}))
	not denied(budget, object.union(monthly, {"budget_filter": [{"projects": [null]}], "all_updates_rule": [{"monitoring_notification_channels": [null, null]}]}))
}

test_a_budget_of_others if {
	every filter in [
		[], [{"projects": null}], [{"projects": []}], [{"projects": ["projects/1", "projects/2"]}],
		[{"projects": ["projects/1"], "resource_ancestors": ["folders/1"]}],
		[{"projects": ["projects/1"], "subaccounts": ["billingAccounts/1"]}],
	] {
		refused(budget, object.union(monthly, {"budget_filter": filter}), "not about one project")
	}
}

test_a_budget_that_tells_nobody if {
	refused(budget, object.union(monthly, {"threshold_rules": []}), "no threshold")
	every rule in [[], [{"monitoring_notification_channels": []}], [{"monitoring_notification_channels": null}], [{"monitoring_notification_channels": ["1", "2", "3", "4", "5", "6"]}]] {
		refused(budget, object.union(monthly, {"all_updates_rule": rule}), "one to five channels")
	}
}

test_a_budget_that_is_published if refused(
	budget,
	object.union(monthly, {"all_updates_rule": [{"monitoring_notification_channels": ["1"], "pubsub_topic": "projects/evil/topics/spent"}]}),
	"published to projects/evil/topics/spent",
)
