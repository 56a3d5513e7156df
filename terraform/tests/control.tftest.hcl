# The vendor's door: reached from anywhere, opened by two checks, signs nothing.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff = {
    invokers = ["group:licensing@acme.example", "serviceAccount:billing@acme-billing.iam.gserviceaccount.com"]
    accounts = ["licensing@acme-licenses.iam.gserviceaccount.com", "billing@acme-billing.iam.gserviceaccount.com"]
  }
  observability = { emails = ["oncall@acme.example"] }
}

run "iam_is_asked_first" {
  command = plan
  assert {
    condition     = module.functions["control"].service.ingress == "INGRESS_TRAFFIC_ALL" && module.functions["control"].service.default_uri_disabled == false
    error_message = "Staff come by its own address, from anywhere."
  }
  assert {
    condition     = module.functions["control"].service.invoker_iam_disabled == false
    error_message = "Whoever comes must be checked by IAM."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_binding.staff[0].members == toset(var.staff.invokers) && google_cloud_run_v2_service_iam_binding.staff[0].name == "licenses-control" && google_cloud_run_v2_service_iam_binding.staff[0].role == "roles/run.invoker"
    error_message = "Those named, and nobody else, may invoke it."
  }
}

run "the_function_asks_again" {
  command = plan
  assert {
    condition = { for e in module.functions["control"].service.template[0].containers[0].env : e.name => e.value if startswith(e.name, "STAFF_") } == {
      STAFF_AUDIENCE    = "https://licenses.acme.example/api/v1/control"
      STAFF_ACCOUNTS    = "billing@acme-billing.iam.gserviceaccount.com,licensing@acme-licenses.iam.gserviceaccount.com"
      STAFF_IAM_CHECKED = "true"
    }
    error_message = "The function must know whose tokens it takes, and that IAM was asked: they come without a signature then."
  }
  assert {
    condition     = module.functions["control"].service.custom_audiences == tolist(["https://licenses.acme.example/api/v1/control"]) && output.control_audience == "https://licenses.acme.example/api/v1/control"
    error_message = "Cloud Run must accept the audience that the function does."
  }
}

run "not_behind_the_load_balancer" {
  command = plan
  assert {
    condition     = !contains(keys(google_compute_backend_service.function), "control") && !contains(keys(google_compute_region_network_endpoint_group.function), "control")
    error_message = "Users have no way to it."
  }
}

run "it_signs_nothing_and_asks_of_no_revocation" {
  command = plan
  variables {
    identity = { check_revoked = true }
  }
  assert {
    condition = !strcontains(jsonencode([
      google_kms_crypto_key_iam_binding.signers.members, google_kms_crypto_key_iam_binding.public_key_viewers.members,
      [for b in concat(google_kms_crypto_key_iam_binding.encrypters, google_kms_crypto_key_iam_binding.decrypters) : b.members],
    ]), "licenses-control@")
    error_message = "Its account must neither use nor read a key."
  }
  assert {
    condition = contains(google_kms_crypto_key_iam_binding.version_listers.members, "serviceAccount:licenses-control@acme-licenses.iam.gserviceaccount.com") && { for e in module.functions["control"].service.template[0].containers[0].env : e.name => e.value if contains(["KMS_KEY", "KMS_ENCRYPTION_KEY", "TOKEN_SIGNING"], e.name) } == {
      KMS_KEY       = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"
      TOKEN_SIGNING = "delegated"
    }
    error_message = "It must be able to tell which versions of the key there are."
  }
  assert {
    condition     = !contains(keys(google_project_iam_member.revocation_reader), "control")
    error_message = "Who calls it is no user: it must not ask whether tokens were revoked."
  }
}

run "it_costs_nothing_while_nobody_comes" {
  command = plan
  variables {
    size = "production"
  }
  assert {
    condition     = module.functions["control"].service.template[0].scaling[0].min_instance_count == 0 && module.functions["control"].service.template[0].containers[0].resources[0].cpu_idle
    error_message = "No instance may be kept warm."
  }
}

run "everybody_is_no_staff" {
  command = plan
  variables {
    staff = { invokers = ["allUsers"], accounts = ["eve@acme.example"] }
  }
  expect_failures = [var.staff]
}

run "everybody_with_an_account_is_no_staff" {
  command = plan
  variables {
    staff = { invokers = ["allAuthenticatedUsers"], accounts = ["eve@acme.example"] }
  }
  expect_failures = [var.staff]
}

run "a_person_comes_by_a_group" {
  command = plan
  variables {
    staff = { invokers = ["user:eve@acme.example"], accounts = ["eve@acme.example"] }
  }
  expect_failures = [var.staff]
}

run "gmail_is_no_domain_of_yours" {
  command = plan
  variables {
    staff = { invokers = ["group:licensing@acme.example"], accounts = ["@gmail.com"] }
  }
  expect_failures = [var.staff]
}

run "two_addresses_in_one" {
  command = plan
  variables {
    staff = { invokers = ["group:licensing@acme.example"], accounts = ["eve@acme.example,bob@acme.example"] }
  }
  expect_failures = [var.staff]
}
