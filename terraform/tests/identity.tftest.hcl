# Nobody is anonymous, nobody signs up by themselves, no secret is in a variable.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "closed_by_default" {
  command = plan
  assert {
    condition     = google_identity_platform_config.this.sign_in[0].anonymous[0].enabled == false
    error_message = "Nobody may be anonymous."
  }
  assert {
    condition     = google_identity_platform_config.this.sign_in[0].phone_number[0].enabled == false
    error_message = "Google answers with phone_number: left out, every plan has a change."
  }
  assert {
    condition     = google_identity_platform_config.this.client[0].permissions[0].disabled_user_signup && google_identity_platform_config.this.client[0].permissions[0].disabled_user_deletion
    error_message = "Users are added and removed by the vendor."
  }
  assert {
    condition     = google_identity_platform_config.this.authorized_domains == tolist(["licenses.acme.example", "acme-licenses.firebaseapp.com"])
    error_message = "Sign-in comes back to the domain and the sign-in page alone: not to localhost."
  }
  assert {
    condition     = google_identity_platform_config.this.multi_tenant[0].allow_tenants == false && length(google_identity_platform_default_supported_idp_config.this) == 0
    error_message = "No tenants and no providers unless asked for."
  }
  assert {
    condition     = keys(google_secret_manager_secret.provider) == ["github", "google"]
    error_message = "Both providers' secrets must be there to be filled."
  }
}

run "google_and_github" {
  command = apply # the secret is read when it is there
  variables {
    identity = { providers = { google = { client_id = "g-1" }, github = { client_id = "gh-1" } }, authorized_domains = ["app.acme.example"], mfa = "MANDATORY" }
  }
  assert {
    condition     = { for p in google_identity_platform_default_supported_idp_config.this : p.idp_id => p.client_id } == { "google.com" = "g-1", "github.com" = "gh-1" }
    error_message = "Both providers must be set up."
  }
  assert {
    condition     = alltrue([for name, p in google_identity_platform_default_supported_idp_config.this : p.client_secret == data.google_secret_manager_secret_version.provider[name].secret_data])
    error_message = "The client secret must come out of Secret Manager."
  }
  assert {
    condition     = google_identity_platform_config.this.authorized_domains == tolist(["licenses.acme.example", "acme-licenses.firebaseapp.com", "app.acme.example"]) && google_identity_platform_config.this.mfa[0].state == "MANDATORY"
    error_message = "Domains and second factor must be what was asked for."
  }
}

run "tenants" {
  command = plan
  variables {
    identity = { providers = { google = { client_id = "g-1" } }, tenants = { globex = { providers = ["google"] }, initech = {} } }
  }
  assert {
    condition     = google_identity_platform_config.this.multi_tenant[0].allow_tenants && keys(google_identity_platform_tenant.this) == ["globex", "initech"]
    error_message = "Tenants must be made and allowed."
  }
  assert {
    condition     = alltrue([for t in google_identity_platform_tenant.this : t.client[0].permissions[0].disabled_user_signup])
    error_message = "Tenants are as closed as the project."
  }
  assert {
    condition     = keys(google_identity_platform_tenant_default_supported_idp_config.this) == ["globex/google"]
    error_message = "A tenant has the providers it names."
  }
}

run "the_vendors_door_administers_users" {
  command = plan
  assert {
    condition     = google_project_iam_custom_role.user_administrator[0].permissions == toset(["firebaseauth.users.create", "firebaseauth.users.delete", "firebaseauth.users.get", "firebaseauth.users.sendEmail", "firebaseauth.users.update"])
    error_message = "Users alone: no session of somebody's, and no configuration."
  }
  assert {
    condition     = { for name, m in google_project_iam_member.user_administrator : name => "${m.role} ${m.member}" } == { control = "projects/acme-licenses/roles/licenses.userAdministrator serviceAccount:licenses-control@acme-licenses.iam.gserviceaccount.com" }
    error_message = "The vendor's door has a say in users, and nobody else, unless that is chosen."
  }
  assert {
    condition     = google_project_iam_custom_role.machine_signer[0].permissions == toset(["iam.serviceAccounts.signBlob"])
    error_message = "Signatures alone: no access token of an account."
  }
  assert {
    condition     = { for name, m in google_service_account_iam_member.machine_signer : name => "${m.service_account_id} ${m.role} ${m.member}" } == { control = "projects/acme-licenses/serviceAccounts/licenses-control@acme-licenses.iam.gserviceaccount.com projects/acme-licenses/roles/licenses.machineSigner serviceAccount:licenses-control@acme-licenses.iam.gserviceaccount.com" }
    error_message = "It signs as itself alone."
  }
}

run "another_program_administers_users" {
  command = plan
  variables {
    identity = { user_administrators = [] }
  }
  assert {
    condition     = length(google_project_iam_custom_role.user_administrator) == 0 && length(google_project_iam_member.user_administrator) == 0 && length(google_project_iam_custom_role.machine_signer) == 0 && length(google_service_account_iam_member.machine_signer) == 0
    error_message = "A right that nothing uses must not be there."
  }
}

run "acquire_administers_nobody" {
  command = plan
  variables {
    identity = { user_administrators = ["control", "acquire"] }
  }
  expect_failures = [var.identity]
}

run "a_provider_without_a_client" {
  command = plan
  variables {
    identity = { tenants = { globex = { providers = ["google"] } } }
  }
  expect_failures = [var.identity]
}

run "a_second_factor_that_tenants_lack" {
  command = plan
  variables {
    identity = { mfa = "MANDATORY", tenants = { globex = {} } }
  }
  expect_failures = [var.identity]
}

run "a_provider_we_do_not_know" {
  command = plan
  variables {
    identity = { providers = { facebook = { client_id = "x" } } }
  }
  expect_failures = [var.identity]
}
