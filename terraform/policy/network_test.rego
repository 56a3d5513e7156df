package main

import rego.v1

records := "google_dns_record_set"

balancer := {"address": "google_compute_global_address.edge", "type": "google_compute_global_address", "change": {"after": {"address": "203.0.113.9"}}}

balancer_to_come := {"address": "google_compute_global_address.edge", "type": "google_compute_global_address", "change": {"after": {}, "after_unknown": {"address": true}}}

recorded_as(after, unknown_keys, others) := {"resource_changes": array.concat(
	[in_project, {
		"address": "dns.x", "type": records,
		"change": {"after": after, "after_unknown": {key: true | some key in unknown_keys}},
	}],
	others,
)}

leads_elsewhere(plan) if {
	some msg in deny with input as plan
	contains(msg, "not the load balancer")
}

test_a_name_that_leads_to_the_load_balancer if {
	count(deny) == 0 with input as recorded_as({"type": "A", "rrdatas": ["203.0.113.9"]}, set(), [balancer])
	count(deny) == 0 with input as recorded_as({"type": "AAAA"}, {"rrdatas"}, [balancer_to_come])
	count(deny) == 0 with input as recorded_as({"type": "A", "rrdatas": [null]}, {"rrdatas"}, [balancer_to_come])
}

test_a_name_that_leads_elsewhere if {
	leads_elsewhere(recorded_as({"type": "A", "rrdatas": ["198.51.100.7"]}, set(), [balancer]))
	leads_elsewhere(recorded_as({"type": "A", "rrdatas": ["203.0.113.9", "198.51.100.7"]}, set(), [balancer]))
	leads_elsewhere(recorded_as({"type": "A", "rrdatas": ["198.51.100.7"]}, set(), [balancer_to_come]))
	leads_elsewhere(recorded_as({"type": "A", "rrdatas": []}, set(), [balancer]))
	leads_elsewhere(recorded_as({"type": "A", "rrdatas": [null, "198.51.100.7"]}, {"rrdatas"}, [balancer_to_come]))
	leads_elsewhere(recorded_as({"type": "AAAA"}, {"rrdatas"}, [balancer]))
	leads_elsewhere(recorded_as({"type": "CNAME", "name": "licenses.acme.example.", "rrdatas": ["evil.example."]}, set(), [balancer]))
	leads_elsewhere(recorded_as({"type": "NS", "rrdatas": ["ns.evil.example."]}, set(), [balancer]))
	leads_elsewhere(recorded_as({"type": "CNAME", "name": "licenses.acme.example."}, {"rrdatas"}, [balancer]))
}

test_the_proof_for_the_certificate if {
	proof := {"type": "CNAME", "name": "_acme-challenge.licenses.acme.example.", "rrdatas": ["x.9.authorize.certificatemanager.goog."]}
	asked := {"address": "a.x", "type": "google_certificate_manager_dns_authorization", "change": {"after": {}, "after_unknown": {"dns_resource_record": true}}}
	count(deny) == 0 with input as recorded_as(proof, set(), [balancer])
	count(deny) == 0 with input as recorded_as({}, {"name", "rrdatas", "type"}, [balancer_to_come, asked])
	leads_elsewhere(recorded_as(object.union(proof, {"rrdatas": ["evil.example."]}), set(), [balancer]))
	leads_elsewhere(recorded_as(object.union(proof, {"name": "www.licenses.acme.example."}), set(), [balancer]))
	leads_elsewhere(recorded_as({}, {"name", "rrdatas", "type"}, [balancer_to_come]))
}

test_a_name_that_leads_some_elsewhere if {
	refused(records, {"type": "A", "routing_policy": [{"wrr": [{"weight": 1, "rrdatas": ["198.51.100.7"]}]}]}, "routing policy")
	refused("google_dns_managed_zone", {"name": "z", "forwarding_config": [{"target_name_servers": [{"ipv4_address": "198.51.100.7"}]}]}, "somebody else answer")
	refused("google_dns_managed_zone", {"name": "z", "peering_config": [{"target_network": [{"network_url": "projects/evil/global/networks/n"}]}]}, "somebody else answer")
	not denied("google_dns_managed_zone", {"name": "z", "forwarding_config": [], "peering_config": []})
}

in_network(interface) := object.union(service("Acquire", true), {"template": [{
	"service_account": "a@p.iam.gserviceaccount.com", "containers": [container("Acquire")],
	"vpc_access": [{"egress": "PRIVATE_RANGES_ONLY", "connector": null, "network_interfaces": [interface]}],
}]})

