# Who builds and ships: one account for cloudbuild.yaml, the trigger that runs it
# when the main branch moves, and the one that releases what was built.
resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  project    = local.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# Source that is submitted by hand is uploaded here; builds read it.
resource "google_storage_bucket" "source" {
  project = local.project
  name    = "${var.project_id}-${var.name}-source"
  # Of the continent, so that builds by hand outlast a region.
  location                    = lookup({ us = "US", northamerica = "US", europe = "EU", asia = "ASIA" }, split("-", var.region)[0], upper(var.region))
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # all of it is in Git
  labels                      = local.labels
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7 # days
    }
  }
  lifecycle {
    ignore_changes = [location] # its name is taken wherever it is
  }
}

resource "google_storage_bucket_iam_member" "build_reads" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# New revisions and traffic of these services: no IAM, no other service.
resource "google_cloud_run_v2_service_iam_member" "build_releases" {
  for_each = var.image == null ? {} : local.functions
  project  = local.project
  location = var.region
  name     = module.functions[each.key].name
  role     = "roles/run.developer"
  member   = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# A revision runs as its function's account, which the account that deploys must
# be allowed to hand on.
resource "google_service_account_iam_member" "build_deploys_as" {
  for_each           = local.functions
  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.email[each.key]}"
  role               = "roles/iam.serviceAccountUser"
  member             = local.member["build"]
  lifecycle {
    replace_triggered_by = [
      google_service_account.this["build"].unique_id,
      google_service_account.this[each.key].unique_id,
    ]
  }
}

# A build log has no resource of its own to grant this on.
resource "google_project_iam_member" "build_logs" {
  project = local.project
  role    = "roles/logging.logWriter"
  member  = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# Publishing the deny-all rules of the record: there is no Terraform resource for
# it that is checked here, so the pipeline does (terraform/firestore.rules).
resource "google_project_iam_custom_role" "rules_publisher" {
  project     = local.project
  role_id     = "${local.role_prefix}.rulesPublisher"
  title       = "${var.name}: publish the rules of the record"
  description = "Read, create and release Firestore security rules."
  permissions = [
    "firebaserules.releases.create",
    "firebaserules.releases.get",
    "firebaserules.releases.update",
    "firebaserules.rulesets.create",
    "firebaserules.rulesets.get",
  ]
}

resource "google_project_iam_member" "build_publishes_rules" {
  project = local.project
  role    = local.role.rules_publisher
  member  = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# A release takes a seat as a customer would, before it gets all traffic: the
# account it signs in with is in this secret, empty at first and filled by hand.
resource "google_secret_manager_secret" "canary" {
  project   = local.project
  secret_id = "${var.name}-canary"
  labels    = local.labels
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "build_signs_in" {
  project   = local.project
  secret_id = google_secret_manager_secret.canary.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# It also reads how many answers of the new revisions were 5xx.
resource "google_project_iam_custom_role" "metric_reader" {
  project     = local.project
  role_id     = "${local.role_prefix}.metricReader"
  title       = "${var.name}: read metrics"
  description = "Read time series."
  permissions = ["monitoring.timeSeries.list"]
}

resource "google_project_iam_member" "build_reads_metrics" {
  project = local.project
  role    = local.role.metric_reader
  member  = local.member["build"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["build"].unique_id]
  }
}

# Builds, tests and publishes; without approval it releases as well.
resource "google_cloudbuild_trigger" "build" {
  count           = var.build.repository == null ? 0 : 1
  project         = local.project
  location        = local.build_region
  name            = "${var.name}-build"
  description     = "Builds and tests ${var.build.branch}${local.size.build.approval ? "" : ", and releases it"}."
  filename        = "cloudbuild.yaml"
  service_account = "projects/${var.project_id}/serviceAccounts/${local.email["build"]}"
  substitutions   = merge(local.substitutions, { _DEPLOY = local.size.build.approval ? "false" : "true" })
  repository_event_config {
    repository = var.build.repository
    push {
      branch = var.build.branch
    }
  }
  # Text that is not built needs no release. terraform/firestore.rules does.
  ignored_files = ["docs/**", "**/*.md", "terraform/**/*.tf", "terraform/**/*.tfvars", "terraform/**/*.hcl", "terraform/**/*.rego"]
}

# Releases an image that is there, by its digest: run by hand. Where approval is
# asked for, this is where: what a person lets go is built and tested.
resource "google_cloudbuild_trigger" "release" {
  count           = var.build.repository == null ? 0 : 1
  project         = local.project
  location        = local.build_region
  name            = "${var.name}-release"
  description     = "Releases the image of the digest _DIGEST."
  service_account = "projects/${var.project_id}/serviceAccounts/${local.email["build"]}"
  substitutions   = merge(local.substitutions, { _DIGEST = "sha256:" })
  source_to_build {
    repository = var.build.repository
    ref        = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  git_file_source {
    path       = "scripts/release/deploy.yaml"
    repository = var.build.repository
    revision   = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  approval_config {
    approval_required = local.size.build.approval
  }
}

locals {
  # Where a repository is connected, its triggers must be.
  build_region = coalesce(var.build.region, try(split("/", var.build.repository)[3], var.region))

  # What cloudbuild.yaml is told; also an output, for builds by hand.
  substitutions = {
    _REGION             = var.region
    _REPOSITORY         = google_artifact_registry_repository.images.repository_id
    _SERVICES           = var.name
    _DOMAIN             = var.domain
    _FIRESTORE_DATABASE = google_firestore_database.record.name
    _CANARY_SECRET      = google_secret_manager_secret.canary.secret_id
    _DELIVER            = tostring(local.delivers)
  }
}
