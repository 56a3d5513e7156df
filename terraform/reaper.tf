# The schedule that fires the reaper every minute. Its account is the only one that
# may call it.
locals {
  # A name of our own for the reaper, so that its environment need not know the
  # address Cloud Run will give it. Its path is what the contract has; it is not
  # routed by the load balancer.
  reaper_audience = "https://${var.domain}/internal/v1/reap"
}

# Authoritative: any other account that is made an invoker loses it at the next apply. No
# binding at all for public functions, whose callers IAM does not know.
resource "google_cloud_run_v2_service_iam_binding" "invokers" {
  count    = var.image == null ? 0 : 1
  project  = local.project
  location = var.region
  name     = module.functions["reaper"].name
  role     = "roles/run.invoker"
  members  = [local.member["scheduler"]]
  lifecycle {
    replace_triggered_by = [google_service_account.this["scheduler"].unique_id]
  }
}

resource "google_cloud_scheduler_job" "reaper" {
  count            = var.image == null ? 0 : 1
  project          = local.project
  region           = var.region
  name             = "${var.name}-reaper"
  description      = "Ends the sessions whose time ran out."
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  paused           = var.paused
  attempt_deadline = "60s" # above REAP_BUDGET; runs may overlap
  retry_config {
    retry_count = 0 # the next minute is the retry
  }
  http_target {
    http_method = "POST"
    uri         = "${module.functions["reaper"].uri}/internal/v1/reap"
    oidc_token {
      service_account_email = local.email["scheduler"]
      audience              = local.reaper_audience
    }
  }
  depends_on = [google_cloud_run_v2_service_iam_binding.invokers]
}
