# The six functions that there always are (tests/events.tftest.hcl has deliver): one image,
# an identity each, public ones behind the load balancer, the reaper and the vendor's door
# behind IAM.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "one_image_six_targets" {
  command = plan
  assert {
    condition     = { for name, f in module.functions : name => one([for e in f.service.template[0].containers[0].env : e.value if e.name == "FUNCTION_TARGET"]) } == { acquire = "Acquire", heartbeat = "Heartbeat", release = "Release", reaper = "Reaper", control = "Control", admin = "Admin" }
    error_message = "Each service must serve its own function."
  }
  assert {
    condition     = toset([for f in module.functions : f.service.template[0].containers[0].image]) == toset([var.image])
    error_message = "All six must run the one image."
  }
}

run "an_account_each" {
  command = plan
  assert {
    condition     = { for name, f in module.functions : name => f.service.template[0].service_account } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : name => "licenses-${name}@acme-licenses.iam.gserviceaccount.com" }
    error_message = "Each function must run as its own account."
  }
  assert {
    condition     = toset([for account in google_service_account.this : account.account_id]) == toset(["licenses-acquire", "licenses-heartbeat", "licenses-release", "licenses-reaper", "licenses-control", "licenses-admin", "licenses-build", "licenses-rotation", "licenses-scheduler"])
    error_message = "An account came or went: tests, policy/iam.rego and docs/security.md must know it."
  }
}

