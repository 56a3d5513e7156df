# Which of Google's logs of access to data are kept: what is cheap by default, the record's
# reads and writes only when they are asked for.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "what_is_cheap" {
  command = plan
  assert {
    condition = { for a in google_project_iam_audit_config.data_access : a.service => sort([for c in a.audit_log_config : c.log_type]) } == {
      "datastore.googleapis.com"       = tolist(["ADMIN_READ"])
      "identitytoolkit.googleapis.com" = tolist(["ADMIN_READ", "DATA_WRITE"])
      "secretmanager.googleapis.com"   = tolist(["ADMIN_READ", "DATA_READ"])
    }
    error_message = "By default: who changed accounts and read secrets, and no line for a seat."
  }
  assert {
    condition     = alltrue(flatten([for a in google_project_iam_audit_config.data_access : [for c in a.audit_log_config : length(coalesce(c.exempted_members, [])) == 0]]))
    error_message = "Nobody may be exempt."
  }
  assert {
    condition     = length(google_project_iam_audit_config.signatures) == 1
    error_message = "Uses of the keys are logged beside these."
  }
}

run "what_somebody_wants_to_know" {
  command = plan
  variables {
    audit_logs  = { firestore = ["DATA_READ", "DATA_WRITE"], secret_manager = [] }
    signing_key = { audit = false }
  }
  assert {
    condition = { for a in google_project_iam_audit_config.data_access : a.service => sort([for c in a.audit_log_config : c.log_type]) } == {
      "datastore.googleapis.com"       = tolist(["DATA_READ", "DATA_WRITE"])
      "identitytoolkit.googleapis.com" = tolist(["ADMIN_READ", "DATA_WRITE"])
    }
    error_message = "It must keep what is asked for, and leave alone what is not."
  }
  assert {
    condition     = length(google_project_iam_audit_config.signatures) == 0
    error_message = "The keys' switch is its own."
  }
}

run "a_log_that_is_none" {
  command = plan
  variables {
    audit_logs = { firestore = ["ADMIN_WRITE"] }
  }
  expect_failures = [var.audit_logs]
}
