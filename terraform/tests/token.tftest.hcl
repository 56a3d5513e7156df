# Two functions sign, one account rotates, and nobody does both.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "the_key" {
  command = plan
  assert {
    condition     = google_kms_crypto_key.signing.purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.signing.version_template[0].algorithm == "RSA_SIGN_PKCS1_4096_SHA256"
    error_message = "License tokens are RS256 by RSA-4096: clients verify nothing else."
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

run "acquire_and_heartbeat_sign_release_and_reaper_cannot" {
  command = plan
  assert {
    condition = alltrue([for binding in [google_kms_crypto_key_iam_binding.signers, google_kms_crypto_key_iam_binding.public_key_viewers, google_kms_crypto_key_iam_binding.version_listers] : binding.members == toset([
      "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com",
      "serviceAccount:licenses-heartbeat@acme-licenses.iam.gserviceaccount.com",
    ])])
    error_message = "Acquire and heartbeat, and nobody else, may use the key."
  }
  assert {
    condition     = google_kms_crypto_key_iam_binding.signers.role == "roles/cloudkms.signer" && google_kms_crypto_key_iam_binding.public_key_viewers.role == "roles/cloudkms.publicKeyViewer"
    error_message = "Signing and reading public keys, and no wider role."
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

run "every_signature_is_logged" {
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
