# Who users are: Identity Platform. Nobody signs up by themselves and nobody is
# anonymous: the vendor adds users and gives them their organization.
resource "google_identity_platform_config" "this" {
  project                    = local.project
  autodelete_anonymous_users = true
  # The second is where Google's own sign-in page lives.
  authorized_domains = concat([var.domain, "${var.project_id}.firebaseapp.com"], sort(var.identity.authorized_domains))

  sign_in {
    allow_duplicate_emails = false
    anonymous {
      enabled = false
    }
    email {
      enabled           = var.identity.email_sign_in
      password_required = true
    }
    # Said, because Google answers with it: else every plan has a change.
    phone_number {
      enabled = false
    }
  }

  client {
    permissions {
      disabled_user_signup   = true
      disabled_user_deletion = true
    }
  }

  multi_tenant {
    allow_tenants = length(var.identity.tenants) > 0
  }

  mfa {
    state = var.identity.mfa
    provider_configs {
      state = var.identity.mfa
      totp_provider_config {
        adjacent_intervals = 1 # a clock may be 30 s off
      }
    }
  }

  monitoring {
    request_logging {
      enabled = true
    }
  }
}

# One secret per sign-in provider, empty at first: its value is added by hand, so
# it is in no variable and no plan.
resource "google_secret_manager_secret" "provider" {
  for_each  = local.providers
  project   = local.project
  secret_id = "${var.name}-${each.key}-client-secret"
  labels    = local.labels
  replication {
    auto {}
  }
}

locals {
  # Identity Platform's ids of the providers this offers.
  providers = { google = "google.com", github = "github.com" }
}

# Identity Platform takes the value, not the secret's name, so Terraform's state
# holds it: the state bucket must be as private as the secret.
data "google_secret_manager_secret_version" "provider" {
  for_each = var.identity.providers
  project  = var.project_id
  secret   = google_secret_manager_secret.provider[each.key].id
}

resource "google_identity_platform_default_supported_idp_config" "this" {
  for_each      = var.identity.providers
  project       = local.project
  idp_id        = local.providers[each.key]
  client_id     = each.value.client_id
  client_secret = data.google_secret_manager_secret_version.provider[each.key].secret_data
  enabled       = true

  depends_on = [google_identity_platform_config.this]
}

# An Identity Platform tenant per organization that wants its own users and
# providers. Its id, given by Google, is then the organization's id.
resource "google_identity_platform_tenant" "this" {
  for_each              = var.identity.tenants
  project               = local.project
  display_name          = each.key
  allow_password_signup = each.value.email_sign_in
  client {
    permissions {
      disabled_user_signup   = true
      disabled_user_deletion = true
    }
  }

  depends_on = [google_identity_platform_config.this]
}

resource "google_identity_platform_tenant_default_supported_idp_config" "this" {
  for_each = merge([
    for tenant, t in var.identity.tenants : { for p in t.providers : "${tenant}/${p}" => { tenant = tenant, provider = p } }
  ]...)
  project       = local.project
  tenant        = google_identity_platform_tenant.this[each.value.tenant].name
  idp_id        = local.providers[each.value.provider]
  client_id     = var.identity.providers[each.value.provider].client_id
  client_secret = data.google_secret_manager_secret_version.provider[each.value.provider].secret_data
  enabled       = true
}

# Asking whether a user's tokens were revoked is one look at the user, at acquire and
# where an organization is administered, and only if that was chosen.
resource "google_project_iam_custom_role" "revocation_reader" {
  count       = var.identity.check_revoked ? 1 : 0
  project     = local.project
  role_id     = "${local.role_prefix}.revocationReader"
  title       = "${var.name}: see whether a user's tokens were revoked"
  description = "Read users of Identity Platform."
  permissions = ["firebaseauth.users.get"]
}

resource "google_project_iam_member" "revocation_reader" {
  for_each = { for name, f in local.functions : name => f if f.revokable }
  project  = local.project
  role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.revocation_reader[0].role_id}"
  member   = local.member[each.key]
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

# Who may administer users: the doors that were chosen, by a role of what they call and no
# more (https://cloud.google.com/identity-platform/docs/access-control):
#   get        accounts:lookup: list and look
#   create     accounts: invite
#   update     accounts:update: role and groups, disable, end sign-ins
#   delete     accounts:delete: an account that was asked to be erased
#   sendEmail  accounts:sendOobCode: the link by which the invited set a password
# Not createSession, nor anything of the configuration (providers, their secrets, the
# parameters of password hashes): roles/firebaseauth.admin holds all of that.
#
# No condition narrows it to a tenant or an organization: who takes over such an account
# can change the claims of every user, and so be anybody's administrator.
resource "google_project_iam_custom_role" "user_administrator" {
  count       = length(var.identity.user_administrators) > 0 ? 1 : 0
  project     = local.project
  role_id     = "${local.role_prefix}.userAdministrator"
  title       = "${var.name}: administer users"
  description = "List, look at, create, change and delete users of Identity Platform."
  permissions = [
    "firebaseauth.users.create",
    "firebaseauth.users.delete",
    "firebaseauth.users.get",
    "firebaseauth.users.sendEmail",
    "firebaseauth.users.update",
  ]
}

resource "google_project_iam_member" "user_administrator" {
  for_each = var.identity.user_administrators
  project  = local.project
  role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.user_administrator[0].role_id}"
  member   = local.member[each.key]
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

# A machine signs in by a custom token that the door's own account has signed: of Google's
# roles the one for that (roles/iam.serviceAccountTokenCreator) also gives access tokens.
# Each door may sign as itself alone.
resource "google_project_iam_custom_role" "machine_signer" {
  count       = length(var.identity.user_administrators) > 0 ? 1 : 0
  project     = local.project
  role_id     = "${local.role_prefix}.machineSigner"
  title       = "${var.name}: sign machines in"
  description = "Sign custom tokens of Identity Platform."
  permissions = ["iam.serviceAccounts.signBlob"]
}

resource "google_service_account_iam_member" "machine_signer" {
  for_each           = var.identity.user_administrators
  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.email[each.key]}"
  role               = "projects/${var.project_id}/roles/${google_project_iam_custom_role.machine_signer[0].role_id}"
  member             = local.member[each.key]
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

# By it programs of users name the project, and so do the doors that sign machines in. It is
# no secret: every page where people sign in has it.
locals {
  user_administration = {
    for door in var.identity.user_administrators : door => { IDENTITY_API_KEY = google_identity_platform_config.this.client[0].api_key }
  }
}
