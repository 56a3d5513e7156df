# The first apply has no image: everything an image needs to be built and to start
# is made, and what needs the image waits.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "without_an_image" {
  command = plan
  assert {
    condition     = alltrue([for f in module.functions : f.service == null && f.uri == null])
    error_message = "No service without an image."
  }
  assert {
    condition     = length(google_cloud_scheduler_job.reaper) == 0 && length(google_cloud_run_v2_service_iam_binding.invokers) == 0 && length(google_cloud_run_v2_service_iam_binding.staff) == 0 && length(google_compute_backend_service.function) == 0 && length(google_compute_global_forwarding_rule.edge) == 0 && length(google_cloud_run_v2_service_iam_member.build_releases) == 0
    error_message = "Nothing that needs a service without one."
  }
  assert {
    condition     = length(google_service_account.this) == 9 && length(google_compute_global_address.edge) == 2 && length(google_project_iam_member.record_user) == 6
    error_message = "Accounts, addresses and grants must be there for the first image."
  }
}

run "an_image_by_tag" {
  command = plan
  variables {
    image = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses:latest"
  }
  expect_failures = [var.image]
}

run "a_name_too_long" {
  command = plan
  variables {
    name = "licenses-of-the-acme-corporation"
  }
  expect_failures = [var.name]
}

run "a_domain_with_a_scheme" {
  command = plan
  variables {
    domain = "https://licenses.acme.example"
  }
  expect_failures = [var.domain]
}

run "a_setting_that_is_none" {
  command = plan
  variables {
    settings = { FIREBASE_AUTH_EMULATOR_HOST = "localhost:9099" }
  }
  expect_failures = [var.settings]
}

run "a_log_level_that_blinds" {
  command = plan
  variables {
    settings = { LOG_LEVEL = "warn" }
  }
  expect_failures = [var.settings]
}

run "a_billing_that_is_none" {
  command = plan
  variables {
    functions = { acquire = { billing = "seats" } }
  }
  expect_failures = [var.functions]
}

run "a_size_that_is_none" {
  command = plan
  variables {
    size = "large"
  }
  expect_failures = [var.size]
}

run "nobody_is_told" {
  command = plan
  variables {
    image = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    staff = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  }
  expect_failures = [var.observability]
}

run "nobody_sells" {
  command = plan
  variables {
    image = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

    observability = { emails = ["oncall@acme.example"] }
  }
  expect_failures = [var.staff]
}

run "somebody_is_let_in_and_nobody_taken" {
  command = plan
  variables {
    image = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    staff = { invokers = ["group:licensing@acme.example"] }

    observability = { emails = ["oncall@acme.example"] }
  }
  expect_failures = [var.staff]
}

run "a_network_too_small" {
  command = plan
  variables {
    network = { functions_cidr = "10.20.0.0/28" }
  }
  expect_failures = [var.network]
}

run "everything_has_another_name" {
  command = plan
  variables {
    name  = "seats"
    image = "us-central1-docker.pkg.dev/acme-licenses/seats/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    staff = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }

    observability = { channels = ["projects/acme-licenses/notificationChannels/1"] }
  }
  assert {
    condition     = output.services == { acquire = "seats-acquire", admin = "seats-admin", control = "seats-control", heartbeat = "seats-heartbeat", reaper = "seats-reaper", release = "seats-release" }
    error_message = "The prefix must be everywhere."
  }
  assert {
    condition     = google_project_iam_custom_role.key_rotator.role_id == "seats.keyRotator"
    error_message = "Roles of two services in one project must not collide."
  }
}
