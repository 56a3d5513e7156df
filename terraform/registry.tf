# Where images live. A tag, once given, stays what it is; deployments name digests.
resource "google_artifact_registry_repository" "images" {
  project       = local.project
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}."
  format        = "DOCKER"
  labels        = local.labels
  docker_config {
    immutable_tags = true
  }

  # The last images stay for rollbacks; what nobody tags goes after a month.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 30
    }
  }
  cleanup_policies {
    id     = "delete-untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "2592000s"
    }
  }
}
