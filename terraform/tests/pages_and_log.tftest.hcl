# Pages that may take seats, and the key of the log's digests.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "no_page_and_no_key_unless_asked_for" {
  command = plan
  assert {
    condition     = alltrue(flatten([for f in module.functions : [for e in f.service.template[0].containers[0].env : !contains(["CORS_ORIGINS", "LOG_KEY"], e.name)]]))
    error_message = "By default no page may call, and no secret is read."
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.log_key) == 0
    error_message = "Nobody may read a secret that is not used."
  }
}

run "pages_call_public_functions" {
  command = plan
  variables {
    cors_origins = ["https://app.acme.example", "http://localhost:3000"]
  }
  assert {
    condition     = { for name, f in module.functions : name => [for e in f.service.template[0].containers[0].env : e.value if e.name == "CORS_ORIGINS"] } == { acquire = ["https://app.acme.example,http://localhost:3000"], heartbeat = ["https://app.acme.example,http://localhost:3000"], release = ["https://app.acme.example,http://localhost:3000"], reaper = [], control = [], admin = ["https://app.acme.example,http://localhost:3000"] }
    error_message = "The public functions must know the origins, and the others none."
  }
}

run "a_wildcard_is_no_origin" {
  command = plan
  variables {
    cors_origins = ["*"]
  }
  expect_failures = [var.cors_origins]
}

run "a_path_is_no_origin" {
  command = plan
  variables {
    cors_origins = ["https://app.acme.example/"]
  }
  expect_failures = [var.cors_origins]
}

run "users_are_named_by_one_key" {
  command = plan
  variables {
    log_key_version = "1"
  }
  assert {
    condition     = { for name, f in module.functions : name => [for e in f.service.template[0].containers[0].env : "${e.value_source[0].secret_key_ref[0].secret}@${e.value_source[0].secret_key_ref[0].version}" if e.name == "LOG_KEY"] } == { acquire = ["licenses-log-key@1"], heartbeat = ["licenses-log-key@1"], release = ["licenses-log-key@1"], reaper = [], control = ["licenses-log-key@1"], admin = ["licenses-log-key@1"] }
    error_message = "The functions that people call must have the same version of the key."
  }
  assert {
    condition     = { for name, m in google_secret_manager_secret_iam_member.log_key : name => "${m.role} ${m.member} ${m.secret_id}" } == { for name in ["acquire", "admin", "control", "heartbeat", "release"] : name => "roles/secretmanager.secretAccessor serviceAccount:licenses-${name}@acme-licenses.iam.gserviceaccount.com licenses-log-key" }
    error_message = "Those functions alone may read it."
  }
}

run "the_latest_key_is_no_version" {
  command = plan
  variables {
    log_key_version = "latest"
  }
  expect_failures = [var.log_key_version]
}
