# Who is who: an account for each function and for each of the three that act by
# themselves. What they may do stands beside what it is about; docs/security.md has
# it in one table. No account has a key.
resource "google_service_account" "this" {
  for_each = merge(
    { for name in keys(local.functions) : name => "the ${name} function" },
    {
      build     = "builds images and releases them"
      rotation  = "adds versions to the signing key"
      scheduler = "fires the reaper and deliver"
    },
  )
  project      = local.project
  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name}: ${each.value}"
}

locals {
  # Put together here instead of asked for, so that a plan shows who is given what.
  email  = { for name, account in google_service_account.this : name => "${account.account_id}@${var.project_id}.iam.gserviceaccount.com" }
  member = { for name, email in local.email : name => "serviceAccount:${email}" }

  # Of the functions alone.
  function_members = { for name in keys(local.functions) : name => local.member[name] }
  # Of those that work with the ledger.
  ledger_members = { for name, f in local.functions : name => local.member[name] if f.ledger }
  # Those that give out license tokens, those that may sign with the key of license
  # tokens, and those that read its public half.
  issuers     = [for name, f in local.functions : local.member[name] if f.signs]
  signers     = concat(local.delegated ? [] : local.issuers, local.delegates ? [local.member["reaper"]] : [])
  key_readers = concat(local.issuers, local.delegates ? [local.member["reaper"]] : [])

  # Custom roles; their ids allow no hyphens.
  role_prefix = replace(var.name, "-", "_")
  role = {
    key_version_lister = "projects/${var.project_id}/roles/${google_project_iam_custom_role.key_version_lister.role_id}"
    metric_reader      = "projects/${var.project_id}/roles/${google_project_iam_custom_role.metric_reader.role_id}"
    key_rotator        = "projects/${var.project_id}/roles/${google_project_iam_custom_role.key_rotator.role_id}"
    record_deleter     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.record_deleter.role_id}"
    record_user        = "projects/${var.project_id}/roles/${google_project_iam_custom_role.record_user.role_id}"
    rules_publisher    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.rules_publisher.role_id}"
  }
}
