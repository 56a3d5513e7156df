# Zombies are cleared every minute, by the one account that may.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "every_minute" {
  command = plan
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].schedule == "* * * * *" && google_cloud_scheduler_job.reaper[0].time_zone == "Etc/UTC"
    error_message = "The reaper must run every minute."
  }
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].http_target[0].http_method == "POST" && google_cloud_scheduler_job.reaper[0].http_target[0].uri == "${module.functions["reaper"].uri}/internal/v1/reap"
    error_message = "It must be asked at its own address."
  }
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].attempt_deadline == "60s"
    error_message = "A run may take its whole budget."
  }
}

run "by_the_schedulers_account" {
  command = plan
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].http_target[0].oidc_token[0].service_account_email == "licenses-scheduler@acme-licenses.iam.gserviceaccount.com"
    error_message = "The schedule must act as the account the reaper expects."
  }
  assert {
    condition     = one([for e in module.functions["reaper"].service.template[0].containers[0].env : e.value if e.name == "REAPER_SERVICE_ACCOUNT"]) == google_cloud_scheduler_job.reaper[0].http_target[0].oidc_token[0].service_account_email
    error_message = "The reaper must expect the account the schedule acts as."
  }
  assert {
    condition     = one([for e in module.functions["reaper"].service.template[0].containers[0].env : e.value if e.name == "REAPER_AUDIENCE"]) == google_cloud_scheduler_job.reaper[0].http_target[0].oidc_token[0].audience
    error_message = "Schedule and reaper must agree on the audience, or every run answers 401."
  }
  assert {
    condition     = contains(module.functions["reaper"].service.custom_audiences, google_cloud_scheduler_job.reaper[0].http_target[0].oidc_token[0].audience)
    error_message = "Cloud Run must accept the audience too."
  }
}

run "not_behind_the_load_balancer" {
  command = plan
  assert {
    condition     = keys(google_compute_backend_service.function) == ["acquire", "admin", "heartbeat", "release"]
    error_message = "The reaper must have no backend."
  }
}
