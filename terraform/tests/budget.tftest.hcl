# What the project may cost, and who is told. There is no budget unless a billing account is named.
mock_provider "google" {}

variables {
  project_id    = "acme-licenses"
  domain        = "licenses.acme.example"
  observability = { emails = ["oncall@acme.example"], channels = ["projects/acme-licenses/notificationChannels/pager"] }
}

run "none_unless_asked_for" {
  command = plan
  assert {
    condition     = length(google_billing_budget.project) == 0 && !contains(keys(google_project_service.enabled), "billingbudgets.googleapis.com")
    error_message = "The billing account is somebody else's, and an API that nobody uses is not enabled."
  }
}

run "of_this_project" {
  command = plan
  override_resource {
    target = google_storage_bucket.source
    values = { project_number = 1234567890 }
  }
  override_resource {
    target = google_monitoring_notification_channel.email
    values = { id = "projects/acme-licenses/notificationChannels/email" }
  }
  variables {
    budget = {
      billing_account = "012345-6789AB-CDEF01"
      amount          = 300
      channels        = ["projects/acme-billing/notificationChannels/finance"]
    }
  }
  assert {
    condition     = google_billing_budget.project[0].budget_filter[0].projects == toset(["projects/1234567890"]) && google_billing_budget.project[0].budget_filter[0].calendar_period == "MONTH"
    error_message = "It must be about this project and a month, and not about all that the billing account pays."
  }
  assert {
    condition     = google_billing_budget.project[0].billing_account == "012345-6789AB-CDEF01" && google_billing_budget.project[0].amount[0].specified_amount[0].units == "300"
    error_message = "It must have the amount, on the account that was named."
  }
  assert {
    condition     = google_billing_budget.project[0].all_updates_rule[0].monitoring_notification_channels == tolist(["projects/acme-licenses/notificationChannels/email", "projects/acme-billing/notificationChannels/finance"])
    error_message = "It must tell the e-mail channels, and not the pager, which a budget does not take."
  }
  assert {
    condition     = [for r in google_billing_budget.project[0].threshold_rules : "${r.spend_basis} ${r.threshold_percent * 100}"] == ["CURRENT_SPEND 50", "CURRENT_SPEND 90", "CURRENT_SPEND 100", "FORECASTED_SPEND 100"]
    error_message = "It must tell by what is spent, and by what is to be expected before it is."
  }
  assert {
    condition     = contains(keys(google_project_service.enabled), "billingbudgets.googleapis.com")
    error_message = "Its API must be enabled."
  }
}

run "no_billing_account" {
  command = plan
  variables {
    budget = { billing_account = "billingAccounts/012345-6789AB-CDEF01", amount = 300 }
  }
  expect_failures = [var.budget]
}

run "a_fraction" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 0.5 }
  }
  expect_failures = [var.budget]
}

run "no_currency" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, currency = "euro" }
  }
  expect_failures = [var.budget]
}

run "no_threshold" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, thresholds = { current_percent = [], forecast_percent = [] } }
  }
  expect_failures = [var.budget]
}

run "a_threshold_that_is_a_share" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, thresholds = { current_percent = [0.9] } }
  }
  expect_failures = [var.budget]
}

run "nobody_is_told" {
  command = plan
  variables {
    observability = {}

    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300 }
  }
  expect_failures = [var.budget]
}

run "more_channels_than_a_budget_takes" {
  command = plan
  variables {
    observability = { emails = [for n in range(5) : "oncall-${n}@acme.example"] }

    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, channels = ["projects/acme-billing/notificationChannels/6"] }
  }
  expect_failures = [var.budget]
}

run "no_channel" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, channels = ["finance@acme.example"] }
  }
  expect_failures = [var.budget]
}
