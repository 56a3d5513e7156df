# Who read and changed what, by Google's own logs of access to data (var.audit_logs), with
# nobody exempt. Each is authoritative for its service. Who used the keys of license tokens
# is signing_key.audit (token.tf).
resource "google_project_iam_audit_config" "data_access" {
  for_each = { for service, types in local.audit_logs : service => types if length(types) > 0 }
  project  = local.project
  service  = each.key
  dynamic "audit_log_config" {
    for_each = each.value
    content {
      log_type = audit_log_config.value
    }
  }
}

locals {
  audit_logs = {
    "datastore.googleapis.com"       = var.audit_logs.firestore # Firestore is configured by this name
    "identitytoolkit.googleapis.com" = var.audit_logs.identity_platform
    "secretmanager.googleapis.com"   = var.audit_logs.secret_manager
  }
}
