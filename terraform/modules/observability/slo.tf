# What is promised to customers, measured by Cloud Run itself: it also sees what
# never reached the code (no instance, a crash) and what a cold start cost. Of its
# own metrics alone: an objective over a metric that is new, such as one made of
# log lines in the same apply, is refused as unknown.
#
# Administration is not in it, though customers do it: no seat waits for it, so nobody is
# woken for it, and among heartbeats its failures would not be seen. It has an alert of
# its own (admin-errors).
locals {
  public = [for function in ["acquire", "heartbeat", "release"] : var.services[function]]

  requests_served = join(" AND ", [
    "metric.type=\"run.googleapis.com/request_count\"",
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=monitoring.regex.full_match(\"${join("|", local.public)}\")",
  ])

  slos = {
    availability = {
      title = "${var.slo.availability * 100} % of requests are not answered with 5xx"
      goal  = var.slo.availability
    }
    acquire-latency = {
      title = "${var.slo.latency * 100} % of new grants are answered within ${var.slo.latency_ms} ms"
      goal  = var.slo.latency
    }
  }
}

resource "google_monitoring_custom_service" "this" {
  project      = var.project_id
  service_id   = var.name
  display_name = "Floating licenses (${var.domain})"
}

resource "google_monitoring_slo" "this" {
  for_each            = local.slos
  project             = var.project_id
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = each.key
  display_name        = each.value.title
  goal                = each.value.goal
  rolling_period_days = var.slo.days

  request_based_sli {
    dynamic "good_total_ratio" {
      for_each = each.key == "availability" ? [1] : []
      content {
        total_service_filter = local.requests_served
        bad_service_filter   = "${local.requests_served} AND metric.labels.response_code_class=\"5xx\""
      }
    }
    dynamic "distribution_cut" {
      for_each = each.key == "acquire-latency" ? [1] : []
      content {
        # Only a new grant is answered with 201; the key set, which the same service
        # publishes, would hide slow grants behind quick downloads.
        distribution_filter = join(" AND ", [
          "metric.type=\"run.googleapis.com/request_latencies\"",
          "resource.type=\"cloud_run_revision\"",
          "resource.labels.service_name=\"${var.services["acquire"]}\"",
          "metric.labels.response_code=\"201\"",
        ])
        range {
          max = var.slo.latency_ms
        }
      }
    }
  }
}
