# One page that answers, from top to bottom: do we keep our promises, how full are
# the pools, what is asked and refused, how fast, what fails, what do the parts do.
# Every chart is a title, a unit and queries by legend.
locals {
  by_service = "${local.cloud_run},service_name=~\"${join("|", values(var.services))}\""
  latencies  = "run_googleapis_com:request_latencies_bucket"

  # An average over time of what lines told.
  mean = { for key in ["watched_seats_used", "watched_seats_max", "key_age_days", "tokens_good", "tokens_seats", "delegation_age_hours"] : key =>
    contains(keys(local.metrics), key) ? {
      sum   = "increase(${local.series[key]}_sum{${local.cloud_run}}[10m])"
      count = "increase(${local.series[key]}_count{${local.cloud_run}}[10m])"
    } : null
  }

  promises = [
    for slo, objective in local.slos : {
      title  = "Burn rate over an hour: ${objective.title}"
      slo    = slo
      limits = { "page" = local.burns.fast.rate, "ticket" = local.burns.slow.rate }
    }
  ]

  charts = concat(
    [
      {
        title   = "Seats sold twice (must stay 0)"
        queries = { "oversold" = "sum(increase(${local.series.oversold}{${local.cloud_run}}[5m])) or vector(0)" }
      },
      {
        title   = "Clocks found to differ (must stay 0)"
        queries = { "clock" = "sum(increase(${local.series.clock}{${local.cloud_run}}[5m])) or vector(0)" }
      },
      {
        title = "How full pools are, by percentile of acquires"
        unit  = "%"
        queries = { for p in [50, 90, 99] : "p${p}" =>
          "histogram_quantile(${p / 100}, sum by (le) (increase(${local.series.seats_percent}_bucket{${local.cloud_run}}[10m])))"
        }
      },
    ],
    [
      {
        # Every program beats once in an interval, two minutes unless HEARTBEAT_INTERVAL
        # says otherwise; no metric has every organization as a label.
        title   = "Seats in use, of all organizations: heartbeats in 2 minutes"
        queries = { "seats, about" = "sum(increase(${local.series.requests}{${local.cloud_run},operation=\"heartbeat\",outcome=\"kept\"}[2m]))" }
      },
    ],
    [for field, what in local.watched_fields : {
      title   = "Seats ${what}, watched organizations"
      queries = { "$${metric.labels.organization_id} $${metric.labels.license_id}" = "sum by (organization_id, license_id) (${local.mean["watched_${field}"].sum}) / sum by (organization_id, license_id) (${local.mean["watched_${field}"].count})" }
    } if length(var.watched_organizations) > 0],
    [
      {
        title = "Acquires per minute"
        queries = { for outcome in ["created", "renewed", "refused", "failed"] : outcome =>
          "60 * sum(rate(${local.series.requests}{${local.cloud_run},operation=\"acquire\",outcome=\"${outcome}\"}[5m]))"
        }
      },
      {
        title   = "Refusals per minute, by code"
        queries = { "$${metric.labels.operation} $${metric.labels.code}" = "60 * sum by (operation, code) (rate(${local.series.requests}{${local.cloud_run},outcome=\"refused\"}[5m]))" }
      },
      {
        title   = "Heartbeats per minute"
        queries = { "$${metric.labels.outcome}" = "60 * sum by (outcome) (rate(${local.series.requests}{${local.cloud_run},operation=\"heartbeat\"}[5m]))" }
      },
      {
        title = "Seats given back and sessions reaped per minute"
        queries = {
          "released"    = "60 * sum(rate(${local.series.requests}{${local.cloud_run},operation=\"release\",outcome=\"released\"}[5m]))"
          "reaped"      = "60 * sum(rate(${local.series.sessions_reaped}_sum{${local.cloud_run}}[5m]))"
          "reaper runs" = "60 * sum(rate(${local.series.requests}{${local.cloud_run},operation=\"reap\",outcome=\"reaped\"}[5m]))"
        }
      },
    ],
    [for function in concat(["acquire", "heartbeat", "release", "reaper", "control", "admin"], local.delivers ? ["deliver"] : []) : {
      title = "Latency of ${function == "acquire" ? "new grants" : function}"
      unit  = "ms"
      queries = { for p in [50, 95, 99] : "p${p}" =>
        "histogram_quantile(${p / 100}, sum by (le) (rate(${local.latencies}{${local.cloud_run},service_name=\"${var.services[function]}\",response_code=${function == "acquire" ? "\"201\"" : "~\"2..\""}}[5m])))"
      }
    }],
    [
      {
        title   = "Failures per minute, by backend"
        queries = { "$${metric.labels.backend} $${metric.labels.operation}" = "60 * sum by (backend, operation) (rate(${local.series.backend_failures}{${local.cloud_run}}[5m]))" }
      },
      {
        title   = "Answers with 5xx, share of all"
        unit    = "1"
        queries = { "$${metric.labels.service_name}" = "sum by (service_name) (rate(run_googleapis_com:request_count{${local.by_service},response_code_class=\"5xx\"}[5m])) / sum by (service_name) (rate(run_googleapis_com:request_count{${local.by_service}}[5m]))" }
      },
      {
        title   = "Ledgers rebuilt from the record"
        queries = { "rebuilds" = "sum(increase(${local.series.rebuilds}{${local.cloud_run}}[5m]))" }
      },
      {
        title   = "Instances started in 10 minutes (cold starts)"
        queries = { "$${metric.labels.service_name}" = "sum by (service_name) (increase(run_googleapis_com:container_startup_latencies_count{${local.by_service}}[10m]))" }
      },
      {
        title   = "Instances"
        queries = { "$${metric.labels.service_name}" = "sum by (service_name) (run_googleapis_com:container_instance_count{${local.by_service}})" }
      },
      {
        title = "Seat ledger, fullest and busiest node"
        unit  = "1"
        queries = { for resource in ["memory", "cpu"] : resource =>
          "max(memorystore_googleapis_com:instance_${resource}_maximum_utilization{monitored_resource=\"memorystore.googleapis.com/Instance\",instance_id=\"${var.ledger_instance}\"})"
        }
        limits = { "alert (memory)" = var.thresholds.ledger_memory_percent / 100 }
      },
    ],
    [for api in ["cloudkms", "firestore"] : {
      title   = "${api}.googleapis.com: calls per minute, by method and answer"
      queries = { "$${metric.labels.method} $${metric.labels.response_code}" = "60 * sum by (method, response_code) (rate(serviceruntime_googleapis_com:api_request_count{monitored_resource=\"consumed_api\",service=\"${api}.googleapis.com\"}[5m]))" }
    }],
    [
      {
        title   = "Age of the key of license tokens"
        unit    = "d"
        queries = { "days" = "sum(${local.mean.key_age_days.sum}) / sum(${local.mean.key_age_days.count})" }
        limits  = { "alert" = var.thresholds.signing_key_days }
      },
      {
        title   = "License tokens that are good, by seat of acquires' licenses"
        queries = { "tokens" = "sum(${local.mean.tokens_good.sum}) / sum(${local.mean.tokens_seats.sum})" }
        limits  = { "alert" = var.thresholds.tokens_per_seat }
      },
    ],
    [for mean in local.mean.delegation_age_hours[*] : {
      title   = "Age of the newest delegation"
      unit    = "h"
      queries = { "hours" = "sum(${mean.sum}) / sum(${mean.count})" }
      limits  = { "alert" = var.thresholds.delegation_hours }
    }],
    local.event_charts,
  )

  burn_widgets = [for chart in local.promises : {
    title = chart.title
    xyChart = {
      dataSets = [{
        plotType = "LINE"
        timeSeriesQuery = { timeSeriesFilter = {
          filter      = "select_slo_burn_rate(\"${google_monitoring_slo.this[chart.slo].name}\", \"3600s\")"
          aggregation = { perSeriesAligner = "ALIGN_NEXT_OLDER" }
        } }
      }]
      thresholds = [for label, value in chart.limits : { label = label, value = value }]
    }
  }]
  chart_widgets = [for chart in local.charts : {
    title = chart.title
    xyChart = {
      dataSets = [for legend, query in chart.queries : {
        plotType        = "LINE"
        legendTemplate  = legend
        timeSeriesQuery = { prometheusQuery = query, unitOverride = try(chart.unit, "1") }
      }]
      thresholds = [for label, value in try(chart.limits, {}) : { label = label, value = value }]
    }
  }]
  widgets = concat(local.burn_widgets, local.chart_widgets)
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = "Floating licenses (${var.name})"
    labels      = { (var.name) = "" }
    mosaicLayout = {
      columns = 48
      tiles = [for i, widget in local.widgets : {
        xPos = (i % 3) * 16, yPos = floor(i / 3) * 14, width = 16, height = 14, widget = widget
      }]
    }
  })
}
