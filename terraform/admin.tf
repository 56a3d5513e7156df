# The organizations' door, where owners and admins of an organization see and end its
# sessions, and members see theirs. Users come to it as to acquire: through the load
# balancer, with ID tokens that it checks itself. It uses record and ledger as every
# function does, deletes nothing, and has nothing to do with a key.
#
# Users of Identity Platform are its own affair as well, once that is chosen. The least
# that this takes (https://cloud.google.com/identity-platform/docs/access-control):
#   get     to list and look
#   create  to invite
#   update  to set role and groups, to disable, to take back sign-ins
# Not delete: who is disabled can do nothing, and can be brought back. Not sendEmail: the
# mail by which somebody sets a password is asked for by a page, with the project's web key.
# Not createSession, nor anything of the configuration (providers, their secrets, the
# parameters of password hashes): roles/firebaseauth.admin holds all of that.
#
# No condition narrows it to a tenant or an organization: who takes over this account can
# change the claims of every user, and so be anybody's administrator.
resource "google_project_iam_custom_role" "user_administrator" {
  count       = var.identity.administer_users ? 1 : 0
  project     = local.project
  role_id     = "${local.role_prefix}.userAdministrator"
  title       = "${var.name}: administer users"
  description = "List, look at, create and change users of Identity Platform; delete none."
  permissions = [
    "firebaseauth.users.create",
    "firebaseauth.users.get",
    "firebaseauth.users.update",
  ]
}

resource "google_project_iam_member" "user_administrator" {
  count   = var.identity.administer_users ? 1 : 0
  project = local.project
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.user_administrator[0].role_id}"
  member  = local.member["admin"]
  lifecycle {
    replace_triggered_by = [google_service_account.this["admin"].unique_id]
  }
}
