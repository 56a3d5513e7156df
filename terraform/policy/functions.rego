# How the functions may be reached, and what they may be told.
package main

import rego.v1

public_functions := {"Acquire", "Admin", "Heartbeat", "Release"}

may_be_public(service) if function(service) in public_functions

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.invoker_iam_disabled == true
	not may_be_public(r.after)
	msg := sprintf("%s: IAM must check who calls it", [r.address])
}

# It trusts tokens whose signature only IAM has seen.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.invoker_iam_disabled == true
	some t in r.after.template
	some c in t.containers
	some e in c.env
	e.name in {"REAPER_IAM_CHECKED", "STAFF_IAM_CHECKED"}
	msg := sprintf("%s: %s says that IAM checks callers, but it does not", [r.address, e.name])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.invoker_iam_disabled == true
	ingress := object.get(r.after, "ingress", "everybody, the default")
	ingress != "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
	msg := sprintf("%s: a public function must be reached through the load balancer alone, not by %v", [r.address, ingress])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.invoker_iam_disabled == true
	not r.after.default_uri_disabled == true
	msg := sprintf("%s: its own address leads around Cloud Armor; set default_uri_disabled", [r.address])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	not r.after.invoker_iam_disabled == true
	ingress := object.get(r.after, "ingress", "everybody, the default")
	ingress != "INGRESS_TRAFFIC_INTERNAL_ONLY"
	not open_door(r.after, ingress)
	msg := sprintf("%s: only the project itself may reach it, not %v", [r.address, ingress])
}

# The vendor's staff come from anywhere, past IAM (iam.rego).
open_door(service, "INGRESS_TRAFFIC_ALL") if function(service) == "Control"

# What is sold, administered or told is not signed there.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	function(r.after) in {"Admin", "Control", "Deliver"}
	some t in r.after.template
	some c in t.containers
	some e in c.env
	e.name in unneeded[function(r.after)]
	msg := sprintf("%s: %s signs nothing, so it need not know %s", [r.address, function(r.after), e.name])
}

# Control lists the versions of the key of license tokens (iam.rego), and needs its name.
unneeded := {
	"Admin": {"KMS_ENCRYPTION_KEY", "KMS_KEY", "TOKEN_SIGNING"},
	"Control": {"KMS_ENCRYPTION_KEY"},
	"Deliver": {"KMS_ENCRYPTION_KEY", "KMS_KEY", "TOKEN_SIGNING"},
}

# Deliver calls addresses that customers chose. What it can be made to reach must not be
# the network of the ledger, whoever's connector leads there.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	function(r.after) == "Deliver"
	some t in r.after.template
	count(object.get(t, "vpc_access", [])) > 0
	msg := sprintf("%s: calls customers' addresses, so it may have no way into a network", [r.address])
}

deny contains msg if {
	some r in input.resource_changes
	r.type == "google_cloud_run_v2_service"
	function(r.change.after) == "Deliver"
	some t in object.get(r.change, ["after_unknown", "template"], [])
	t.vpc_access == true
	msg := sprintf("%s: nobody can see before the apply which network it reaches", [r.address])
}

# A secret is known to those that use it, a topic to the one that publishes, and the
# ledger to those that reach it.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	some e in c.env
	not may_know(function(r.after), e.name)
	msg := sprintf("%s: %s need not know %s", [r.address, function(r.after), e.name])
}

may_know(target, name) if not only_of[name]

may_know(target, name) if target in only_of[name]

only_of := {
	"EVENTS_TOPIC": {"Deliver"},
	"LOG_KEY": {"Acquire", "Admin", "Control", "Heartbeat", "Release"},
	"MEMORYSTORE_INSTANCE": {"Acquire", "Admin", "Control", "Heartbeat", "Reaper", "Release"},
	"WEBHOOK_KEY": {"Admin", "Control", "Deliver"},
}

# Whom it takes is named, and nobody whose account anybody can have.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	some e in c.env
	e.name == "STAFF_ACCOUNTS"
	not named_staff(e)
	msg := sprintf("%s: STAFF_ACCOUNTS lets in somebody who is not named, or everybody with an account", [r.address])
}

named_staff(e) if {
	every account in split(e.value, ",") {
		regex.match(`^[^@\s]*@([a-z0-9-]+\.)+[a-z]{2,}$`, account)
		not account in {"@gmail.com", "@googlemail.com"}
	}
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, c.image)
	msg := sprintf("%s: image %s is not named by its digest", [r.address, c.image])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	not t.service_account
	msg := sprintf("%s: runs as the project's default account", [r.address])
}

# Its own: named like it. Another function's may do what this one must not.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	r.after.name
	not t.service_account == sprintf("%s@%s.iam.gserviceaccount.com", [r.after.name, r.after.project])
	msg := sprintf("%s: runs as %v, not as its own account", [r.address, object.get(t, "service_account", "somebody unknown")])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.project
	not r.after.name
	msg := sprintf("%s: nobody can see before the apply what it is", [r.address])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.name
	not endswith(r.after.name, sprintf("-%s", [lower(function(r.after))]))
	msg := sprintf("%s: %s serves another function", [r.address, r.after.name])
}

