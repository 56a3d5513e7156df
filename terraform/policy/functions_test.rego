package main

import rego.v1

probe := [{"http_get": [{"path": "/startup"}]}]

digest := "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

container(target) := {"image": digest, "startup_probe": probe, "env": [{"name": "FUNCTION_TARGET", "value": target}]}

service(target, public) := {
	"ingress": {true: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", false: object.get({"Control": "INGRESS_TRAFFIC_ALL"}, target, "INGRESS_TRAFFIC_INTERNAL_ONLY")}[public],
	"invoker_iam_disabled": public,
	"default_uri_disabled": public,
	"template": [{"service_account": "a@p.iam.gserviceaccount.com", "containers": [container(target)]}],
}

run := "google_cloud_run_v2_service"

in_container(change) := object.union(service("Acquire", true), {"template": [{"service_account": "a", "containers": [object.union(container("Acquire"), change)]}]})

test_the_seven_as_they_are if {
	not denied(run, service("Acquire", true))
	not denied(run, service("Admin", true))
	not denied(run, service("Heartbeat", true))
	not denied(run, service("Release", true))
	not denied(run, service("Reaper", false))
	not denied(run, service("Control", false))
	not denied(run, service("Deliver", false))
}

test_a_public_reaper_by_the_switch if refused(run, service("Reaper", true), "IAM must check")

test_a_public_deliver_by_the_switch if refused(run, service("Deliver", true), "IAM must check")

test_a_vendors_door_without_iam if refused(run, service("Control", true), "IAM must check")

test_a_service_we_do_not_know_is_not_public if {
	refused(run, service("Console", true), "IAM must check")
	refused(run, in_container({"env": []}), "IAM must check")
}

test_open_to_the_internet if {
	refused(run, object.union(service("Acquire", true), {"ingress": "INGRESS_TRAFFIC_ALL"}), "load balancer alone")
	refused(run, object.union(service("Reaper", false), {"ingress": "INGRESS_TRAFFIC_ALL"}), "only the project itself")
	refused(run, object.remove(service("Acquire", true), ["ingress"]), "load balancer alone")
	refused(run, object.remove(service("Reaper", false), ["ingress"]), "only the project itself")
	refused(run, object.union(service("Reaper", false), {"ingress": null}), "only the project itself")
	refused(run, object.remove(service("Control", false), ["ingress"]), "only the project itself")
	refused(run, object.remove(service("Deliver", false), ["ingress"]), "only the project itself")
	refused(run, object.union(service("Deliver", false), {"ingress": "INGRESS_TRAFFIC_ALL"}), "only the project itself")
	refused(run, object.union(service("Deliver", false), {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"}), "only the project itself")
	refused(run, object.union(service("Admin", true), {"ingress": "INGRESS_TRAFFIC_ALL"}), "load balancer alone")
	refused(run, object.remove(service("Admin", true), ["ingress"]), "load balancer alone")
	not denied(run, object.union(service("Control", false), {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}))
}

test_an_address_beside_the_load_balancer if {
	every target in ["Acquire", "Admin"] {
		refused(run, object.union(service(target, true), {"default_uri_disabled": false}), "around Cloud Armor")
	}
}

test_an_image_by_tag if refused(run, in_container({"image": "r/i:latest"}), "digest")

test_the_default_account if refused(run, object.union(service("Acquire", true), {"template": [{"containers": [container("Acquire")]}]}), "default account")

test_an_emulator if refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": "FIREBASE_AUTH_EMULATOR_HOST", "value": "x:1"}]}), "EMULATOR")

test_trust_in_a_check_that_is_off if {
	every name in ["REAPER_IAM_CHECKED", "STAFF_IAM_CHECKED"] {
		refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": name, "value": "true"}]}), "but it does not")
	}
}

door(name, value) := object.union(service("Control", false), {
	"name": "licenses-control", "project": "acme-licenses",
	"template": [{"service_account": "licenses-control@acme-licenses.iam.gserviceaccount.com", "containers": [object.union(container("Control"), {"env": [{"name": "FUNCTION_TARGET", "value": "Control"}, {"name": name, "value": value}]})]}],
})

test_whom_the_vendors_door_takes if {
	not denied(run, door("STAFF_ACCOUNTS", "billing@acme-billing.iam.gserviceaccount.com,eve@acme.example,@acme.example"))
	every accounts in ["", "*", "eve", "@gmail.com", "eve@acme.example,@googlemail.com", "eve@acme.example,", null] {
		refused(run, door("STAFF_ACCOUNTS", accounts), "not named")
	}
	not denied(run, door("STAFF_AUDIENCE", "https://licenses.acme.example/api/v1/control"))
	every audience in ["https://evil.example", "http://licenses.acme.example/api/v1/control", "https://a.example,https://licenses.acme.example/api/v1/control"] {
		refused(run, door("STAFF_AUDIENCE", audience), "not the service's own")
	}
}

test_keys_at_the_vendors_door if {
	refused(run, door("KMS_ENCRYPTION_KEY", delegation_key), "signs nothing")
	not denied(run, door("KMS_KEY", key))
	refused(run, door("KMS_KEY", "projects/evil/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"), "not the service's own")
}

# The customers' door is what it is told: its own project's record and ledger, and
# no key.
customers_door(name, value) := object.union(service("Admin", true), {
	"name": "licenses-admin", "project": "acme-licenses",
	"template": [{"service_account": "licenses-admin@acme-licenses.iam.gserviceaccount.com", "containers": [object.union(container("Admin"), {"env": [{"name": "FUNCTION_TARGET", "value": "Admin"}, {"name": name, "value": value}]})]}],
})

test_what_the_customers_door_is_told if {
	not denied(run, customers_door("MEMORYSTORE_INSTANCE", ledger_name))
	every instance in [
		"projects/acme-licenses/locations/us-central1/instances/payments",
		"projects/acme-payments/locations/us-central1/instances/licenses",
		null,
	] {
		refused(run, customers_door("MEMORYSTORE_INSTANCE", instance), "not the service's own")
	}
	refused(run, customers_door("GOOGLE_CLOUD_PROJECT", "acme-payments"), "not the service's own")
	refused(run, customers_door("STAFF_IAM_CHECKED", "true"), "but it does not")
	refused(run, customers_door("FIREBASE_AUTH_EMULATOR_HOST", "x:1"), "EMULATOR")
	every name in ["KMS_KEY", "KMS_ENCRYPTION_KEY", "TOKEN_SIGNING"] {
		refused(run, customers_door(name, key), "Admin signs nothing")
	}
}

test_the_customers_door_as_somebody_else if {
	every account in ["licenses-control", "licenses-acquire", "licenses-build", "payments-admin"] {
		refused(run, object.union(customers_door("LOG_LEVEL", "info"), {"template": [{"service_account": sprintf("%s@acme-licenses.iam.gserviceaccount.com", [account]), "containers": [container("Admin")]}]}), "not as its own account")
	}
	refused(run, object.union(customers_door("LOG_LEVEL", "info"), {"name": "licenses-control"}), "another function")
}

# What tells events knows the record, the topic and the key of webhooks, and reaches
# nothing but the internet.
teller(change) := object.union(service("Deliver", false), {
	"name": "licenses-deliver", "project": "acme-licenses",
	"template": [object.union({"service_account": "licenses-deliver@acme-licenses.iam.gserviceaccount.com", "containers": [container("Deliver")]}, change)],
})

told_of(e) := teller({"containers": [object.union(container("Deliver"), {"env": [{"name": "FUNCTION_TARGET", "value": "Deliver"}, e]})]})

of_secret(name, secret) := {"name": name, "value": null, "value_source": [{"secret_key_ref": [{"secret": secret, "version": "1"}]}]}

test_what_deliver_is_told if {
	not denied(run, told_of({"name": "EVENTS", "value": "true"}))
	not denied(run, told_of({"name": "EVENTS_TOPIC", "value": "projects/acme-licenses/topics/licenses-events"}))
	not denied(run, told_of({"name": "REAPER_AUDIENCE", "value": "https://licenses.acme.example/internal/v1/deliver"}))
	not denied(run, told_of(of_secret("WEBHOOK_KEY", "licenses-webhook-key")))
	every topic in ["projects/evil/topics/licenses-events", "projects/acme-licenses/topics/payments-events", "licenses-events", null] {
		refused(run, told_of({"name": "EVENTS_TOPIC", "value": topic}), "not the service's own")
	}
	every audience in ["https://licenses.acme.example/internal/v1/reap", "https://a.example/internal/v1/deliver,https://b.example/internal/v1/deliver"] {
		refused(run, told_of({"name": "REAPER_AUDIENCE", "value": audience}), "not the service's own")
	}
	every name in ["KMS_KEY", "KMS_ENCRYPTION_KEY", "TOKEN_SIGNING"] {
		refused(run, told_of({"name": name, "value": key}), "Deliver signs nothing")
	}
	refused(run, told_of({"name": "MEMORYSTORE_INSTANCE", "value": ledger_name}), "need not know")
	refused(run, told_of(of_secret("LOG_KEY", "licenses-log-key")), "need not know")
	refused(run, told_of({"name": "HTTPS_PROXY", "value": "http://proxy.acme.example"}), "no variable of a function")
}

test_deliver_has_no_way_into_a_network if {
	not denied(run, teller({"vpc_access": []}))
	every access in [
		{"egress": "PRIVATE_RANGES_ONLY", "network_interfaces": [{"network": "n", "subnetwork": "s"}]},
		{"egress": "ALL_TRAFFIC", "network_interfaces": [{"network": "n", "subnetwork": "s"}]},
		{"egress": "PRIVATE_RANGES_ONLY", "connector": "projects/acme-licenses/locations/us-central1/connectors/c"},
		{},
	] {
		refused(run, teller({"vpc_access": [access]}), "no way into a network")
	}
	some msg in deny with input as {"resource_changes": [{"address": "s", "type": run, "change": {"after": teller({}), "after_unknown": {"template": [{"vpc_access": true}]}}}]}
	contains(msg, "which network it reaches")
}

test_deliver_as_somebody_else if {
	every account in ["licenses-control", "licenses-reaper", "licenses-scheduler", "payments-deliver"] {
		refused(run, teller({"service_account": sprintf("%s@acme-licenses.iam.gserviceaccount.com", [account])}), "not as its own account")
	}
}

test_secrets_of_those_that_use_them if {
	not denied(run, customers_door_with(of_secret("WEBHOOK_KEY", "licenses-webhook-key")))
	refused(run, customers_door("WEBHOOK_KEY", "0123456789abcdef0123456789abcdef"), "readable to whoever sees the service")
	refused(run, customers_door("LOG_KEY", "0123456789abcdef0123456789abcdef"), "readable to whoever sees the service")
	refused(run, customers_door("EVENTS_TOPIC", "projects/acme-licenses/topics/licenses-events"), "need not know")
	refused(run, running({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, of_secret("WEBHOOK_KEY", "licenses-webhook-key")]}), "Acquire need not know")
	not denied(run, with_env("EVENTS", "true"))
}

customers_door_with(e) := object.union(customers_door("LOG_LEVEL", "info"), {"template": [{"service_account": "licenses-admin@acme-licenses.iam.gserviceaccount.com", "containers": [object.union(container("Admin"), {"env": [{"name": "FUNCTION_TARGET", "value": "Admin"}, e]})]}]})

named(name, change) := object.union(service("Acquire", true), {"name": name, "project": "acme-licenses", "template": [object.union({"service_account": sprintf("%s@acme-licenses.iam.gserviceaccount.com", [name]), "containers": [container("Acquire")]}, change)]})

test_its_own_account if {
	not denied(run, named("licenses-acquire", {}))
	every account in ["licenses-heartbeat@acme-licenses.iam.gserviceaccount.com", "123-compute@developer.gserviceaccount.com", null] {
		refused(run, named("licenses-acquire", {"service_account": account}), "not as its own account")
	}
	refused(run, named("licenses-release", {}), "another function")
}

with_env(name, value) := named("licenses-acquire", {"containers": [object.union(container("Acquire"), {"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": name, "value": value}]})]})

test_what_it_believes if {
	not denied(run, with_env("KMS_KEY", key))
	not denied(run, with_env("MEMORYSTORE_INSTANCE", sprintf("%s-2", [ledger_name])))
	refused(run, with_env("KMS_KEY", "projects/evil/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"), "not the service's own")
	not denied(run, with_env("KMS_ENCRYPTION_KEY", delegation_key))
	refused(run, with_env("KMS_ENCRYPTION_KEY", key), "not the service's own")
	refused(run, with_env("KMS_ENCRYPTION_KEY", "projects/evil/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"), "not the service's own")
	refused(run, with_env("GOOGLE_CLOUD_PROJECT", "evil-project"), "not the service's own")
	refused(run, with_env("REAPER_SERVICE_ACCOUNT", "eve@evil-project.iam.gserviceaccount.com"), "not the service's own")
	count(warn) == 1 with input as planned(run, with_env("IDENTITY_PROJECT", "another-project"))
}

test_what_nobody_can_see_it_believe if {
	every e in [{"name": "KMS_KEY"}, {"name": "KMS_KEY", "value": null, "value_source": [{"secret_key_ref": [{"secret": "s", "version": "1"}]}]}] {
		refused(run, running({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, e]}), "not the service's own")
	}
}

