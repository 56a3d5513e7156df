# The reaper certifies keys, acquire and heartbeat sign with them, one account rotates,
# and nobody does two of these.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "the_key" {
  command = plan
  assert {
    condition     = google_kms_crypto_key.signing.purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.signing.version_template[0].algorithm == "RSA_SIGN_PKCS1_4096_SHA256"
    error_message = "What the key signs, certificates or tokens, is RSA-4096 with PKCS #1: verifiers take nothing else."
  }
  assert {
    condition     = google_kms_crypto_key.signing.version_template[0].protection_level == "HSM"
    error_message = "The key must be in an HSM unless SOFTWARE was asked for."
  }
  assert {
    condition     = google_kms_crypto_key.signing.deletion_policy == "PREVENT"
    error_message = "The key must be protected unless var.protect is off."
  }
}

run "the_key_of_delegations" {
  command = plan
  assert {
    condition     = google_kms_crypto_key.delegations.purpose == "ENCRYPT_DECRYPT" && google_kms_crypto_key.delegations.version_template[0].algorithm == "GOOGLE_SYMMETRIC_ENCRYPTION"
    error_message = "Private keys are encrypted by a symmetric key."
  }
  assert {
    condition     = google_kms_crypto_key.delegations.rotation_period == "7776000s" && google_kms_crypto_key.delegations.destroy_scheduled_duration == "2592000s"
    error_message = "It must rotate by itself each quarter, and a version that was destroyed can be brought back for 30 days."
  }
  assert {
    condition     = google_kms_crypto_key.delegations.key_ring == google_kms_crypto_key.signing.key_ring && google_kms_crypto_key.delegations.version_template[0].protection_level == "HSM"
    error_message = "It must be where the key of license tokens is, and protected like it."
  }
  assert {
    condition     = google_kms_crypto_key.delegations.deletion_policy == "PREVENT"
    error_message = "The key must be protected unless var.protect is off."
  }
}

run "in_software" {
  command = plan
  variables {
    signing_key = { protection_level = "SOFTWARE" }
    protect     = { signing_key = false }
  }
  assert {
    condition     = alltrue([for key in [google_kms_crypto_key.signing, google_kms_crypto_key.delegations] : key.version_template[0].protection_level == "SOFTWARE" && key.deletion_policy == "DELETE"])
    error_message = "Protection is of both keys."
  }
}

run "the_reaper_certifies_and_cannot_decrypt" {
  command = plan
  assert {
    condition     = google_kms_crypto_key_iam_binding.signers.role == "roles/cloudkms.signer" && google_kms_crypto_key_iam_binding.signers.members == toset(["serviceAccount:licenses-reaper@acme-licenses.iam.gserviceaccount.com"])
    error_message = "The reaper alone may sign with the key of license tokens."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.encrypters[0].role == "roles/cloudkms.cryptoKeyEncrypter" && google_kms_crypto_key_iam_binding.encrypters[0].members == toset(["serviceAccount:licenses-reaper@acme-licenses.iam.gserviceaccount.com"])
    error_message = "The reaper alone may encrypt delegations."
  }
  assert {
    condition = google_kms_crypto_key_iam_binding.decrypters[0].role == "roles/cloudkms.cryptoKeyDecrypter" && google_kms_crypto_key_iam_binding.decrypters[0].members == toset([
      "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com",
      "serviceAccount:licenses-heartbeat@acme-licenses.iam.gserviceaccount.com",
    ])
    error_message = "Acquire and heartbeat, and nobody else, may decrypt them."
  }
  assert {
    condition     = alltrue([for binding in [google_kms_crypto_key_iam_binding.encrypters[0], google_kms_crypto_key_iam_binding.decrypters[0]] : binding.crypto_key_id == "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"])
    error_message = "Roles are bound on the key, not on more."
  }
}

