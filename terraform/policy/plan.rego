# What a plan may not do. Input is `tofu show -json PLAN` (or `terraform show`).
# The tests beside the module (tests/) say what it makes by default; these rules
# hold for every configuration of it, whoever wrote the variables.
package main

import rego.v1

# resources of a type as they will be, with the address for the message.
resources(type) := [{"address": r.address, "after": r.change.after} |
	some r in input.resource_changes
	r.type == type
	object.get(r, "mode", "managed") == "managed" # what is only read is not in the plan's hands
	r.change.after != null
]

# function is FUNCTION_TARGET of a Cloud Run service.
function(service) := target if {
	some t in service.template
	some c in t.containers
	some e in c.env
	e.name == "FUNCTION_TARGET"
	target := e.value
}
