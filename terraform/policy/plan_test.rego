# What tests share: a plan of one resource.
package main

import rego.v1

planned(type, after) := {"resource_changes": [{"address": sprintf("%s.x", [type]), "type": type, "change": {"after": after}}]}

denied(type, after) if count(deny) > 0 with input as planned(type, after)

refused(type, after, text) if {
	some msg in deny with input as planned(type, after)
	contains(msg, text)
}