running(change) := named("licenses-acquire", {"containers": [object.union(container("Acquire"), change)]})

test_variables_that_are_none_of_its_own if {
	not denied(run, with_env("SESSION_TTL", "6m"))
	every name in ["REDIS_ADDR", "GOOGLE_CLOUD_UNIVERSE_DOMAIN", "GCE_METADATA_HOST", "HTTPS_PROXY", "SSL_CERT_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "GODEBUG"] {
		refused(run, with_env(name, "203.0.113.9"), "no variable of a function")
	}
}

test_a_program_of_somebody_else if {
	not denied(run, running({"command": null, "args": [], "volume_mounts": []}))
	every image in ["evil.example/i", "us-central1-docker.pkg.dev/evil/licenses/licenses", "us-central1-docker.pkg.dev/acme-licenses/others/licenses"] {
		refused(run, running({"image": sprintf("%s@sha256:0000000000000000000000000000000000000000000000000000000000000000", [image])}), "own repository")
	}
	every key in ["command", "args", "volume_mounts"] {
		refused(run, running({key: ["x"]}), "changes what its image runs")
	}
	refused(run, named("licenses-acquire", {"volumes": [{"name": "x"}]}), "changes what its image runs")
	refused(run, object.union(named("licenses-acquire", {}), {"build_config": [{"source_location": "gs://evil/x.zip"}]}), "changes what its image runs")
}

test_something_beside_it if refused(run, named("licenses-acquire", {"containers": [container("Acquire"), container("Acquire")]}), "beside a function")

test_another_way_out if refused(run, named("licenses-acquire", {"vpc_access": [{"egress": "ALL_TRAFFIC"}]}), "through the network")

test_a_password_in_the_clear if refused(run, in_container({"env": [{"name": "FUNCTION_TARGET", "value": "Acquire"}, {"name": "REDIS_PASSWORD", "value": "x"}]}), "REDIS_PASSWORD")

test_ready_too_early if refused(run, in_container({"startup_probe": [{"tcp_socket": [{"port": 8080}]}]}), "/startup")

test_a_name_nobody_can_see if refused(run, object.remove(named("licenses-acquire", {}), ["name"]), "nobody can see")