# What a function believes: its own project, key and schedule.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.name
	some t in r.after.template
	some c in t.containers
	some e in c.env
	own := beliefs(r.after)[e.name]
	value := object.get(e, "value", null) # unknown before the apply, or in a secret: nobody can judge it
	not regex.match(sprintf("^%s$", [own]), value)
	msg := sprintf("%s: %s is %v, which is not the service's own", [r.address, e.name, value])
}

beliefs(service) := {
	"GOOGLE_CLOUD_PROJECT": service.project,
	"EVENTS_TOPIC": sprintf("projects/%s/topics/%s-events", [service.project, prefix]),
	"KMS_KEY": sprintf("projects/%s/locations/[a-z0-9-]+/keyRings/%s/cryptoKeys/license-tokens", [service.project, prefix]),
	"KMS_ENCRYPTION_KEY": sprintf("projects/%s/locations/[a-z0-9-]+/keyRings/%s/cryptoKeys/delegations", [service.project, prefix]),
	"MEMORYSTORE_INSTANCE": sprintf("projects/%s/locations/[a-z0-9-]+/instances/%s(-[a-z0-9-]+)?", [service.project, prefix]),
	# A token for one of the two opens not the other.
	"REAPER_AUDIENCE": sprintf("https://[a-z0-9.-]+/internal/v1/%s", [object.get({"Deliver": "deliver"}, function(service), "reap")]),
	"REAPER_SERVICE_ACCOUNT": sprintf(`%s-scheduler@%s\.iam\.gserviceaccount\.com`, [prefix, service.project]),
	"STAFF_AUDIENCE": "https://[a-z0-9.-]+/api/v1/control",
} if {
	prefix := regex.replace(service.name, `-[a-z]+$`, "")
}

# The variables of shared/config, without those of a Redis that is no Memorystore, and
# the exporter's. Any other may decide where Google's libraries send an access token
# (GOOGLE_CLOUD_UNIVERSE_DOMAIN, GCE_METADATA_HOST) or whom they trust (SSL_CERT_FILE).
variables := {
	"BACKEND_DEADLINE", "CHECK_REVOKED", "CIRCUIT_COOLDOWN", "CLOCK_TOLERANCE", "CORS_ORIGINS", "ENTITLEMENT_CACHE_TTL",
	"EVENTS", "EVENTS_TOPIC",
	"FIRESTORE_DATABASE", "FUNCTION_TARGET", "GOOGLE_CLOUD_PROJECT", "HEARTBEAT_INTERVAL", "IDENTITY_API_KEY", "IDENTITY_PROJECT", "KEY_ACTIVATION_DELAY",
	"KMS_ENCRYPTION_KEY", "KMS_KEY", "LOG_KEY", "LOG_LEVEL", "MAX_IN_FLIGHT", "MEMORYSTORE_INSTANCE",
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "RATE_LIMIT_PER_USER",
	"REAPER_AUDIENCE", "REAPER_IAM_CHECKED", "REAPER_SERVICE_ACCOUNT", "REAP_BUDGET", "REDIS_DEADLINE", "REQUEST_DEADLINE",
	"SESSION_TTL", "STAFF_ACCOUNTS", "STAFF_AUDIENCE", "STAFF_IAM_CHECKED", "TOKEN_ISSUER", "TOKEN_MIN", "TOKEN_SIGNING", "TOKEN_TTL",
	"WEBHOOK_KEY",
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	some e in c.env
	not e.name in variables
	msg := sprintf("%s: %v is no variable of a function", [r.address, object.get(e, "name", "what nobody can see before the apply")])
}

# It runs what the service's own pipeline built, as that was built.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	r.after.name
	some t in r.after.template
	some c in t.containers
	own := sprintf(`^[a-z0-9-]+-docker\.pkg\.dev/%s/%s/`, [r.after.project, regex.replace(r.after.name, `-[a-z]+$`, "")])
	not regex.match(own, c.image)
	msg := sprintf("%s: image %s is not of the service's own repository", [r.address, c.image])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some path in changes_the_program
	count(object.get(r.after, path, [])) > 0
	msg := sprintf("%s: %v changes what its image runs", [r.address, path[count(path) - 1]])
}

changes_the_program contains ["build_config"]

changes_the_program contains ["template", 0, "volumes"]

changes_the_program contains ["template", 0, "containers", 0, key] if some key in {"args", "base_image_uri", "command", "source_code", "volume_mounts"}

warn contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	some e in c.env
	e.name == "IDENTITY_PROJECT"
	e.value != r.after.project
	msg := sprintf("%s: users of %s are believed", [r.address, e.value])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	count(t.containers) > 1
	msg := sprintf("%s: what runs beside a function sees its callers' tokens", [r.address])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some v in t.vpc_access
	not v.egress == "PRIVATE_RANGES_ONLY"
	msg := sprintf("%s: sends everything through the network, past Google's own way to its APIs", [r.address])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	some e in c.env
	regex.match(`EMULATOR|PASSWORD|SECRET|^(LOG|WEBHOOK)_KEY$`, e.name)
	not object.get(e, "value", null) in {null, ""}
	msg := sprintf("%s: %s must not be deployed: emulators check no signatures, and a value here is readable to whoever sees the service", [r.address, e.name])
}

deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some t in r.after.template
	some c in t.containers
	not ready(c)
	msg := sprintf("%s: must be ready only when /startup says so", [r.address])
}

ready(container) if container.startup_probe[_].http_get[_].path == "/startup"
