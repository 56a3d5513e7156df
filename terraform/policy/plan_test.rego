# What tests share: a plan of one resource, in a project.
package main

import rego.v1

planned(type, after) := {"resource_changes": [in_project, {"address": sprintf("%s.x", [type]), "type": type, "change": {"after": after}}]}

in_project := {"address": "api.x", "type": "google_project_service", "change": {"after": {"project": "acme-licenses"}}}

denied(type, after) if count(deny) > 0 with input as planned(type, after)

refused(type, after, text) if {
	some msg in deny with input as planned(type, after)
	contains(msg, text)
}

# passed are the names of resources, as [type, after] by name, that a plan of all of
# them together is not refused for: one look instead of one for each.
passed(resources_by_name) := {name | some name, _ in resources_by_name} - {name |
	some msg in deny with input as all_planned(resources_by_name)
	some name, _ in resources_by_name
	startswith(msg, sprintf("%s: ", [name]))
}

all_planned(resources_by_name) := {"resource_changes": array.concat([in_project], [{"address": name, "type": r[0], "change": {"after": r[1]}} | some name, r in resources_by_name])}
