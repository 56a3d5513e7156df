# What builds may do: push to one repository, release six services, publish the
# record's rules.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "releases_these_services_and_no_iam" {
  command = plan
  assert {
    condition     = { for name, grant in google_cloud_run_v2_service_iam_member.build_releases : grant.name => "${grant.role} ${grant.member}" } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : "licenses-${name}" => "roles/run.developer serviceAccount:licenses-build@acme-licenses.iam.gserviceaccount.com" }
    error_message = "Builds may release the six services, and not change who may call them."
  }
  assert {
    condition     = alltrue([for name, grant in google_service_account_iam_member.build_deploys_as : grant.role == "roles/iam.serviceAccountUser" && grant.service_account_id == "projects/acme-licenses/serviceAccounts/licenses-${name}@acme-licenses.iam.gserviceaccount.com"])
    error_message = "Builds may hand on the six functions' accounts."
  }
  assert {
    condition     = keys(google_service_account_iam_member.build_deploys_as) == ["acquire", "admin", "control", "heartbeat", "reaper", "release"]
    error_message = "Builds may hand on no other account: not the scheduler's, not the rotation's."
  }
}

run "pushes_to_one_repository" {
  command = plan
  assert {
    condition     = google_artifact_registry_repository_iam_member.build_pushes.role == "roles/artifactregistry.writer" && google_artifact_registry_repository_iam_member.build_pushes.repository == "licenses"
    error_message = "Builds may write to the repository, and not manage it."
  }
  assert {
    condition     = google_artifact_registry_repository.images.format == "DOCKER" && google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "A tag must stay what it is."
  }
}

run "reads_the_source_and_nobody_else_does" {
  command = plan
  assert {
    condition     = google_storage_bucket.source.uniform_bucket_level_access && google_storage_bucket.source.public_access_prevention == "enforced"
    error_message = "The source's bucket must be private."
  }
  assert {
    condition     = google_storage_bucket_iam_member.build_reads.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.build_reads.member == "serviceAccount:licenses-build@acme-licenses.iam.gserviceaccount.com"
    error_message = "Builds read the source, and change none."
  }
}

run "takes_a_seat_and_reads_metrics" {
  command = plan
  assert {
    condition     = google_secret_manager_secret_iam_member.build_signs_in.secret_id == "licenses-canary" && google_secret_manager_secret_iam_member.build_signs_in.role == "roles/secretmanager.secretAccessor"
    error_message = "Builds may read the canary's account, and no other secret."
  }
  assert {
    condition     = google_project_iam_custom_role.metric_reader.permissions == toset(["monitoring.timeSeries.list"]) && google_project_iam_member.build_reads_metrics.role == "projects/acme-licenses/roles/licenses.metricReader"
    error_message = "Builds may read metrics, and change none."
  }
}

run "no_trigger_without_a_repository" {
  command = plan
  assert {
    condition     = length(google_cloudbuild_trigger.build) == 0 && length(google_cloudbuild_trigger.release) == 0 && output.build_region == "us-central1"
    error_message = "Without a repository builds are submitted by hand, in the region."
  }
}

run "a_push_to_main_is_a_release" {
  command = plan
  variables {
    build = { repository = "projects/acme-licenses/locations/us-west2/connections/github/repositories/licenses" }
  }
  assert {
    condition     = google_cloudbuild_trigger.build[0].filename == "cloudbuild.yaml" && google_cloudbuild_trigger.build[0].repository_event_config[0].push[0].branch == "^main$"
    error_message = "The pipeline must run when main moves."
  }
  assert {
    condition     = google_cloudbuild_trigger.build[0].service_account == "projects/acme-licenses/serviceAccounts/licenses-build@acme-licenses.iam.gserviceaccount.com" && google_cloudbuild_trigger.release[0].service_account == google_cloudbuild_trigger.build[0].service_account
    error_message = "Both must run as the build account."
  }
  assert {
    condition     = google_cloudbuild_trigger.build[0].substitutions["_SERVICES"] == "licenses" && google_cloudbuild_trigger.build[0].substitutions["_DOMAIN"] == "licenses.acme.example" && google_cloudbuild_trigger.build[0].substitutions["_DEPLOY"] == "true"
    error_message = "It must be told which service it releases."
  }
  assert {
    condition     = google_cloudbuild_trigger.build[0].location == "us-west2" && google_cloudbuild_trigger.release[0].location == "us-west2" && output.build_region == "us-west2"
    error_message = "Triggers must be where the repository is connected."
  }
}

run "approval_comes_after_the_tests" {
  command = plan
  variables {
    size  = "production"
    build = { repository = "projects/acme-licenses/locations/us-central1/connections/github/repositories/licenses" }
  }
  assert {
    condition     = google_cloudbuild_trigger.build[0].substitutions["_DEPLOY"] == "false" && length(google_cloudbuild_trigger.build[0].approval_config) == 0
    error_message = "A push must be built and tested without a word, and not released."
  }
  assert {
    condition     = google_cloudbuild_trigger.release[0].approval_config[0].approval_required && google_cloudbuild_trigger.release[0].git_file_source[0].path == "scripts/release/deploy.yaml"
    error_message = "The release of what was tested must wait for a person."
  }
}

run "a_region_without_the_repository" {
  command = plan
  variables {
    build = { repository = "projects/acme-licenses/locations/us-central1/connections/github/repositories/licenses", region = "us-west2" }
  }
  expect_failures = [var.build]
}

run "builds_in_another_region" {
  command = plan
  variables {
    region = "us-east4"
    image  = null
    build  = { region = "us-central1" }
  }
  assert {
    condition     = output.build_region == "us-central1" && google_storage_bucket.source.location == "US"
    error_message = "Builds must be able to run where a new project may build, with a source that outlasts a region."
  }
}
