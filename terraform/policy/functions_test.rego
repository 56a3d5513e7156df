package main

import rego.v1

probe := [{"http_get": [{"path": "/startup"}]}]

digest := "r/i@sha256:0000000000000000000000000000000000000000000000000000000000000000"

container(target) := {"image": digest, "startup_probe": probe, "env": [{"name": "FUNCTION_TARGET", "value": target}]}

service(target, public) := {
	"ingress": {true: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", false: "INGRESS_TRAFFIC_INTERNAL_ONLY"}[public],
	"invoker_iam_disabled": public,
	"default_uri_disabled": public,
	"template": [{"service_account": "a@p.iam.gserviceaccount.com", "containers": [container(target)]}],
}

run := "google_cloud_run_v2_service"

in_container(change) := object.union(service("Acquire", true), {"template": [{"service_account": "a", "containers": [object.union(container("Acquire"), change)]}]})

test_the_four_as_they_are if {
	not denied(run, service("Acquire", true))
	not denied(run, service("Heartbeat", true))
	not denied(run, service("Release", true))
	not denied(run, service("Reaper", false))
}

test_a_public_reaper_by_the_switch if refused(run, service("Reaper", true), "IAM must check")

test_a_service_we_do_not_know_is_not_public if {
	refused(run, service("Admin", true), "IAM must check")
	refused(run, in_container({"env": []}), "IAM must check")
}

test_open_to_the_internet if {
	refused(run, object.union(service("Acquire", true), {"ingress": "INGRESS_TRAFFIC_ALL"}), "load balancer alone")
	refused(run, object.union(service("Reaper", false), {"ingress": "INGRESS_TRAFFIC_ALL"}), "only the project itself")
}

test_an_address_beside_the_load_balancer if refused(run, object.union(service("Acquire", true), {"default_uri_disabled": false}), "around Cloud Armor")

test_an_image_by_tag if refused(run, in_container({"image": "r/i:latest"}), "digest")

test_the_default_account if refused(run, object.union(service("Acquire", true), {"template": [{"containers": [container("Acquire")]}]}), "default account")

test_an_emulator if refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": "FIREBASE_AUTH_EMULATOR_HOST", "value": "x:1"}]}), "EMULATOR")

test_trust_in_a_check_that_is_off if refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": "REAPER_IAM_CHECKED", "value": "true"}]}), "but it does not")

test_a_password_in_the_clear if refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": "REDIS_PASSWORD", "value": "x"}]}), "REDIS_PASSWORD")

test_ready_too_early if refused(run, in_container({"startup_probe": [{"tcp_socket": [{"port": 8080}]}]}), "/startup")