test_the_functions_network if {
	not denied(run, in_network({"network": "projects/acme-licenses/global/networks/licenses", "subnetwork": "projects/acme-licenses/regions/us-central1/subnetworks/licenses-functions"}))
	not denied(run, in_network({"network": "licenses", "subnetwork": "https://www.googleapis.com/compute/v1/projects/acme-licenses/regions/us-central1/subnetworks/licenses-functions"}))
	not denied(run, in_network({})) # not known before the apply
	every interface in [
		{"network": "projects/evil/global/networks/licenses"},
		{"subnetwork": "projects/evil/regions/us-central1/subnetworks/licenses-functions"},
		{"network": "https://www.googleapis.com/compute/v1/projects/evil/global/networks/licenses"},
		{"network": "https://evil.example/projects/acme-licenses/global/networks/licenses"},
		{"network": "projects/acme-licenses/global/networks/../../evil"},
	] {
		refused(run, in_network(interface), "not of the service's own project")
	}
}

test_a_connector if {
	by_connector := object.union(service("Acquire", true), {"template": [{
		"service_account": "a@p.iam.gserviceaccount.com", "containers": [container("Acquire")],
		"vpc_access": [{"egress": "PRIVATE_RANGES_ONLY", "connector": "projects/evil/locations/us-central1/connectors/c"}],
	}]})
	refused(run, by_connector, "connector")
}

test_the_ledgers_network if {
	policies := "google_network_connectivity_service_connection_policy"
	not denied(policies, {"network": "projects/acme-licenses/global/networks/licenses", "psc_config": [{"subnetworks": ["projects/acme-licenses/regions/us-central1/subnetworks/licenses-ledger"]}]})
	refused(policies, {"network": "projects/evil/global/networks/licenses"}, "not of the service's own project")
	refused(policies, {"network": "licenses", "psc_config": [{"subnetworks": ["projects/evil/regions/us-central1/subnetworks/s"]}]}, "not of the service's own project")
	refused(policies, {"network": "licenses", "psc_config": [{"allowed_google_producers_resource_hierarchy_level": ["projects/1"]}]}, "other projects' services")
	not denied("google_compute_subnetwork", {"network": "projects/acme-licenses/global/networks/licenses"})
	refused("google_compute_subnetwork", {"network": "projects/evil/global/networks/shared"}, "not of the service's own project")
}

newest_revision := [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "revision": null, "tag": null}]

old_revision := [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "percent": 100, "revision": "licenses-acquire-00007-abc"}]

moving(before, after) := {"resource_changes": [in_project, {"address": "run.x", "type": run, "change": {
	"actions": ["update"],
	"before": {"traffic": before},
	"after": object.union(service("Acquire", true), {"traffic": after}),
}}]}

pins(plan) if {
	some msg in deny with input as plan
	contains(msg, "pins traffic")
}

test_traffic_of_an_old_revision if {
	pins(moving(newest_revision, old_revision))
	pins(moving(old_revision, [object.union(old_revision[0], {"revision": "licenses-acquire-00006-abc"})]))
	pins(moving(newest_revision, array.concat(newest_revision, [object.union(old_revision[0], {"percent": 0, "tag": "old"})])))
	pins(moving(newest_revision, [object.union(newest_revision[0], {"tag": "beside"})]))
	pins(planned(run, object.union(service("Acquire", true), {"traffic": old_revision})))
	pins(planned(run, object.union(service("Acquire", true), {"traffic": [{"percent": 100}]})))
}

test_traffic_where_it_belongs if {
	not pins(planned(run, object.union(service("Acquire", true), {"traffic": newest_revision})))
	not pins(moving(newest_revision, newest_revision))
	not pins(moving(old_revision, newest_revision))
	not pins(moving(old_revision, old_revision)) # as a roll-back has left it
}

signing_in_at(domains, proven) := {"resource_changes": array.concat(
	[in_project, {
		"address": "idp.x", "type": "google_identity_platform_config",
		"change": {"after": {"authorized_domains": domains, "client": [{"permissions": [{"disabled_user_signup": true}]}]}},
	}],
	[{"address": "a.x", "type": "google_certificate_manager_dns_authorization", "change": {"after": {"domain": domain}}} | some domain in proven],
)}

comes_back_elsewhere(plan) if {
	some msg in deny with input as plan
	contains(msg, "not the vendor's")
}

test_where_a_sign_in_comes_back_to if {
	every domain in ["licenses.acme.example", "www.licenses.acme.example", "acme.example", "portal.acme.example", "acme-licenses.firebaseapp.com", "acme-licenses.web.app"] {
		count(deny) == 0 with input as signing_in_at([domain], ["licenses.acme.example"])
	}
	every domain in ["evil.example", "acme.example.evil.example", "notacme.example", "evil-licenses.firebaseapp.com", "firebaseapp.com", "example", "203.0.113.7"] {
		comes_back_elsewhere(signing_in_at(["licenses.acme.example", domain], ["licenses.acme.example"]))
	}
	comes_back_elsewhere(signing_in_at(["evil.co.uk"], ["acme.co.uk"]))
	comes_back_elsewhere(signing_in_at(["evil.example"], ["acme.example"]))
	count(deny) == 0 with input as signing_in_at(["acme.co.uk", "www.acme.co.uk"], ["acme.co.uk"])
	comes_back_elsewhere(signing_in_at(["licenses.acme.example"], []))
}
