# The one way in, and who may sign in at all.
package main

import rego.v1

deny contains msg if {
	some type in {"google_compute_global_forwarding_rule", "google_compute_forwarding_rule"}
	some r in resources(type)
	port := object.get(r.after, "port_range", "any, the default")
	not port in {"443", "443-443"}
	msg := sprintf("%s: listens on port %v; a token sent in the clear is lost before a redirect", [r.address, port])
}

deny contains msg if {
	some r in resources("google_compute_region_network_endpoint_group")
	some run in r.after.cloud_run
	object.get(run, "url_mask", null) != null
	msg := sprintf("%s: a URL mask exposes any service whose name fits", [r.address])
}

# Behind the load balancer stand the public functions, and nothing else.
deny contains msg if {
	some r in resources("google_compute_region_network_endpoint_group")
	some run in r.after.cloud_run
	run.service
	not regex.match(`-(acquire|admin|heartbeat|release)$`, run.service)
	msg := sprintf("%s: leads to %s, which is not public", [r.address, run.service])
}

deny contains msg if {
	some r in resources("google_compute_region_network_endpoint_group")
	not leads_to_run(r.after)
	msg := sprintf("%s: leads out of Cloud Run", [r.address])
}

leads_to_run(group) if count(group.cloud_run) == 1

# A backend is the way to the function that it is named after, so that nothing has
# Armor's choice of another (below). Before it is there, the endpoint group's id is
# not known.
deny contains msg if {
	some r in resources("google_compute_backend_service")
	some b in r.after.backend
	b.group
	not own_group(b.group, object.get(r.after, "name", ""))
	msg := sprintf("%s: leads to %s", [r.address, b.group])
}

own_group(group, name) if {
	parts := regex.find_all_string_submatch_n(`^(?:https://(?:www|compute)\.googleapis\.com/compute/[a-z0-9]+/)?projects/([^/]+)/regions/[^/]+/networkEndpointGroups/([a-z0-9-]+)$`, group, 1)[0]
	in_plan(parts[1])
	parts[2] == name
}

# A request goes to one public function, and to nobody else, as it came.
deny contains msg if {
	some r in resources("google_compute_url_map")
	walk(r.after, [path, value])
	key := path[count(path) - 1]
	key in {"cors_policy", "default_url_redirect", "fault_injection_policy", "header_action", "request_mirror_policy", "url_redirect"}
	not value in {null, []}
	msg := sprintf("%s: %s sends requests elsewhere, or changes them", [r.address, key])
}

deny contains msg if {
	some r in resources("google_compute_url_map")
	walk(r.after, [path, value])
	path[count(path) - 1] in {"backend_service", "default_service", "service"}
	is_string(value)
	value != ""
	not own_backend(value)
	msg := sprintf("%s: leads to %s", [r.address, value])
}

own_backend(id) if {
	parts := regex.find_all_string_submatch_n(`^(?:https://(?:www|compute)\.googleapis\.com/compute/[a-z0-9]+/)?projects/([^/]+)/global/backendServices/[a-z0-9-]+-(?:acquire|admin|heartbeat|release)$`, id, 1)[0]
	in_plan(parts[1])
}

# Anybody can make an acquire expensive, and a page of an administrator's list is. Who
# heartbeats and releases is known to the function, which limits by user: there Cloud
# Armor is a choice. The policy's id is not known before it is there: then the plan says
# so instead.
deny contains msg if {
	some r in input.resource_changes
	r.type == "google_compute_backend_service"
	r.change.after != null
	not regex.match(`-(heartbeat|release)$`, object.get(r.change.after, "name", ""))
	object.get(r.change.after, "security_policy", null) in {null, ""}
	not object.get(r.change, ["after_unknown", "security_policy"], false) == true
	msg := sprintf("%s: not behind Cloud Armor", [r.address])
}

# A rule that allows comes last: before a limit it would undo it.
deny contains msg if {
	some r in resources("google_compute_security_policy")
	some rule in r.after.rule
	undoes(rule)
	msg := sprintf("%s: rule %v undoes the limits", [r.address, rule.priority])
}

undoes(rule) if {
	rule.action == "allow"
	rule.priority < 2147483647
}

undoes(rule) if rule.preview == true

