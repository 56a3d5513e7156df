# The key that encrypts the private keys of delegations: short-lived keys, certified
# by the key of license tokens, that sign them. The record holds them encrypted, so
# that neither the record nor a backup of it is enough to sign.
#
# The reaper makes them: it may certify and encrypt, and cannot decrypt what it has
# written. Acquire and heartbeat sign with them: they may decrypt, and can neither
# certify nor encrypt.
resource "google_kms_crypto_key" "delegations" {
  name     = "delegations"
  key_ring = google_kms_key_ring.this.id
  purpose  = "ENCRYPT_DECRYPT"
  labels   = local.labels
  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.signing_key.protection_level
  }
  # KMS adds a version by itself and encrypts with it from then on. What an older one
  # has encrypted ends within half a day.
  rotation_period            = "7776000s" # 90 days
  destroy_scheduled_duration = "2592000s"
  # Without it no instance that starts could sign before the reaper has made a
  # delegation by another key.
  deletion_policy = var.protect.signing_key ? "PREVENT" : "DELETE"
}

resource "google_kms_crypto_key_iam_binding" "encrypters" {
  count         = local.delegates ? 1 : 0
  crypto_key_id = local.delegation_key_name
  role          = "roles/cloudkms.cryptoKeyEncrypter"
  members       = [local.member["reaper"]]
  lifecycle {
    replace_triggered_by = [google_service_account.this["reaper"].unique_id]
  }
}

resource "google_kms_crypto_key_iam_binding" "decrypters" {
  count         = local.delegates ? 1 : 0
  crypto_key_id = local.delegation_key_name
  role          = "roles/cloudkms.cryptoKeyDecrypter"
  members       = local.issuers
  lifecycle {
    replace_triggered_by = [
      google_service_account.this["acquire"].unique_id,
      google_service_account.this["heartbeat"].unique_id,
    ]
  }
}

locals {
  # Whether the reaper makes delegations, and whether anybody signs with them yet.
  delegates = var.token_signing != "kms"
  delegated = var.token_signing == "delegated"

  # Known at every plan, and waits for the key.
  delegation_key_name = "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.this.name}/cryptoKeys/${google_kms_crypto_key.delegations.name}"
}
