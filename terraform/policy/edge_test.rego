package main

import rego.v1

test_a_listener_in_the_clear if {
	refused("google_compute_global_forwarding_rule", {"port_range": "80"}, "in the clear")
	refused("google_compute_global_forwarding_rule", {"port_range": "80-443"}, "in the clear")
	refused("google_compute_global_forwarding_rule", {}, "in the clear")
	not denied("google_compute_global_forwarding_rule", {"port_range": "443"})
	not denied("google_compute_global_forwarding_rule", {"port_range": "443-443"})
}

test_a_url_mask if {
	refused("google_compute_region_network_endpoint_group", {"cloud_run": [{"url_mask": "/<service>"}]}, "URL mask")
	not denied("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-acquire", "url_mask": null}]})
}

test_a_way_to_something_else if {
	refused("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-reaper"}]}, "not public")
	refused("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-control"}]}, "not public")
	not denied("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-admin"}]})
	refused("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-admin-console"}]}, "not public")
	refused("google_compute_region_network_endpoint_group", {"network_endpoint_type": "INTERNET_FQDN_PORT"}, "out of Cloud Run")
}

group(path) := [{"group": sprintf("projects/%s", [path])}]

test_a_backend_of_something_else if {
	backend := "google_compute_backend_service"
	not denied(backend, {"name": "licenses-heartbeat", "backend": group("acme-licenses/regions/us-central1/networkEndpointGroups/licenses-heartbeat")})
	not denied(backend, {"name": "licenses-heartbeat", "backend": [{}]})
	every path in [
		"evil/regions/us-central1/networkEndpointGroups/licenses-heartbeat",
		"acme-licenses/regions/us-central1/networkEndpointGroups/licenses-acquire",
		"acme-licenses/global/networkEndpointGroups/licenses-heartbeat",
		"acme-licenses/zones/us-central1-a/instanceGroups/licenses-heartbeat",
	] {
		refused(backend, {"name": "licenses-heartbeat", "backend": group(path)}, "leads to")
	}
}

own := "projects/acme-licenses/global/backendServices/licenses-acquire"

test_where_requests_go if {
	routes := "google_compute_url_map"
	rewrite := [{"url_rewrite": [{"path_template_rewrite": "/not-routed"}], "request_mirror_policy": [], "cors_policy": null}]
	not denied(routes, {"default_service": own, "path_matcher": [{"route_rules": [{"service": sprintf("https://www.googleapis.com/compute/v1/%s", [own]), "route_action": rewrite}]}]})
	not denied(routes, {"path_matcher": [{"route_rules": [{"service": "projects/acme-licenses/global/backendServices/licenses-admin"}]}]})
	refused(routes, {"path_matcher": [{"route_rules": [{"service": "projects/evil/global/backendServices/licenses-admin"}]}]}, "leads to")
	refused(routes, {"default_service": "projects/evil/global/backendServices/licenses-acquire"}, "leads to")
	refused(routes, {"path_matcher": [{"route_rules": [{"service": "projects/acme-licenses/global/backendServices/others"}]}]}, "leads to")
	refused(routes, {"path_matcher": [{"default_service": "projects/acme-licenses/global/backendBuckets/b-acquire"}]}, "leads to")
	refused(routes, {"path_matcher": [{"default_service": "projects/acme-licenses/global/backendServices/licenses-control"}]}, "leads to")
	refused(routes, {"default_route_action": [{"weighted_backend_services": [{"backend_service": "projects/evil/global/backendServices/x"}]}]}, "leads to")
	refused(routes, {"default_route_action": [{"request_mirror_policy": [{"backend_service": own}]}]}, "sends requests elsewhere")
	refused(routes, {"default_url_redirect": [{"host_redirect": "evil.example"}]}, "sends requests elsewhere")
	refused(routes, {"path_matcher": [{"path_rule": [{"url_redirect": [{"host_redirect": "evil.example"}]}]}]}, "sends requests elsewhere")
	refused(routes, {"header_action": [{"request_headers_to_add": [{"header_name": "Authorization"}]}]}, "sends requests elsewhere")
}

test_a_backend_without_armor if {
	refused("google_compute_backend_service", {"name": "x"}, "Cloud Armor")
	refused("google_compute_backend_service", {"name": "licenses-acquire"}, "Cloud Armor")
	refused("google_compute_backend_service", {"name": "licenses-admin", "security_policy": null}, "Cloud Armor")
	count(deny) == 0 with input as {"resource_changes": [{"address": "b", "type": "google_compute_backend_service", "change": {"after": {"name": "x"}, "after_unknown": {"security_policy": true}}}]}
}

