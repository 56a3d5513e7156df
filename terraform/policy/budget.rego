# A budget is of this project alone, and tells somebody before it is spent.
package main

import rego.v1

deny contains msg if {
	some r in resources("google_billing_budget")
	not of_one_project(r.after)
	msg := sprintf("%s: is not about one project; others of the billing account are not this plan's", [r.address])
}

of_one_project(budget) if {
	some filter in budget.budget_filter
	one_or_unknown(filter)
	every wider in ["resource_ancestors", "subaccounts"] {
		count(some_or_none(filter, wider)) == 0
	}
}

# Its number is not known before the first apply.
one_or_unknown(filter) if not "projects" in object.keys(filter)

one_or_unknown(filter) if count(filter.projects) == 1

some_or_none(block, key) := value if {
	value := block[key]
	value != null
} else := []

deny contains msg if {
	some r in resources("google_billing_budget")
	count(object.get(r.after, "threshold_rules", [])) == 0
	msg := sprintf("%s: has no threshold, so nobody would be told", [r.address])
}

# What a budget takes at most, and what the provider does not check.
deny contains msg if {
	some r in resources("google_billing_budget")
	not told(r.after)
	msg := sprintf("%s: must tell one to five channels", [r.address])
}

told(budget) if {
	some rule in budget.all_updates_rule
	count(rule.monitoring_notification_channels) >= 1
	count(rule.monitoring_notification_channels) <= 5
}

# Or cannot be seen yet.
told(budget) if {
	some rule in budget.all_updates_rule
	not "monitoring_notification_channels" in object.keys(rule)
}

deny contains msg if {
	some r in resources("google_billing_budget")
	some rule in r.after.all_updates_rule
	not object.get(rule, "pubsub_topic", null) in {null, ""}
	msg := sprintf("%s: what is spent would be published to %s", [r.address, rule.pubsub_topic])
}
