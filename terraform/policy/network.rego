# Where the service's name leads, and whose network it is in.
package main

import rego.v1

# Its names lead to its load balancer's addresses. Before these are there, a plan knows
# neither them nor the record: then one of them must be made by it.
deny contains msg if {
	some r in input.resource_changes
	r.type == "google_dns_record_set"
	r.change.after != null
	not own_record(r.change)
	msg := sprintf("%s: leads to %v, which is not the load balancer", [r.address, object.get(r.change.after, "rrdatas", "nobody knows where")])
}

own_record(change) if {
	change.after.type in {"A", "AAAA"}
	count(change.after.rrdatas) > 0
	every address in change.after.rrdatas {
		address in addresses
	}
}

own_record(change) if {
	change.after.type in {"A", "AAAA"}
	unknown(change, "rrdatas")
	some r in input.resource_changes
	r.type == "google_compute_global_address"
	unknown(r.change, "address")
}

# The proof that the name is the vendor's, for its certificate: Google's answer, of which
# a plan knows nothing before that is asked for.
own_record(change) if {
	change.after.type == "CNAME"
	startswith(change.after.name, "_acme-challenge")
	count(change.after.rrdatas) > 0
	every target in change.after.rrdatas {
		endswith(target, ".authorize.certificatemanager.goog.")
	}
}

own_record(change) if {
	unknown(change, "rrdatas")
	unknown(change, "type")
	some r in input.resource_changes
	r.type == "google_certificate_manager_dns_authorization"
	unknown(r.change, "dns_resource_record")
}

addresses contains r.after.address if some r in resources("google_compute_global_address")

# unknown: it is known after the apply. Of a list of one that is not known the plan has the
# place alone.
unknown(change, key) if {
	object.get(change.after, key, null) in {null, [], [null]}
	object.get(change, ["after_unknown", key], false) != false
}

# By weight, place or health it leads somewhere else for some.
deny contains msg if {
	some r in resources("google_dns_record_set")
	count(object.get(r.after, "routing_policy", [])) > 0
	msg := sprintf("%s: a routing policy leads some of those who ask elsewhere", [r.address])
}

# Others would answer for the zone.
deny contains msg if {
	some r in resources("google_dns_managed_zone")
	some key in {"forwarding_config", "peering_config", "private_visibility_config", "service_directory_config"}
	count(object.get(r.after, key, [])) > 0
	msg := sprintf("%s: %s has somebody else answer for the name", [r.address, key])
}

# The functions, and the ledger's endpoints (backends.rego), are in the service's own network. Before it is there, its id is not
# known, and no other's is: those are there.
deny contains msg if {
	some type in {"google_cloud_run_v2_service", "google_compute_subnetwork", "google_network_connectivity_service_connection_policy"}
	some r in resources(type)
	walk(r.after, [path, value])
	some key in {"network", "subnetwork", "subnetworks"}
	key in path
	is_string(value)
	value != ""
	not own_network(value)
	msg := sprintf("%s: %s is %s, which is not of the service's own project", [r.address, key, value])
}

# A short name is looked for in the project of whoever uses it.
own_network(id) if regex.match(`^[a-z]([-a-z0-9]*[a-z0-9])?$`, id)

own_network(id) if {
	parts := regex.find_all_string_submatch_n(`^(?:https://(?:www|compute)\.googleapis\.com/compute/[a-z0-9]+/)?projects/([^/]+)/(?:global/networks|regions/[^/]+/subnetworks)/[a-z0-9-]+$`, id, 1)[0]
	in_plan(parts[1])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some v in t.vpc_access
	not object.get(v, "connector", null) in {null, ""}
	msg := sprintf("%s: goes out by connector %s, which is no part of the service", [r.address, v.connector])
}

# Google's own list of who may put endpoints into the network.
deny contains msg if {
	some r in resources("google_network_connectivity_service_connection_policy")
	some c in r.after.psc_config
	count(object.get(c, "allowed_google_producers_resource_hierarchy_level", [])) > 0
	msg := sprintf("%s: lets other projects' services into the network", [r.address])
}

# A plan leaves traffic with the newest revision, or where a release has put it: the
# configuration says the one, and ignores the other (modules/function). One that moves it
# brings an old program back, or a tag that is an address beside the load balancer's.
deny contains msg if {
	some r in input.resource_changes
	r.type == "google_cloud_run_v2_service"
	r.change.after != null
	object.get(r.change, ["before", "traffic"], []) != object.get(r.change.after, "traffic", [])
	some t in r.change.after.traffic
	not newest(t)
	msg := sprintf("%s: pins traffic to %v; releases move it, plans do not", [r.address, object.get(t, "revision", "a revision that nobody can see")])
}

newest(t) if {
	object.get(t, "type", null) == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	object.get(t, "revision", null) in {null, ""}
	object.get(t, "tag", null) in {null, ""}
}
