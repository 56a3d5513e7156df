# What builds may do: push to one repository, release four services, publish the
# record's rules.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

run "releases_these_services_and_no_iam" {
  command = plan
  assert {
    condition     = { for name, grant in google_cloud_run_v2_service_iam_member.build_releases : grant.name => "${grant.role} ${grant.member}" } == { for name in ["acquire", "heartbeat", "release", "reaper"] : "licenses-${name}" => "roles/run.developer serviceAccount:licenses-build@acme-licenses.iam.gserviceaccount.com" }
    error_message = "Builds may release the four services, and not change who may call them."
  }
  assert {
    condition     = alltrue([for name, grant in google_service_account_iam_member.build_deploys_as : grant.role == "roles/iam.serviceAccountUser" && grant.service_account_id == google_service_account.this[name].name])
    error_message = "Builds may hand on the four functions' accounts."
  }
  assert {
    condition     = keys(google_service_account_iam_member.build_deploys_as) == ["acquire", "heartbeat", "reaper", "release"]
    error_message = "Builds may hand on no other account: not the scheduler's, not the rotation's."
  }
}

run "pushes_to_one_repository" {
  command = plan
  assert {
    condition     = google_artifact_registry_repository_iam_member.build_pushes.role == "roles/artifactregistry.writer" && google_artifact_registry_repository_iam_member.build_pushes.repository == google_artifact_registry_repository.images.name
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

run "no_trigger_without_a_repository" {
  command = plan
  assert {
    condition     = length(google_cloudbuild_trigger.release) == 0
    error_message = "Without a repository builds are submitted by hand."
  }
}

run "a_trigger_on_main" {
  command = plan
  variables {
    build = { repository = "projects/acme-licenses/locations/us-central1/connections/github/repositories/licenses", approval = true }
  }
  assert {
    condition     = google_cloudbuild_trigger.release[0].filename == "cloudbuild.yaml" && google_cloudbuild_trigger.release[0].repository_event_config[0].push[0].branch == "^main$"
    error_message = "The pipeline must run when main moves."
  }
  assert {
    condition     = google_cloudbuild_trigger.release[0].service_account == google_service_account.this["build"].id && google_cloudbuild_trigger.release[0].approval_config[0].approval_required
    error_message = "It must run as the build account, once a person lets it."
  }
  assert {
    condition     = google_cloudbuild_trigger.release[0].substitutions["_SERVICES"] == "licenses" && google_cloudbuild_trigger.release[0].substitutions["_DOMAIN"] == "licenses.acme.example"
    error_message = "It must be told which service it releases."
  }
}