undoes(rule) if rule.rate_limit_options[_].exceed_action == "allow"

deny contains msg if {
	some r in resources("google_compute_security_policy")
	not limits(r.after)
	msg := sprintf("%s: limits nobody", [r.address])
}

limits(policy) if policy.rule[_].action in {"throttle", "rate_based_ban"}

# Answers carry license tokens.
deny contains msg if {
	some r in resources("google_compute_backend_service")
	r.after.enable_cdn == true
	msg := sprintf("%s: answers must not be cached", [r.address])
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
	not object.get(r.after, "direction", null) == "EGRESS"
	open(r.after)
	msg := sprintf("%s: nothing in this network is open to the internet", [r.address])
}

private := {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}

# From anywhere, if no source is named; from outside, if one is not private.
open(rule) if {
	every key in {"source_ranges", "source_service_accounts", "source_tags"} {
		object.get(rule, key, null) in {null, []}
	}
}

open(rule) if {
	some range in rule.source_ranges
	not inside(range)
}

inside(range) if {
	some block in private
	net.cidr_contains(block, range)
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

deny contains msg if {
	some r in resources("google_identity_platform_config")
	some domain in r.after.authorized_domains
	regex.match(`^(localhost|127\.|\[?::1)`, domain)
	msg := sprintf("%s: sign-in may come back to %s, which is whatever runs on somebody's machine", [r.address, domain])
}

# Whoever has such a domain is handed what a sign-in comes back with.
deny contains msg if {
	some r in resources("google_identity_platform_config")
	some domain in r.after.authorized_domains
	not own_domain(domain)
	msg := sprintf("%s: sign-in may come back to %s, which is not the vendor's; if it is, name it in agreed_domains", [r.address, domain])
}

# The vendor's domains that have nothing in common with the service's: they are agreed on
# here, where no variable of a plan can write.
agreed_domains := set()

own_domain(domain) if domain in agreed_domains

own_domain(domain) if domain == service_domains[_]

own_domain(domain) if endswith(domain, sprintf(".%s", [service_domains[_]]))

# The vendor's others, beside the service's: portal.acme.example beside licenses.acme.example.
own_domain(domain) if {
	some name in service_domains
	parent := substring(name, indexof(name, ".") + 1, -1)
	anybodys_only_if_owned(parent)
	some end in {parent, sprintf(".%s", [parent])}
	own_end(domain, end)
}

# Google's own pages of the project.
own_domain(domain) if {
	some project in projects
	domain in {sprintf("%s.firebaseapp.com", [project]), sprintf("%s.web.app", [project])}
}

own_end(domain, end) if domain == end

own_end(domain, end) if {
	startswith(end, ".")
	endswith(domain, end)
}

# A name under which not everybody can have one: not example, and not co.uk.
anybodys_only_if_owned(name) if {
	contains(name, ".")
	not regex.match(`^(ac|co|com|edu|go|gob|gov|ne|net|or|org)\.[a-z]{2}$`, name)
}

# For which names the service proves that they are the vendor's, to have a certificate.
service_domains contains r.after.domain if some r in resources("google_certificate_manager_dns_authorization")

deny contains msg if {
	some r in resources("google_identity_platform_config")
	r.after.sign_in[_].email[_].password_required == false
	msg := sprintf("%s: whoever reads somebody's mail signs in as them", [r.address])
}

deny contains msg if {
	some r in resources("google_identity_platform_tenant")
	r.after.enable_email_link_signin == true
	msg := sprintf("%s: whoever reads somebody's mail signs in as them", [r.address])
}

# Code of somebody's that sees every sign-in and may change its claims.
deny contains msg if {
	some r in resources("google_identity_platform_config")
	some b in r.after.blocking_functions
	count(b.triggers) > 0
	msg := sprintf("%s: blocking functions decide who somebody is", [r.address])
}

deny contains msg if {
	some type in {"google_identity_platform_default_supported_idp_config", "google_identity_platform_tenant_default_supported_idp_config"}
	some r in resources(type)
	not r.after.idp_id in {"github.com", "google.com"}
	msg := sprintf("%s: nobody has agreed to sign in by %v", [r.address, r.after.idp_id])
}

closed(config) if config.client[_].permissions[_].disabled_user_signup == true