run "three_check_certificates" {
  command = plan
  assert {
    condition = google_kms_crypto_key_iam_binding.public_key_viewers.members == toset([
      "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com",
      "serviceAccount:licenses-heartbeat@acme-licenses.iam.gserviceaccount.com",
      "serviceAccount:licenses-reaper@acme-licenses.iam.gserviceaccount.com",
    ])
    error_message = "Who certifies and who uses what is certified reads the public key; release does not."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.public_key_viewers.role == "roles/cloudkms.publicKeyViewer"
    error_message = "Reading public keys, and no wider role."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.version_listers.members == setunion(google_kms_crypto_key_iam_binding.signers.members, ["serviceAccount:licenses-control@acme-licenses.iam.gserviceaccount.com"])
    error_message = "A signer chooses among the versions, and control tells which there are; nobody else needs to see them."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.version_listers.role == "projects/acme-licenses/roles/licenses.keyVersionLister" && google_project_iam_custom_role.key_version_lister.permissions == toset(["cloudkms.cryptoKeyVersions.list"])
    error_message = "Seeing versions, and no wider role."
  }
  assert {
    condition     = alltrue([for binding in [google_kms_crypto_key_iam_binding.signers, google_kms_crypto_key_iam_binding.public_key_viewers, google_kms_crypto_key_iam_binding.version_listers, google_kms_crypto_key_iam_binding.rotator] : binding.crypto_key_id == "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"])
    error_message = "Roles are bound on the key, not on more."
  }
}

run "by_kms_acquire_and_heartbeat_sign" {
  command = plan
  variables {
    token_signing = "kms"
  }
  assert {
    condition = alltrue([for binding in [google_kms_crypto_key_iam_binding.signers, google_kms_crypto_key_iam_binding.public_key_viewers] : binding.members == toset([
      "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com",
      "serviceAccount:licenses-heartbeat@acme-licenses.iam.gserviceaccount.com",
    ])])
    error_message = "Acquire and heartbeat, and nobody else, may use the key."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_binding.encrypters) + length(google_kms_crypto_key_iam_binding.decrypters) == 0
    error_message = "Nobody needs the key of delegations."
  }
}

run "on_the_way_both_are_ready" {
  command = plan
  variables {
    token_signing = "migrating"
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_binding.signers.members) == 3 && length(google_kms_crypto_key_iam_binding.encrypters[0].members) == 1 && length(google_kms_crypto_key_iam_binding.decrypters[0].members) == 2
    error_message = "Acquire and heartbeat sign on, the reaper makes delegations, and what reads them may do so before it must."
  }
}

run "no_other_way_to_sign" {
  command = plan
  variables {
    token_signing = "none"
  }
  expect_failures = [var.token_signing]
}

run "only_the_rotation_account_creates_versions" {
  command = plan
  assert {
    condition     = google_kms_crypto_key_iam_binding.rotator.members == toset(["serviceAccount:licenses-rotation@acme-licenses.iam.gserviceaccount.com"])
    error_message = "Nobody but the rotation account may add versions."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.rotator.role == "projects/acme-licenses/roles/licenses.keyRotator" && google_project_iam_custom_role.key_rotator.permissions == toset(["cloudkms.cryptoKeyVersions.create"])
    error_message = "It may create versions and do nothing else."
  }
}

run "every_use_is_logged" {
  command = plan
  assert {
    condition     = google_project_iam_audit_config.signatures[0].service == "cloudkms.googleapis.com" && [for c in google_project_iam_audit_config.signatures[0].audit_log_config : c.log_type] == ["DATA_READ"]
    error_message = "Who signed must be in the audit log: it is what there is to go by when the key was misused."
  }
}

run "rotates_every_quarter" {
  command = plan
  assert {
    condition     = google_cloud_scheduler_job.rotation.schedule == "0 3 1 1,4,7,10 *"
    error_message = "A version must be added every 90 to 92 days."
  }
  assert {
    condition     = google_cloud_scheduler_job.rotation.http_target[0].uri == "https://cloudkms.googleapis.com/v1/projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens/cryptoKeyVersions"
    error_message = "The schedule must ask for a version of this key."
  }
  assert {
    condition     = google_cloud_scheduler_job.rotation.http_target[0].http_method == "POST" && base64decode(google_cloud_scheduler_job.rotation.http_target[0].body) == "{}"
    error_message = "Creating a version is a POST of an empty object."
  }
  assert {
    condition     = google_cloud_scheduler_job.rotation.http_target[0].oauth_token[0].service_account_email == "licenses-rotation@acme-licenses.iam.gserviceaccount.com" && length(google_cloud_scheduler_job.rotation.http_target[0].oidc_token) == 0
    error_message = "The schedule must act as the rotation account, with an OAuth token: Google's APIs take no ID tokens."
  }
}
