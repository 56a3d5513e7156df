# The Google APIs the service lives on. They stay enabled when this is destroyed:
# something else in the project may use them.
resource "google_project_service" "enabled" {
  for_each = toset(concat([
    "artifactregistry.googleapis.com",
    "certificatemanager.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "containeranalysis.googleapis.com",
    "containerscanning.googleapis.com",
    "dns.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "identitytoolkit.googleapis.com",
    "logging.googleapis.com",
    "memorystore.googleapis.com",
    "monitoring.googleapis.com",
    "networkconnectivity.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceconsumermanagement.googleapis.com",
  ], var.budget == null ? [] : ["billingbudgets.googleapis.com"]))
  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

locals {
  # The project's id, known only once its APIs are on: whatever names the project
  # by it waits for them without a word more.
  project = one(toset([for api in google_project_service.enabled : api.project]))

  labels = merge({ service = var.name }, var.labels)
}
