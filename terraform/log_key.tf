# The key of the digests by which the functions' log names users: one for all
# instances, so that one user's lines can be found, and in nobody's hands who reads
# the log. Its value is added by hand (docs/operations.md), so it is in no variable,
# no plan and no state. Until a version is named each instance has a key of its own.
resource "google_secret_manager_secret" "log_key" {
  project   = local.project
  secret_id = "${var.name}-log-key"
  labels    = local.labels
  replication {
    auto {}
  }
}

locals {
  # Functions that people call.
  log_key_readers = var.log_key_version == null ? {} : { for name, f in local.functions : name => local.member[name] if f.callers != "scheduler" }
}

resource "google_secret_manager_secret_iam_member" "log_key" {
  for_each  = local.log_key_readers
  project   = local.project
  secret_id = google_secret_manager_secret.log_key.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}