run "public_functions_only_through_the_load_balancer" {
  command = plan
  assert {
    condition     = alltrue([for name in ["acquire", "heartbeat", "release", "admin"] : module.functions[name].service.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"])
    error_message = "A public function must take traffic from the load balancer alone."
  }
  assert {
    condition     = alltrue([for name in ["acquire", "heartbeat", "release", "admin"] : module.functions[name].service.default_uri_disabled])
    error_message = "A public function must have no address of its own, or it can be reached beside Cloud Armor."
  }
  assert {
    condition     = alltrue([for name in ["acquire", "heartbeat", "release", "admin"] : module.functions[name].service.invoker_iam_disabled])
    error_message = "Cloud Run must leave public functions the caller's token: it takes the signature off what it checks."
  }
}

run "the_reaper_is_not_public" {
  command = plan
  assert {
    condition     = module.functions["reaper"].service.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "The reaper must not be reachable from outside the project."
  }
  assert {
    condition     = module.functions["reaper"].service.invoker_iam_disabled == false
    error_message = "The reaper's callers must be checked by IAM."
  }
  assert {
    condition     = one([for e in module.functions["reaper"].service.template[0].containers[0].env : e.value if e.name == "REAPER_IAM_CHECKED"]) == "true"
    error_message = "The reaper must be told that IAM was asked: its callers' tokens come without a signature then, and every run would answer 401."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invokers[0].members == toset(["serviceAccount:licenses-scheduler@acme-licenses.iam.gserviceaccount.com"]) && google_cloud_run_v2_service_iam_binding.invokers[0].name == "licenses-reaper" && google_cloud_run_v2_service_iam_binding.invokers[0].role == "roles/run.invoker"
    error_message = "Only the scheduler's account may invoke the reaper."
  }
}

# tests/control.tftest.hcl has the vendor's door, tests/admin.tftest.hcl the customers'.
run "who_is_configured_with_what" {
  command = plan
  assert {
    condition     = alltrue([for variable, who in { KMS_KEY = ["acquire", "control", "heartbeat", "reaper"], KMS_ENCRYPTION_KEY = ["acquire", "heartbeat", "reaper"], TOKEN_SIGNING = ["acquire", "control", "heartbeat", "reaper"] } : [for name, f in module.functions : name if anytrue([for e in f.service.template[0].containers[0].env : e.name == variable])] == who])
    error_message = "Those that sign or certify must know the keys, and how tokens are signed; control, which tells of them, the root key alone."
  }
  assert {
    condition = alltrue([for name in ["acquire", "heartbeat", "reaper"] : { for e in module.functions[name].service.template[0].containers[0].env : e.name => e.value if contains(["KMS_KEY", "KMS_ENCRYPTION_KEY", "TOKEN_SIGNING"], e.name) } == {
      KMS_KEY            = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"
      KMS_ENCRYPTION_KEY = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"
      TOKEN_SIGNING      = "delegated"
    }])
    error_message = "All three must be told the same."
  }
  assert {
    condition     = [for name, f in module.functions : name if anytrue([for e in f.service.template[0].containers[0].env : startswith(e.name, "REAPER_")])] == ["reaper"]
    error_message = "Only the reaper must know who fires it."
  }
  assert {
    condition     = [for name, f in module.functions : name if anytrue([for e in f.service.template[0].containers[0].env : startswith(e.name, "STAFF_")])] == ["control"]
    error_message = "Only the vendor's door must know who is staff."
  }
  assert {
    condition     = alltrue([for f in module.functions : toset([for e in f.service.template[0].containers[0].env : e.value if e.name == "TOKEN_ISSUER"]) == toset(["https://licenses.acme.example"])])
    error_message = "License tokens must be issued in the domain's name."
  }
  assert {
    condition     = alltrue([for f in module.functions : one([for e in f.service.template[0].containers[0].env : e.value if e.name == "MAX_IN_FLIGHT"]) == tostring(f.service.template[0].max_instance_request_concurrency)])
    error_message = "MAX_IN_FLIGHT must be the concurrency, or one organization can fill an instance."
  }
  assert {
    condition     = alltrue(flatten([for f in module.functions : [for e in f.service.template[0].containers[0].env : !strcontains(e.name, "EMULATOR")]]))
    error_message = "Nothing deployed may talk to an emulator: it turns signature checks off."
  }
}

run "signed_by_kms" {
  command = plan
  variables {
    token_signing = "kms"
  }
  assert {
    condition     = { for name, f in module.functions : name => join(" ", sort([for e in f.service.template[0].containers[0].env : startswith(e.name, "KMS_") ? e.name : "${e.name}=${e.value}" if startswith(e.name, "KMS_") || e.name == "TOKEN_SIGNING"])) } == { acquire = "KMS_KEY TOKEN_SIGNING=kms", heartbeat = "KMS_KEY TOKEN_SIGNING=kms", release = "", reaper = "TOKEN_SIGNING=kms", control = "KMS_KEY TOKEN_SIGNING=kms", admin = "" }
    error_message = "Those that sign must know the key, and the reaper that it has none to make."
  }
}

run "on_the_way_the_reaper_goes_first" {
  command = plan
  variables {
    token_signing = "migrating"
  }
  assert {
    condition     = { for name, f in module.functions : name => join(" ", sort([for e in f.service.template[0].containers[0].env : startswith(e.name, "KMS_") ? e.name : "${e.name}=${e.value}" if startswith(e.name, "KMS_") || e.name == "TOKEN_SIGNING"])) } == { acquire = "KMS_ENCRYPTION_KEY KMS_KEY TOKEN_SIGNING=kms", heartbeat = "KMS_ENCRYPTION_KEY KMS_KEY TOKEN_SIGNING=kms", release = "", reaper = "KMS_ENCRYPTION_KEY KMS_KEY TOKEN_SIGNING=delegated", control = "KMS_KEY TOKEN_SIGNING=kms", admin = "" }
    error_message = "Delegations must be there before anybody signs by them."
  }
}

run "ready_before_traffic_and_stateless" {
  command = plan
  assert {
    condition     = alltrue([for f in module.functions : f.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/startup"])
    error_message = "A revision must be ready only when its backends answer."
  }
  assert {
    condition     = alltrue([for f in module.functions : f.service.template[0].containers[0].startup_probe[0].period_seconds * f.service.template[0].containers[0].startup_probe[0].failure_threshold == 240])
    error_message = "The way to the ledger may take a minute to open, and the first delegation another: four are needed, and Cloud Run has no more."
  }
  assert {
    condition     = alltrue([for f in module.functions : f.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/live"])
    error_message = "Liveness must not depend on backends."
  }
  assert {
    condition     = alltrue([for f in module.functions : f.service.template[0].containers[0].resources[0].cpu_idle])
    error_message = "No work is left after an answer, so nothing must be paid for it."
  }
  assert {
    condition     = alltrue([for name in ["acquire", "heartbeat"] : module.functions[name].service.template[0].scaling[0].min_instance_count >= 1])
    error_message = "Acquire and heartbeat must be warm."
  }
  assert {
    condition     = alltrue([for f in module.functions : !f.service.deletion_protection])
    error_message = "A service whose first revision is not ready could never be replaced."
  }
}

run "the_way_to_the_ledger" {
  command = plan
  assert {
    condition     = alltrue([for f in module.functions : f.service.template[0].vpc_access[0].egress == "PRIVATE_RANGES_ONLY" && f.service.template[0].vpc_access[0].network_interfaces[0].subnetwork == google_compute_subnetwork.functions.id])
    error_message = "Functions must go out by the functions' subnetwork."
  }
}

run "settings_reach_every_function" {
  command = plan
  variables {
    settings  = { SESSION_TTL = "10m", MAX_IN_FLIGHT = "50", TOKEN_MIN = "2m", TOKEN_TTL = "2m" }
    functions = { heartbeat = { max_instances = 40, concurrency = 1000 } }
  }
  assert {
    condition     = alltrue([for f in module.functions : one([for e in f.service.template[0].containers[0].env : e.value if e.name == "SESSION_TTL"]) == "10m"])
    error_message = "A setting must reach all six."
  }
  assert {
    condition     = alltrue([for f in module.functions : toset([for e in f.service.template[0].containers[0].env : e.value if contains(["TOKEN_MIN", "TOKEN_TTL"], e.name)]) == toset(["2m"])])
    error_message = "How long license tokens live is a setting."
  }
  assert {
    condition     = alltrue([for f in module.functions : one([for e in f.service.template[0].containers[0].env : e.value if e.name == "MAX_IN_FLIGHT"]) == "50"])
    error_message = "A setting must win over what the module works out."
  }
  assert {
    condition     = module.functions["heartbeat"].service.template[0].scaling[0].max_instance_count == 40 && module.functions["heartbeat"].service.template[0].scaling[0].min_instance_count == 1
    error_message = "A size must change what it names and nothing else."
  }
}

run "protected_once_they_are_ready" {
  command = plan
  variables {
    protect = { services = true }
  }
  assert {
    condition     = alltrue([for f in module.functions : f.service.deletion_protection]) && google_memorystore_instance.ledger.deletion_protection_enabled
    error_message = "protect.services is about the services alone."
  }
}

run "billed_by_instances" {
  command = plan
  variables {
    functions = { heartbeat = { billing = "instances" } }
  }
  assert {
    condition     = { for name, f in module.functions : name => f.service.template[0].containers[0].resources[0].cpu_idle } == { acquire = true, heartbeat = false, release = true, reaper = true, control = true, admin = true }
    error_message = "Billing is chosen function by function."
  }
}

run "more_instances_than_the_size_has" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    region          = "us-central1"
    name            = "licenses-acquire"
    target          = "Acquire"
    service_account = "licenses-acquire@acme-licenses.iam.gserviceaccount.com"
    callers         = "users"
    network         = "n"
    subnetwork      = "s"
    size            = { min_instances = 5, max_instances = 4, concurrency = 1, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
  }
  expect_failures = [var.size]
}

run "callers_nobody_knows" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    region          = "us-central1"
    name            = "licenses-acquire"
    target          = "Acquire"
    service_account = "licenses-acquire@acme-licenses.iam.gserviceaccount.com"
    callers         = "everybody"
    network         = "n"
    subnetwork      = "s"
    size            = { min_instances = 0, max_instances = 4, concurrency = 1, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
  }
  expect_failures = [var.callers]
}

run "the_sizes" {
  command = plan
  variables {
    size      = "production"
    functions = { acquire = { min_instances = 5 } }
  }
  assert {
    condition     = { for name, f in module.functions : name => "${f.service.template[0].scaling[0].min_instance_count}-${f.service.template[0].scaling[0].max_instance_count}" } == { acquire = "5-40", heartbeat = "3-40", release = "1-20", reaper = "0-2", control = "0-2", admin = "0-6" }
    error_message = "What was said must win over the size, and the size over nothing."
  }
}

run "revocation_is_of_those_that_give_and_take" {
  command = plan
  variables {
    identity = { check_revoked = true }
  }
  assert {
    condition     = keys(google_project_iam_member.revocation_reader) == ["acquire", "admin"] && google_project_iam_custom_role.revocation_reader[0].permissions == toset(["firebaseauth.users.get"])
    error_message = "Only acquire and admin may look at users, and only look."
  }
  assert {
    condition     = { for name, f in module.functions : name => [for e in f.service.template[0].containers[0].env : e.value if e.name == "CHECK_REVOKED"] if name != "control" && name != "reaper" } == { acquire = ["true"], admin = ["true"], heartbeat = [], release = [] }
    error_message = "Both must be told to ask."
  }
}
