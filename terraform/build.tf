# Who builds and ships: one account for cloudbuild.yaml, and the trigger that runs
# it when the main branch moves.
resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  project    = local.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = local.member["build"]
}

# Source that is submitted by hand is uploaded here; builds read it.
resource "google_storage_bucket" "source" {
  project                     = local.project
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
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
}

resource "google_storage_bucket_iam_member" "build_reads" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = local.member["build"]
}

# New revisions and traffic of these services: no IAM, no other service.
resource "google_cloud_run_v2_service_iam_member" "build_releases" {
  for_each = var.image == null ? {} : local.functions
  project  = local.project
  location = var.region
  name     = module.functions[each.key].name
  role     = "roles/run.developer"
  member   = local.member["build"]
}

# A revision runs as its function's account, which the account that deploys must
# be allowed to hand on.
resource "google_service_account_iam_member" "build_deploys_as" {
  for_each           = local.functions
  service_account_id = google_service_account.this[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = local.member["build"]
}

# A build log has no resource of its own to grant this on.
resource "google_project_iam_member" "build_logs" {
  project = local.project
  role    = "roles/logging.logWriter"
  member  = local.member["build"]
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
}

resource "google_cloudbuild_trigger" "release" {
  count           = var.build.repository == null ? 0 : 1
  project         = local.project
  location        = var.region
  name            = "${var.name}-release"
  description     = "Builds, tests and releases ${var.build.branch}."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.this["build"].id
  substitutions   = local.substitutions
  repository_event_config {
    repository = var.build.repository
    push {
      branch = var.build.branch
    }
  }
  approval_config {
    approval_required = var.build.approval
  }
  # Text that is not built needs no release. terraform/firestore.rules does.
  ignored_files = ["docs/**", "**/*.md", "terraform/**/*.tf", "terraform/**/*.tfvars", "terraform/**/*.hcl", "terraform/**/*.rego"]
}

locals {
  # What cloudbuild.yaml is told; also an output, for builds by hand.
  substitutions = {
    _REGION             = var.region
    _REPOSITORY         = google_artifact_registry_repository.images.name
    _SERVICES           = var.name
    _DOMAIN             = var.domain
    _FIRESTORE_DATABASE = google_firestore_database.record.name
  }
}
