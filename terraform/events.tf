# Events: what happens to seats and licenses, told to customers' webhooks and to a topic
# of Pub/Sub. The functions keep them in the record, in the transaction that does what
# they tell; deliver, fired every minute, takes them out.
locals {
  # There is a function that tells as soon as it has a key to sign with. It stays when no
  # new events are kept: what was is still told.
  delivers = var.events.webhook_key_version != null

  # A name of its own, as the reaper's: a token for one opens not the other.
  deliver_audience = "https://${var.domain}/internal/v1/deliver"

  events_topic = one([for topic in google_pubsub_topic.events : "projects/${var.project_id}/topics/${topic.name}"])

  # Deliver signs with it; the two doors show a new webhook's secret once.
  webhook_key_readers = { for name, f in local.functions : name => local.member[name] if local.delivers && contains(["admin", "control", "deliver"], name) }
}

# The key that webhooks' secrets are derived from. Its value is added by hand, as that of
# the log's key: it is in no variable, no plan and no state.
resource "google_secret_manager_secret" "webhook_key" {
  project   = local.project
  secret_id = "${var.name}-webhook-key"
  labels    = local.labels
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "webhook_key" {
  for_each  = local.webhook_key_readers
  project   = local.project
  secret_id = google_secret_manager_secret.webhook_key.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

# Each message has its organization as ordering key, which asks nothing of a topic: a
# subscription that is made with message ordering gets them in order.
resource "google_pubsub_topic" "events" {
  count                      = local.delivers && var.events.topic ? 1 : 0
  project                    = local.project
  name                       = "${var.name}-events"
  labels                     = local.labels
  message_retention_duration = "${var.events.retention_days * 86400}s"
}

# Authoritative: whoever reads the topic may believe that deliver wrote it.
resource "google_pubsub_topic_iam_binding" "publishers" {
  count   = local.delivers && var.events.topic ? 1 : 0
  project = local.project
  topic   = google_pubsub_topic.events[0].name
  role    = "roles/pubsub.publisher"
  members = [local.member["deliver"]]
  lifecycle {
    replace_triggered_by = [google_service_account.this["deliver"].unique_id]
  }
}

# Authoritative, as the reaper's.
resource "google_cloud_run_v2_service_iam_binding" "deliver" {
  count    = local.delivers && var.image != null ? 1 : 0
  project  = local.project
  location = var.region
  name     = module.functions["deliver"].name
  role     = "roles/run.invoker"
  members  = [local.member["scheduler"]]
  lifecycle {
    replace_triggered_by = [google_service_account.this["scheduler"].unique_id]
  }
}

resource "google_cloud_scheduler_job" "deliver" {
  count            = local.delivers && var.image != null ? 1 : 0
  project          = local.project
  region           = var.region
  name             = "${var.name}-deliver"
  description      = "Tells what has happened."
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  paused           = var.paused
  attempt_deadline = "60s" # above REAP_BUDGET; runs may overlap
  retry_config {
    retry_count = 0 # the next minute is the retry
  }
  http_target {
    http_method = "POST"
    uri         = "${module.functions["deliver"].uri}/internal/v1/deliver"
    oidc_token {
      service_account_email = local.email["scheduler"]
      audience              = local.deliver_audience
    }
  }
  depends_on = [google_cloud_run_v2_service_iam_binding.deliver]
}
