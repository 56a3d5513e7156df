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