test_armor_is_a_choice_for_heartbeats if {
	not denied("google_compute_backend_service", {"name": "licenses-heartbeat", "security_policy": null})
	not denied("google_compute_backend_service", {"name": "licenses-release"})
}

test_rules_that_undo_the_limits if {
	refused("google_compute_security_policy", {"rule": [{"priority": 1, "action": "allow"}]}, "undoes")
	refused("google_compute_security_policy", {"rule": [{"priority": 2147483647, "action": "allow"}]}, "limits nobody")
	refused("google_compute_security_policy", {"rule": [{"priority": 2000, "action": "throttle", "preview": true}]}, "undoes")
	refused("google_compute_security_policy", {"rule": [{"priority": 2000, "action": "throttle", "rate_limit_options": [{"exceed_action": "allow"}]}]}, "undoes")
	not denied("google_compute_security_policy", {"rule": [{"priority": 2000, "action": "throttle", "preview": false}, {"priority": 2147483647, "action": "allow"}]})
}

test_answers_in_a_cache if refused("google_compute_backend_service", {"name": "licenses-heartbeat", "enable_cdn": true}, "cached")

test_old_tls if refused("google_compute_ssl_policy", {"min_tls_version": "TLS_1_0"}, "TLS 1.2")

test_subnetworks_nobody_asked_for if denied("google_compute_network", {"auto_create_subnetworks": true})

open_rules := {
	"all": {"direction": "INGRESS", "source_ranges": ["0.0.0.0/0"]},
	"all, by default": {"source_ranges": ["0.0.0.0/0"]},
	"nobody named": {"direction": "INGRESS"},
	"both halves": {"source_ranges": ["0.0.0.0/1", "128.0.0.0/1"]},
	"one of outside": {"direction": "INGRESS", "source_ranges": ["10.0.0.0/8", "203.0.113.7/32"]},
	"all of IPv6": {"direction": "INGRESS", "source_ranges": ["::/0"]},
	"a little more than private": {"source_ranges": ["10.0.0.0/7"]},
}

test_a_firewall_open_to_all if {
	passed({name: ["google_compute_firewall", rule] | some name, rule in open_rules}) == set()
	not denied("google_compute_firewall", {"direction": "INGRESS", "source_ranges": ["10.20.0.0/16"]})
	not denied("google_compute_firewall", {"direction": "EGRESS"})
}

test_sign_in_elsewhere if refused("google_identity_platform_config", {"authorized_domains": ["licenses.acme.example", "localhost"], "client": [{"permissions": [{"disabled_user_signup": true}]}]}, "localhost")

test_another_sign_in if {
	not denied("google_identity_platform_default_supported_idp_config", {"idp_id": "google.com"})
	refused("google_identity_platform_default_supported_idp_config", {"idp_id": "facebook.com"}, "facebook.com")
}

test_somebody_who_decides_who_one_is if refused("google_identity_platform_config", {"blocking_functions": [{"triggers": [{"event_type": "beforeSignIn"}]}], "client": [{"permissions": [{"disabled_user_signup": true}]}]}, "blocking functions")

test_anonymous_users if refused("google_identity_platform_config", {"sign_in": [{"anonymous": [{"enabled": true}]}], "client": [{"permissions": [{"disabled_user_signup": true}]}]}, "anonymous")

test_open_sign_up if {
	refused("google_identity_platform_config", {"client": [{"permissions": [{"disabled_user_signup": false}]}]}, "sign up")
	refused("google_identity_platform_tenant", {"display_name": "x"}, "sign up")
	not denied("google_identity_platform_tenant", {"client": [{"permissions": [{"disabled_user_signup": true}]}]})
}

test_mail_instead_of_a_password if {
	closed_to_others := {"client": [{"permissions": [{"disabled_user_signup": true}]}]}
	refused("google_identity_platform_config", object.union(closed_to_others, {"sign_in": [{"email": [{"enabled": true, "password_required": false}]}]}), "reads somebody's mail")
	refused("google_identity_platform_tenant", object.union(closed_to_others, {"enable_email_link_signin": true}), "reads somebody's mail")
	not denied("google_identity_platform_config", object.union(closed_to_others, {"sign_in": [{"email": [{"enabled": true, "password_required": true}]}]}))
}
