# Metrics made of the one line each request writes (shared/web/log.go). They count
# lines that are excluded from storage too, so heartbeats cost no storage and are
# counted all the same. A LOG_LEVEL above info would silence them.
#
# Each says its budget: how many combinations of labels there can be. Cloud
# Monitoring keeps one time series per combination and per revision that is alive
# (two during a release); the platform's own limit is 30,000 per metric.
locals {
  # What the functions write, request lines and others.
  lines = [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for service in values(var.services) : "\"${service}\""])})",
    "log_id(\"run.googleapis.com/stdout\")",
  ]

  metrics = merge(local.abuse_metrics, local.delegation_metrics, local.event_metrics, {
    # operation: below 50, and none; outcome: 15; code: 25 and none. An operation has one
    # or two outcomes and at most 15 codes, those of administration few: below 400.
    requests = {
      description = "Requests by operation, outcome and, if refused or failed, code."
      filter      = ["jsonPayload.outcome:*"]
      labels = {
        operation = "EXTRACT(jsonPayload.operation)"
        outcome   = "EXTRACT(jsonPayload.outcome)"
        code      = "EXTRACT(jsonPayload.code)"
      }
    }
    # backend: redis, firestore, kms, identity, seats; operation: 8 and none. Below 50.
    backend_failures = {
      description = "Failures of a backend, also those that clients did not see."
      filter      = ["jsonPayload.backend:*", "severity>=WARNING"]
      labels = {
        backend   = "EXTRACT(jsonPayload.backend)"
        operation = "EXTRACT(jsonPayload.operation)"
      }
    }
    # No labels: 1. Weighted by acquires, granted or refused: a busy pool counts more.
    seats_percent = {
      description = "How full the license or organization of an acquire is, whichever is fuller."
      filter      = ["jsonPayload.operation=\"acquire\"", "jsonPayload.seats_percent>=0", "NOT jsonPayload.limit=\"handover\""] # that one counts tokens
      labels      = {}
      value       = "EXTRACT(jsonPayload.seats_percent)"
      unit        = "%"
      bounds      = [10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 100, 110]
    }
    # 1.
    sessions_reaped = {
      description = "Sessions that a run of the reaper ended."
      filter      = ["jsonPayload.operation=\"reap\"", "jsonPayload.sessions_reaped>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.sessions_reaped)"
      unit        = "1"
      bounds      = [0, 1, 10, 100, 1000, 10000]
    }
    # 1.
    rebuilds = {
      description = "Ledgers of organizations that were rebuilt from the record."
      filter      = ["jsonPayload.message=\"a seat ledger was rebuilt from the record\""]
      labels      = {}
    }
    # 1. Zero, always.
    oversold = {
      description = "New grants above the limits they were decided on."
      filter      = local.oversold
      labels      = {}
    }
    # 1. Zero, always.
    clock = {
      description = "Times that the clock of Redis and an instance's were found to differ too much."
      filter      = local.clock
      labels      = {}
    }
    # 1.
    key_age_days = {
      description = "Age of the version of the key of license tokens that signs or certifies."
      filter      = ["jsonPayload.key_age_days>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.key_age_days)"
      unit        = "d"
      bounds      = [10, 30, 60, 90, 100, 120, 180, 365]
    }
    }, length(var.watched_organizations) == 0 ? {} : {
    # organization_id: at most 50, those named; license_id: what these have bought.
    # A refusal for the organization's cap tells that cap's seats, one for handover
    # tokens: not a license's seats.
    for field, what in local.watched_fields : "watched_${field}" => {
      description = "Seats ${what}, by license of a watched organization."
      filter      = ["jsonPayload.organization_id=~\"${local.watched}\"", "jsonPayload.${field}>=0", "NOT jsonPayload.limit=(\"organization\" OR \"handover\")"]
      labels = {
        # The filter lets nobody else in; the extractor would leave everybody else nameless.
        organization_id = "REGEXP_EXTRACT(jsonPayload.organization_id, \"${local.watched}\")"
        license_id      = "EXTRACT(jsonPayload.license_id)"
      }
      value  = "EXTRACT(jsonPayload.${field})"
      unit   = "1"
      bounds = [1, 10, 100, 1000, 10000]
    }
  })

  watched_fields = { seats_used = "in use", seats_max = "bought" }
  watched        = "^(${join("|", sort(tolist(var.watched_organizations)))})$"

  # Also what the alerts match.
  oversold = ["jsonPayload.message=\"oversold\"", "severity=CRITICAL"]
  clock    = ["jsonPayload.message=\"clock\"", "severity=CRITICAL"]

  # Each metric's whole filter, and its name in PromQL: after the first slash,
  # whatever is no letter or digit becomes an underscore.
  filters = { for key, metric in local.metrics : key => join("\nAND ", concat(local.lines, metric.filter)) }
  series  = { for key, _ in local.metrics : key => "logging_googleapis_com:user_${replace("${var.name}_${key}", "-", "_")}" }
}

resource "google_logging_metric" "this" {
  for_each    = local.metrics
  project     = var.project_id
  name        = "${var.name}/${each.key}"
  description = each.value.description
  filter      = local.filters[each.key]

  metric_descriptor {
    display_name = "${var.name}: ${replace(each.key, "_", " ")}"
    metric_kind  = "DELTA"
    value_type   = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit         = try(each.value.unit, "1")
    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
  label_extractors = each.value.labels

  value_extractor = try(each.value.value, null)
  dynamic "bucket_options" {
    for_each = can(each.value.value) ? [each.value.bounds] : []
    content {
      explicit_buckets {
        bounds = bucket_options.value
      }
    }
  }
}
