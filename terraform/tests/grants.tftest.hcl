# Every grant of the folder, by name: one that is added without being agreed, here
# and in policy/iam.rego, fails. What each grants is tested beside its entity.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "no_grant_that_was_not_agreed" {
  command = plan
  assert {
    condition = toset(flatten([
      for f in fileset(path.module, "{*.tf,modules/**/*.tf}") : [
        for m in regexall("resource \"(google_[a-z0-9_]+_iam_[a-z_]+)\" \"([a-z0-9_]+)\"", file(f)) : "${m[0]}.${m[1]}"
      ]
      ])) == toset([
      "google_artifact_registry_repository_iam_member.build_pushes",
      "google_cloud_run_v2_service_iam_binding.deliver",
      "google_cloud_run_v2_service_iam_binding.invokers",
      "google_cloud_run_v2_service_iam_binding.staff",
      "google_cloud_run_v2_service_iam_member.build_releases",
      "google_kms_crypto_key_iam_binding.decrypters",
      "google_kms_crypto_key_iam_binding.encrypters",
      "google_kms_crypto_key_iam_binding.public_key_viewers",
      "google_kms_crypto_key_iam_binding.rotator",
      "google_kms_crypto_key_iam_binding.signers",
      "google_kms_crypto_key_iam_binding.version_listers",
      "google_project_iam_audit_config.data_access",
      "google_project_iam_audit_config.signatures",
      "google_project_iam_custom_role.key_rotator",
      "google_project_iam_custom_role.key_version_lister",
      "google_project_iam_custom_role.machine_signer",
      "google_project_iam_custom_role.metric_reader",
      "google_project_iam_custom_role.record_deleter",
      "google_project_iam_custom_role.record_user",
      "google_project_iam_custom_role.revocation_reader",
      "google_project_iam_custom_role.rules_publisher",
      "google_project_iam_custom_role.user_administrator",
      "google_project_iam_member.build_logs",
      "google_project_iam_member.build_publishes_rules",
      "google_project_iam_member.build_reads_metrics",
      "google_project_iam_member.ledger_finder",
      "google_project_iam_member.ledger_user",
      "google_project_iam_member.record_deleter",
      "google_project_iam_member.record_user",
      "google_project_iam_member.revocation_reader",
      "google_project_iam_member.user_administrator",
      "google_secret_manager_secret_iam_member.build_signs_in",
      "google_pubsub_topic_iam_binding.publishers",
      "google_secret_manager_secret_iam_member.log_key",
      "google_secret_manager_secret_iam_member.webhook_key",
      "google_service_account_iam_member.build_deploys_as",
      "google_service_account_iam_member.machine_signer",
      "google_storage_bucket_iam_member.build_reads",
    ])
    error_message = "A grant came or went: agree on it, then name it here, in policy/iam.rego and in docs/security.md."
  }
}

run "nobody_is_everybody" {
  command = plan
  assert {
    condition     = alltrue([for f in fileset(path.module, "{*.tf,modules/**/*.tf}") : !can(regex("allUsers|allAuthenticatedUsers", file(f)))])
    error_message = "Public functions have the IAM check off; nothing is ever granted to everybody."
  }
}

# A new account with the same address has no grants: each grant must be made anew
# with it, in the same apply. The vendor's staff have no account that is made here.
run "an_account_made_anew_has_its_grants" {
  command = plan
  assert {
    condition = alltrue(flatten([
      for f in fileset(path.module, "*.tf") : [
        for block in regexall("(?s)resource \"google_[a-z0-9_]+_iam_(?:member|binding)\" \"[a-z0-9_]+\" \\{.*?\n\\}", file(f)) : can(regex("replace_triggered_by|= var[.]staff[.]invokers", block))
      ]
    ]))
    error_message = "A grant is not replaced along with its account: add lifecycle { replace_triggered_by = [google_service_account.this[…].unique_id] }."
  }
}
