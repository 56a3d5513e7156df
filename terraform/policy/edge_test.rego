package main

import rego.v1

test_a_listener_in_the_clear if {
	refused("google_compute_global_forwarding_rule", {"port_range": "80"}, "in the clear")
	not denied("google_compute_global_forwarding_rule", {"port_range": "443"})
}

test_a_url_mask if {
	refused("google_compute_region_network_endpoint_group", {"cloud_run": [{"url_mask": "/<service>"}]}, "URL mask")
	not denied("google_compute_region_network_endpoint_group", {"cloud_run": [{"service": "licenses-acquire", "url_mask": null}]})
}

test_a_backend_without_armor if {
	refused("google_compute_backend_service", {"name": "x"}, "Cloud Armor")
	count(deny) == 0 with input as {"resource_changes": [{"address": "b", "type": "google_compute_backend_service", "change": {"after": {"name": "x"}, "after_unknown": {"security_policy": true}}}]}
}

test_old_tls if refused("google_compute_ssl_policy", {"min_tls_version": "TLS_1_0"}, "TLS 1.2")

test_subnetworks_nobody_asked_for if denied("google_compute_network", {"auto_create_subnetworks": true})

test_a_firewall_open_to_all if denied("google_compute_firewall", {"direction": "INGRESS", "source_ranges": ["0.0.0.0/0"]})

test_anonymous_users if refused("google_identity_platform_config", {"sign_in": [{"anonymous": [{"enabled": true}]}], "client": [{"permissions": [{"disabled_user_signup": true}]}]}, "anonymous")

test_open_sign_up if {
	refused("google_identity_platform_config", {"client": [{"permissions": [{"disabled_user_signup": false}]}]}, "sign up")
	refused("google_identity_platform_tenant", {"display_name": "x"}, "sign up")
	not denied("google_identity_platform_tenant", {"client": [{"permissions": [{"disabled_user_signup": true}]}]})
}
