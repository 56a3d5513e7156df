# The key of license tokens. It certifies the keys that sign them (delegations.tf), or
# signs each of them itself (var.token_signing). Its private half never leaves Cloud KMS.
resource "google_kms_key_ring" "this" {
  project  = local.project
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "signing" {
  name     = "license-tokens"
  key_ring = google_kms_key_ring.this.id
  purpose  = "ASYMMETRIC_SIGN"
  labels   = local.labels
  version_template {
    algorithm        = "RSA_SIGN_PKCS1_4096_SHA256"
    protection_level = var.signing_key.protection_level
  }
  # How long a version that was destroyed by mistake can be brought back. It
  # cannot be changed later.
  destroy_scheduled_duration = "2592000s"
  # Destroying the key would make every license token unverifiable at once.
  deletion_policy = var.protect.signing_key ? "PREVENT" : "DELETE"
}

# Who signs with it: the reaper, which certifies, or acquire and heartbeat, and all
# three only on the way from one to the other. The bindings are authoritative: any
# other account that is given the role on this key loses it at the next apply. They
# name the key by a name that is known before it is there, so that a plan shows what
# is granted on what.
resource "google_kms_crypto_key_iam_binding" "signers" {
  crypto_key_id = local.key_name
  role          = "roles/cloudkms.signer"
  members       = local.signers
  lifecycle {
    replace_triggered_by = [
      google_service_account.this["acquire"].unique_id,
      google_service_account.this["heartbeat"].unique_id,
      google_service_account.this["reaper"].unique_id,
    ]
  }
}

# Acquire and heartbeat check the certificate of a delegation before they use or
# publish it; the reaper checks the certificate that it has made.
resource "google_kms_crypto_key_iam_binding" "public_key_viewers" {
  crypto_key_id = local.key_name
  role          = "roles/cloudkms.publicKeyViewer"
  members       = local.key_readers
  lifecycle {
    replace_triggered_by = [
      google_service_account.this["acquire"].unique_id,
      google_service_account.this["heartbeat"].unique_id,
      google_service_account.this["reaper"].unique_id,
    ]
  }
}

# A signer chooses among the versions, so it must see which there are; control tells
# the vendor's staff.
# roles/cloudkms.viewer would also show keys and import jobs.
resource "google_project_iam_custom_role" "key_version_lister" {
  project     = local.project
  role_id     = "${local.role_prefix}.keyVersionLister"
  title       = "${var.name}: list versions of the signing key"
  description = "Which versions of the key exist, and in which state."
  permissions = ["cloudkms.cryptoKeyVersions.list"]
}

resource "google_kms_crypto_key_iam_binding" "version_listers" {
  crypto_key_id = local.key_name
  role          = local.role.key_version_lister
  members       = concat(local.signers, [local.member["control"]])
  lifecycle {
    replace_triggered_by = [
      google_service_account.this["acquire"].unique_id,
      google_service_account.this["control"].unique_id,
      google_service_account.this["heartbeat"].unique_id,
      google_service_account.this["reaper"].unique_id,
    ]
  }
}

# Who signed, encrypted and decrypted, and when, of both keys: Google keeps no such log
# unless asked. A line for each; docs/operations.md has what that costs.
resource "google_project_iam_audit_config" "signatures" {
  count   = var.signing_key.audit ? 1 : 0
  project = local.project
  service = "cloudkms.googleapis.com"
  audit_log_config {
    log_type = "DATA_READ"
  }
}

# Rotation. Keys that sign do not rotate by themselves: a schedule asks the KMS
# API for a new version. It certifies from the next delegation on; where it signs
# tokens itself, KEY_ACTIVATION_DELAY later, when every cached key set has it.
resource "google_project_iam_custom_role" "key_rotator" {
  project     = local.project
  role_id     = "${local.role_prefix}.keyRotator"
  title       = "${var.name}: add versions to the signing key"
  description = "Create a key version and nothing else: not use, see, disable or destroy one."
  permissions = ["cloudkms.cryptoKeyVersions.create"]
}

resource "google_kms_crypto_key_iam_binding" "rotator" {
  crypto_key_id = local.key_name
  role          = local.role.key_rotator
  members       = [local.member["rotation"]]
  lifecycle {
    replace_triggered_by = [google_service_account.this["rotation"].unique_id]
  }
}

resource "google_cloud_scheduler_job" "rotation" {
  project          = local.project
  region           = var.region
  name             = "${var.name}-rotation"
  description      = "A new version of the signing key every quarter (90 to 92 days)."
  schedule         = var.signing_key.rotation_schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"
  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
  }
  http_target {
    http_method = "POST"
    uri         = "https://cloudkms.googleapis.com/v1/${local.key_name}/cryptoKeyVersions"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")
    oauth_token {
      service_account_email = local.email["rotation"]
      scope                 = "https://www.googleapis.com/auth/cloudkms"
    }
  }
  depends_on = [google_kms_crypto_key_iam_binding.rotator]
}

locals {
  # Known at every plan, and waits for the key.
  key_name = "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.this.name}/cryptoKeys/${google_kms_crypto_key.signing.name}"
}
