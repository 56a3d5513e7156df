# The customers' door: reached as acquire is, signs nothing, deletes nothing of the
# record, and has a say in users where that was chosen.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "through_the_load_balancer_alone" {
  command = plan
  assert {
    condition     = module.functions["admin"].service.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" && module.functions["admin"].service.default_uri_disabled && module.functions["admin"].service.invoker_iam_disabled
    error_message = "Users come through the load balancer, with ID tokens whose signature the function must see."
  }
  assert {
    condition     = google_compute_region_network_endpoint_group.function["admin"].cloud_run[0].service == "licenses-admin" && google_compute_backend_service.function["admin"].security_policy == google_compute_security_policy.edge.id
    error_message = "It must have a backend of its own, behind Cloud Armor."
  }
}

run "a_limit_of_its_own" {
  command = plan
  variables {
    edge = { armor = ["acquire"], admin_requests_per_minute = 60 }
  }
  assert {
    condition     = { for r in google_compute_security_policy.edge.rule : r.priority => "${r.match[0].expr[0].expression} ${r.rate_limit_options[0].rate_limit_threshold[0].count}" if r.priority == 2500 } == { 2500 = "request.path.startsWith('/api/v1/admin/') 60" }
    error_message = "Administration must be limited by address, as was said."
  }
  assert {
    condition     = google_compute_backend_service.function["admin"].security_policy == google_compute_security_policy.edge.id
    error_message = "No variable may take it from behind Cloud Armor."
  }
}

run "it_has_the_environment_of_users" {
  command = plan
  assert {
    condition = { for e in module.functions["admin"].service.template[0].containers[0].env : e.name => e.value } == {
      CHECK_REVOKED        = "false"
      FIRESTORE_DATABASE   = "(default)"
      FUNCTION_TARGET      = "Admin"
      GOOGLE_CLOUD_PROJECT = "acme-licenses"
      MAX_IN_FLIGHT        = "40"
      MEMORYSTORE_INSTANCE = "projects/acme-licenses/locations/us-central1/instances/licenses"
      TOKEN_ISSUER         = "https://licenses.acme.example"
    }
    error_message = "It needs the record, the ledger and Identity Platform, and nothing else."
  }
}

run "it_signs_nothing_and_deletes_nothing" {
  command = plan
  assert {
    condition = !strcontains(jsonencode([
      google_kms_crypto_key_iam_binding.signers.members, google_kms_crypto_key_iam_binding.public_key_viewers.members,
      google_kms_crypto_key_iam_binding.version_listers.members, google_kms_crypto_key_iam_binding.rotator.members,
      [for b in concat(google_kms_crypto_key_iam_binding.encrypters, google_kms_crypto_key_iam_binding.decrypters) : b.members],
    ]), "licenses-admin@")
    error_message = "Its account must have nothing to do with a key."
  }
  assert {
    condition     = google_project_iam_member.record_deleter.member != "serviceAccount:licenses-admin@acme-licenses.iam.gserviceaccount.com" && google_project_iam_member.record_user["admin"].role == "projects/acme-licenses/roles/licenses.recordUser"
    error_message = "It must write the record as others do, and delete none of it."
  }
}

run "it_has_no_say_in_users_unless_that_is_chosen" {
  command = plan
  assert {
    condition     = !contains(keys(google_project_iam_member.user_administrator), "admin") && length(google_project_iam_member.revocation_reader) == 0
    error_message = "A right that nothing uses must not be there."
  }
  assert {
    condition     = length(setintersection(["admin"], keys(google_service_account_iam_member.machine_signer))) == 0
    error_message = "It must sign for nobody."
  }
}

run "it_administers_users_where_that_is_chosen" {
  command = plan
  variables {
    identity = { user_administrators = ["admin"] }
  }
  assert {
    condition     = { for name, m in google_project_iam_member.user_administrator : name => "${m.role} ${m.member}" } == { admin = "projects/acme-licenses/roles/licenses.userAdministrator serviceAccount:licenses-admin@acme-licenses.iam.gserviceaccount.com" }
    error_message = "It, and no other door, must have a say in users."
  }
  assert {
    condition     = [for m in google_service_account_iam_member.machine_signer : "${m.service_account_id} ${m.member}"] == ["projects/acme-licenses/serviceAccounts/licenses-admin@acme-licenses.iam.gserviceaccount.com serviceAccount:licenses-admin@acme-licenses.iam.gserviceaccount.com"]
    error_message = "It must sign machines in, as itself."
  }
  assert {
    condition     = contains([for e in module.functions["admin"].service.template[0].containers[0].env : e.name], "IDENTITY_API_KEY") && !contains([for e in module.functions["control"].service.template[0].containers[0].env : e.name], "IDENTITY_API_KEY")
    error_message = "It must be told that it has a say, and the other door that it has none."
  }
}

run "it_costs_nothing_while_nobody_comes" {
  command = plan
  variables {
    size = "production"
  }
  assert {
    condition     = module.functions["admin"].service.template[0].scaling[0].min_instance_count == 0 && module.functions["admin"].service.template[0].containers[0].resources[0].cpu_idle
    error_message = "No instance may be kept warm."
  }
  assert {
    condition     = module.functions["admin"].service.template[0].max_instance_request_concurrency == 40 && module.functions["admin"].service.template[0].timeout == "15s"
    error_message = "Its instances work on fewer requests at a time than those that answer with one session."
  }
}

run "a_size_of_its_own" {
  command = plan
  variables {
    functions = { admin = { max_instances = 1, concurrency = 10 } }
  }
  assert {
    condition     = module.functions["admin"].service.template[0].scaling[0].max_instance_count == 1 && one([for e in module.functions["admin"].service.template[0].containers[0].env : e.value if e.name == "MAX_IN_FLIGHT"]) == "10"
    error_message = "What was said must win over the size."
  }
}
