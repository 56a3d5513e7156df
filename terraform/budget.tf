# What the project may cost in a month, and who is told when it costs more: by what is
# spent, and by what Google expects to be. It stops nothing. The billing account is
# often somebody else's, so there is none unless it is named.
resource "google_billing_budget" "project" {
  count           = var.budget == null ? 0 : 1
  billing_account = var.budget.billing_account
  display_name    = "${var.name}: ${var.project_id}"
  budget_filter {
    # By its number: Google answers with that, and an id would be a change in every plan.
    # Only the bucket tells it without asking for the project.
    projects        = ["projects/${google_storage_bucket.source.project_number}"]
    calendar_period = "MONTH"
  }
  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.amount)
    }
  }
  dynamic "threshold_rules" {
    for_each = var.budget.thresholds.current_percent
    content {
      threshold_percent = threshold_rules.value / 100
      spend_basis       = "CURRENT_SPEND"
    }
  }
  dynamic "threshold_rules" {
    for_each = var.budget.thresholds.forecast_percent
    content {
      threshold_percent = threshold_rules.value / 100
      spend_basis       = "FORECASTED_SPEND"
    }
  }
  # Beside these, Google tells the billing account's administrators and users.
  all_updates_rule {
    monitoring_notification_channels = concat(
      [for channel in google_monitoring_notification_channel.email : channel.id],
      sort(var.budget.channels),
    )
  }
}
