# The one way in, and who may sign in at all.
package main

import rego.v1

deny contains msg if {
	some type in {"google_compute_global_forwarding_rule", "google_compute_forwarding_rule"}
	some r in resources(type)
	r.after.port_range != "443"
	msg := sprintf("%s: listens on port %s; a token sent in the clear is lost before a redirect", [r.address, r.after.port_range])
}

deny contains msg if {
	some r in resources("google_compute_region_network_endpoint_group")
	some run in r.after.cloud_run
	object.get(run, "url_mask", null) != null
	msg := sprintf("%s: a URL mask exposes any service whose name fits", [r.address])
}

# The policy's id is not known before it is there: then the plan says so instead.
deny contains msg if {
	some r in input.resource_changes
	r.type == "google_compute_backend_service"
	r.change.after != null
	object.get(r.change.after, "security_policy", null) in {null, ""}
	not object.get(r.change, ["after_unknown", "security_policy"], false) == true
	msg := sprintf("%s: not behind Cloud Armor", [r.address])
}

deny contains msg if {
	some r in resources("google_compute_ssl_policy")
	not r.after.min_tls_version == "TLS_1_2"
	msg := sprintf("%s: TLS 1.2 at least", [r.address])
}

deny contains msg if {
	some r in resources("google_compute_network")
	not r.after.auto_create_subnetworks == false
	msg := sprintf("%s: makes subnetworks nobody asked for", [r.address])
}

deny contains msg if {
	some r in resources("google_compute_firewall")
	r.after.direction == "INGRESS"
	some range in r.after.source_ranges
	range in {"0.0.0.0/0", "::/0"}
	msg := sprintf("%s: nothing in this network is open to the internet", [r.address])
}

deny contains msg if {
	some r in resources("google_identity_platform_config")
	some s in r.after.sign_in
	some a in s.anonymous
	a.enabled == true
	msg := sprintf("%s: nobody may be anonymous", [r.address])
}

deny contains msg if {
	some type in {"google_identity_platform_config", "google_identity_platform_tenant"}
	some r in resources(type)
	not closed(r.after)
	msg := sprintf("%s: anybody may sign up", [r.address])
}

closed(config) if config.client[_].permissions[_].disabled_user_signup == true
