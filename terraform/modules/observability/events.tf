# Events: what deliver takes out of the record, publishes and sends to webhooks. Nothing of
# this is watched where there is no such function.
locals {
  delivers = contains(keys(var.services), "deliver")

  event_metrics = { for key, metric in {
    # 1. Of deliver's runs: 0 where nothing had waited.
    oldest_event_seconds = {
      description = "How long the oldest event that a run of deliver met had waited."
      filter      = ["jsonPayload.operation=\"deliver\"", "jsonPayload.oldest_event_seconds>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.oldest_event_seconds)"
      unit        = "s"
      bounds      = [1, 10, 60, 120, 300, 900, 3600, 86400]
    }
    # 1.
    deliveries = {
      description = "Events that receivers of webhooks took, by run of deliver."
      filter      = ["jsonPayload.operation=\"deliver\"", "jsonPayload.delivered>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.delivered)"
      unit        = "1"
      bounds      = [0, 1, 10, 100, 1000, 10000]
    }
    # 1.
    attempts_failed = {
      description = "Attempts to send to a webhook that were in vain, by run of deliver."
      filter      = ["jsonPayload.operation=\"deliver\"", "jsonPayload.attempts_failed>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.attempts_failed)"
      unit        = "1"
      bounds      = [0, 1, 10, 100, 1000]
    }
    # 1.
    dead_letters = {
      description = "Deliveries to webhooks that were given up, by run of deliver."
      filter      = ["jsonPayload.operation=\"deliver\"", "jsonPayload.dead_letters>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.dead_letters)"
      unit        = "1"
      bounds      = [0, 1, 10, 100, 1000, 10000]
    }
  } : key => metric if local.delivers }

  event_series = { for key in ["oldest_event_seconds", "deliveries", "attempts_failed", "dead_letters"] : key => try(local.series[key], "") }
  event_job    = local.delivers ? var.scheduler_jobs.deliver : ""

  event_alerts = { for key, alert in {
    deliver-silent = {
      title    = "Deliver has not run for ${var.thresholds.deliver_silent_minutes} minutes"
      summary  = "Nobody is told what happens to seats and licenses. Nothing is lost: events wait in the record for 30 days. No seat waits for it."
      page     = "deliver-silent"
      look     = "gcloud scheduler jobs describe ${local.event_job} --location=${var.region} --project=${var.project_id}"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "(sum(increase(${local.series.requests}{${local.cloud_run},operation=\"deliver\",outcome=\"delivered\"}[${var.thresholds.deliver_silent_minutes}m])) or vector(0)) < 0.5"
      duration = "60s"
    }
    events-late = {
      title    = "Events wait for more than ${var.thresholds.event_wait_minutes} minutes"
      summary  = "Deliver runs, but the oldest event that it met had waited for so long: it cannot publish, cannot take events out of the record, or has more to do than it manages. Nothing is lost for 30 days. No seat waits for it."
      page     = "events-late"
      look     = "${local.read_logs} 'jsonPayload.operation=\"deliver\"'"
      urgency  = "ticket"
      severity = "WARNING"
      # The mean of ten runs: one that is late says nothing.
      query    = "sum(increase(${local.event_series.oldest_event_seconds}_sum{${local.cloud_run}}[10m])) / sum(increase(${local.event_series.oldest_event_seconds}_count{${local.cloud_run}}[10m])) > ${var.thresholds.event_wait_minutes * 60}"
      duration = "300s"
    }
    dead-letters = {
      title    = "Events of a customer were given up"
      summary  = "The receiver of a webhook took nothing for three days. What waited for that long is tried no more by itself; it is kept for 30 days and can be sent again. This is for the person who talks to the customer."
      page     = "dead-letters"
      look     = "${local.read_logs} 'jsonPayload.dead_letters>0'"
      urgency  = "ticket"
      severity = "WARNING"
      # By the line: an incident names organization and webhook, and no metric has them as
      # labels. The line of the run counts the same letters and names neither.
      lines = ["jsonPayload.dead_letters>0", "jsonPayload.webhook_id:*"]
      labels = {
        organization_id = "EXTRACT(jsonPayload.organization_id)"
        webhook_id      = "EXTRACT(jsonPayload.webhook_id)"
      }
      again = "86400s" # once a day for each webhook
    }
  } : key => alert if local.delivers }

  event_charts = [for chart in [
    {
      title   = "Events: how long the oldest had waited"
      unit    = "s"
      queries = { "seconds" = "sum(increase(${local.event_series.oldest_event_seconds}_sum{${local.cloud_run}}[10m])) / sum(increase(${local.event_series.oldest_event_seconds}_count{${local.cloud_run}}[10m]))" }
      limits  = { "alert" = var.thresholds.event_wait_minutes * 60 }
    },
    {
      title = "Events sent to webhooks per minute"
      unit  = "1"
      queries = { for legend, key in { "taken" = "deliveries", "attempts in vain" = "attempts_failed", "given up" = "dead_letters" } :
        legend => "60 * sum(rate(${local.event_series[key]}_sum{${local.cloud_run}}[5m]))"
      }
      limits = {}
    },
  ] : chart if local.delivers]
}
