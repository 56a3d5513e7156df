# Few alerts, each with a page in docs/playbooks, which it carries. urgency "page"
# wakes somebody; "ticket" can wait for the morning.
#
# Conditions are PromQL where they can be: unlike a metric filter it may name a
# metric that is new (disable_metric_validation), or the first apply would fail for
# ten minutes; and "or vector(0)" makes silence a number, also the silence of what
# never spoke.
locals {
  # Two windows each: the long one says that it matters, the short one that it goes
  # on. Rates for a 30-day period: 14.4 spends 2 % of the error budget in an hour,
  # 3 spends 10 % in a day (Google's SRE workbook, "Alerting on SLOs").
  burns = {
    fast = { rate = 14.4, windows = ["3600s", "300s"], urgency = "page", severity = "CRITICAL", says = "2 % of the error budget in an hour" }
    slow = { rate = 3, windows = ["86400s", "7200s"], urgency = "ticket", severity = "WARNING", says = "10 % of the error budget in a day" }
  }
  burn_alerts = merge([for slo, objective in local.slos : {
    for speed, burn in local.burns : "${slo}-${speed}" => {
      title    = "${objective.title}: burning ${speed}"
      summary  = "At this rate ${burn.says} is gone."
      page     = slo
      look     = "${local.read_logs} 'jsonPayload.outcome=\"failed\"'"
      slo      = slo
      burn     = burn
      urgency  = burn.urgency
      severity = burn.severity
    }
  }]...)

  # What to paste first; each page goes on from there.
  read_logs = "gcloud logging read --project=${var.project_id} --freshness=1h --limit=50"

  cloud_run = "monitored_resource=\"cloud_run_revision\""

  # Quotas that stop the service before anything else does. What is used of them in
  # a minute, and what is held of them.
  quota = "monitored_resource=\"consumer_quota\",service=~\"${join("|", [for api in ["cloudkms", "firestore", "memorystore", "run"] : "${api}[.]googleapis[.]com"])}\""
  quota_used = [
    "increase(serviceruntime_googleapis_com:quota_rate_net_usage{${local.quota}}[1m])",
    "serviceruntime_googleapis_com:quota_allocation_usage{${local.quota}}",
  ]
  quota_of = "by (service, quota_metric, location)"

  alerts = merge(local.burn_alerts, local.abuse_alerts, local.delegation_alerts, local.event_alerts, {
    unreachable = {
      title    = "https://${var.domain} does not answer"
      summary  = "More than half of the checks from around the world failed for three minutes."
      page     = "unreachable"
      look     = "curl -si https://${var.domain}/.well-known/jwks.json"
      urgency  = "page"
      severity = "CRITICAL"
      query    = "avg(avg_over_time(monitoring_googleapis_com:uptime_check_check_passed{monitored_resource=\"uptime_url\",check_id=\"${google_monitoring_uptime_check_config.this.uptime_check_id}\"}[3m])) < 0.5"
      duration = "60s"
    }
    oversold = {
      title    = "A seat was sold twice"
      summary  = "A new grant came back with more seats used than the limits it was decided on. This must never happen."
      page     = "oversold"
      look     = "${local.read_logs} 'jsonPayload.message=\"oversold\"'"
      urgency  = "page"
      severity = "CRITICAL"
      # By the line itself, not by a count: one is too many, and it names whose seat.
      lines = local.oversold
      labels = {
        organization_id = "EXTRACT(jsonPayload.organization_id)"
        license_id      = "EXTRACT(jsonPayload.license_id)"
      }
      again = "3600s"
    }
    clock = {
      title    = "Two clocks differ, and no seat is granted"
      summary  = "The clock of Redis and that of an instance differ by more than CLOCK_TOLERANCE: one of them is wrong. New seats are refused and nobody expires; heartbeats and releases go on."
      page     = "clock"
      look     = "${local.read_logs} 'jsonPayload.message=\"clock\"'"
      urgency  = "page"
      severity = "CRITICAL"
      # By the line: an instance repeats it each minute for as long as it lasts.
      lines  = local.clock
      labels = {}
      again  = "3600s"
    }
    reaper-silent = {
      title   = "The reaper has not run for ${var.thresholds.reaper_silent_minutes} minutes"
      summary = "Nobody loses a seat by it, and expired seats are still handed on by the next acquire; records of ended sessions fall behind."
      page    = "reaper-silent"
      look    = "gcloud scheduler jobs describe ${var.scheduler_jobs.reaper} --location=${var.region} --project=${var.project_id}"
      # It wakes nobody: no seat waits for the reaper.
      urgency  = "ticket"
      severity = "WARNING"
      query    = "(sum(increase(${local.series.requests}{${local.cloud_run},operation=\"reap\",outcome=\"reaped\"}[${var.thresholds.reaper_silent_minutes}m])) or vector(0)) < 0.5"
      duration = "60s"
    }
    ledger-memory = {
      title    = "The seat ledger's memory is above ${var.thresholds.ledger_memory_percent} %"
      summary  = "When it is full, acquires are refused (noeviction); heartbeats and releases go on. After a failover nothing would, because ledgers are rebuilt."
      page     = "ledger-memory"
      look     = "gcloud memorystore instances describe ${var.ledger_instance} --location=${var.region} --project=${var.project_id}"
      urgency  = "page"
      severity = "ERROR"
      query    = "max(memorystore_googleapis_com:instance_memory_maximum_utilization{monitored_resource=\"memorystore.googleapis.com/Instance\",instance_id=\"${var.ledger_instance}\"}) > ${var.thresholds.ledger_memory_percent / 100}"
      duration = "300s"
    }
    backend-unavailable = {
      title    = "A backend fails"
      summary  = "More than ${var.thresholds.backend_failures} failures in five minutes, for five minutes, also such as clients do not see: tokens that are not signed, ends that are not recorded."
      page     = "backend-unavailable"
      look     = "${local.read_logs} 'jsonPayload.backend:* AND severity>=WARNING'"
      urgency  = "ticket"
      severity = "ERROR"
      query    = "sum by (backend) (increase(${local.series.backend_failures}{${local.cloud_run}}[5m])) > ${var.thresholds.backend_failures}"
      duration = "300s"
    }
    kms-errors = {
      title    = "Cloud KMS refuses, or does not answer"
      summary  = "More than ${var.thresholds.kms_failures} calls in half an hour failed. With delegations nobody notices for hours: instances that run go on signing until the newest delegation ends, those that start cannot sign. Where KMS signs each token, acquires are refused now."
      page     = "kms-errors"
      look     = "${local.read_logs} 'jsonPayload.backend=\"kms\" AND severity>=WARNING'"
      urgency  = "ticket"
      severity = "ERROR"
      # Few and far between: the reaper asks once a minute at most, an instance when it starts.
      query    = "sum(increase(${local.series.backend_failures}{${local.cloud_run},backend=\"kms\"}[30m])) > ${var.thresholds.kms_failures}"
      duration = "60s"
    }
    control-errors = {
      title    = "The vendor's door fails"
      summary  = "More than ${var.thresholds.control_failures} requests of the vendor's staff or programs were answered with 5xx in half an hour. No customer notices; what was bought cannot be seen or changed."
      page     = "control"
      look     = "${local.read_logs} 'resource.labels.service_name=\"${var.services["control"]}\" AND severity>=WARNING'"
      urgency  = "ticket"
      severity = "WARNING"
      # By Cloud Run's own count: it also sees what never reached the function.
      query    = "sum(increase(run_googleapis_com:request_count{${local.cloud_run},service_name=\"${var.services["control"]}\",response_code_class=\"5xx\"}[30m])) > ${var.thresholds.control_failures}"
      duration = "60s"
    }
    admin-errors = {
      title    = "Customers cannot see or administer what they have"
      summary  = "More than ${var.thresholds.admin_failures} requests of customers, and of those who administer them, were answered with 5xx in half an hour. Programs take and keep seats as before; people cannot see who has them, or take one back."
      page     = "admin"
      look     = "${local.read_logs} 'resource.labels.service_name=\"${var.services["admin"]}\" AND severity>=WARNING'"
      urgency  = "ticket"
      severity = "WARNING"
      # As above. They are too few for a share to say anything.
      query    = "sum(increase(run_googleapis_com:request_count{${local.cloud_run},service_name=\"${var.services["admin"]}\",response_code_class=\"5xx\"}[30m])) > ${var.thresholds.admin_failures}"
      duration = "60s"
    }
    ledger-rebuilds = {
      title    = "Seat ledgers keep being rebuilt"
      summary  = "One loss of Redis rebuilds every ledger once, within minutes. These rebuilds go on for ${var.thresholds.rebuild_minutes} minutes: Redis is lost again and again."
      page     = "ledger-rebuilds"
      look     = "${local.read_logs} 'jsonPayload.message=\"a seat ledger was rebuilt from the record\"'"
      urgency  = "ticket"
      severity = "ERROR"
      query    = "sum(increase(${local.series.rebuilds}{${local.cloud_run}}[5m])) > 0"
      duration = "${var.thresholds.rebuild_minutes * 60}s"
    }
    pool-nearly-full = {
      title    = "A customer's seats are more than ${var.thresholds.pool_percent} % in use"
      summary  = "Its next programs may be refused. This is for the person who talks to the customer."
      page     = "pool-nearly-full"
      look     = "${local.read_logs} 'jsonPayload.operation=\"acquire\" AND jsonPayload.seats_percent>${var.thresholds.pool_percent}'"
      urgency  = "ticket"
      severity = "WARNING"
      # By the line: an incident names organization and license, and no metric has
      # every organization as a label. Only acquires fill a pool, and their lines are kept.
      lines = ["jsonPayload.operation=\"acquire\"", "NOT jsonPayload.limit=\"handover\"", "jsonPayload.seats_percent>${var.thresholds.pool_percent}"]
      labels = {
        organization_id = "EXTRACT(jsonPayload.organization_id)"
        license_id      = "EXTRACT(jsonPayload.license_id)"
      }
      again = "86400s" # once a day for each license
    }
    signing-key-old = {
      title    = "The signing key is older than ${var.thresholds.signing_key_days} days"
      summary  = "The quarterly rotation did not happen, or its version is not used."
      page     = "signing-key-old"
      look     = "gcloud kms keys versions list --key=${var.kms_key}"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "sum(increase(${local.series.key_age_days}_sum{${local.cloud_run}}[1h])) / sum(increase(${local.series.key_age_days}_count{${local.cloud_run}}[1h])) > ${var.thresholds.signing_key_days}"
      duration = "600s"
    }
    rotation-failed = {
      title    = "Adding a version to the signing key failed"
      summary  = "The present version signs on; there are ten days until it counts as old."
      page     = "rotation-failed"
      look     = "gcloud scheduler jobs describe ${var.scheduler_jobs.rotation} --location=${var.region} --project=${var.project_id}"
      urgency  = "ticket"
      severity = "WARNING"
      # Cloud Scheduler's own line, of an attempt that was not answered with 2xx.
      source = [
        "resource.type=\"cloud_scheduler_job\"",
        "resource.labels.job_id=\"${var.scheduler_jobs.rotation}\"",
      ]
      lines  = ["severity>=ERROR"]
      labels = {}
      again  = "3600s"
    }
    signing-key-use = {
      title    = "Somebody else used the key of license tokens"
      summary  = "An account that may not sign with the key of license tokens did, or somebody disabled or destroyed a version of it. There may be license tokens, or certificates of keys, that nobody knows of."
      page     = "signing-key-use"
      look     = "${local.read_logs} 'protoPayload.serviceName=\"cloudkms.googleapis.com\" AND NOT protoPayload.authenticationInfo.principalEmail=(${local.signers})'"
      urgency  = "page"
      severity = "CRITICAL"
      # Cloud KMS's own audit log; the first is written if signing_key.audit is on.
      source = [
        "(log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/activity\"))",
        "protoPayload.serviceName=\"cloudkms.googleapis.com\"",
        "protoPayload.resourceName:\"${var.kms_key}\"",
      ]
      lines = [
        "protoPayload.methodName=(\"AsymmetricSign\" OR \"UpdateCryptoKeyVersion\" OR \"DestroyCryptoKeyVersion\" OR \"ImportCryptoKeyVersion\")",
        "NOT protoPayload.authenticationInfo.principalEmail=(${local.signers})",
      ]
      labels = { principal = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" }
      again  = "3600s"
    }
    builds = {
      title    = "A build or a release failed"
      summary  = "What serves is what served before. Releases, hot fixes too, do not get through until it is mended."
      page     = "builds"
      look     = "gcloud builds list --project=${var.project_id} --region=${var.build_region} --limit=5"
      urgency  = "ticket"
      severity = "WARNING"
      # Cloud Build's own line at the end of a build that fails.
      source = ["resource.type=\"build\"", "log_id(\"cloudbuild\")"]
      lines  = ["textPayload=~\"^ERROR\""]
      labels = {}
      again  = "3600s"
    }
    quota = {
      title    = "A quota is more than ${var.thresholds.quota_percent} % used"
      summary  = "Of Cloud KMS it stops signatures, of Cloud Run new instances, of Firestore grants and ends. Raising it takes Google up to two days."
      page     = "quota"
      look     = "gcloud alpha services quota list --service=cloudkms.googleapis.com --consumer=projects/${var.project_id}"
      urgency  = "ticket"
      severity = "ERROR"
      query = join(" or ", [for used in local.quota_used :
        "(sum ${local.quota_of} (${used}) / max ${local.quota_of} (serviceruntime_googleapis_com:quota_limit{${local.quota}})) > ${var.thresholds.quota_percent / 100}"
      ])
      duration = "300s"
    }
    instances = {
      title    = "A function has nearly all the instances it may have"
      summary  = "More than ${var.thresholds.instances_percent} % of max_instances for ten minutes. At all of them requests wait, then are answered 429."
      page     = "instances"
      look     = "gcloud run services list --project=${var.project_id} --region=${var.region}"
      urgency  = "ticket"
      severity = "ERROR"
      query = join(" or ", [for name, most in var.max_instances :
        "sum by (service_name) (run_googleapis_com:container_instance_count{${local.cloud_run},service_name=\"${var.services[name]}\"}) > ${most * var.thresholds.instances_percent / 100}"
      ])
      duration = "600s"
    }
    certificate = {
      title    = "The certificate of ${var.domain} ends in less than ${var.thresholds.certificate_days} days"
      summary  = "Google renews it a month before its end. That it has not means that the proof is gone from DNS."
      page     = "certificate"
      look     = "gcloud certificate-manager certificates describe ${var.name} --project=${var.project_id}"
      urgency  = "ticket"
      severity = "ERROR"
      query    = "min(monitoring_googleapis_com:uptime_check_time_until_ssl_cert_expires{monitored_resource=\"uptime_url\",check_id=\"${google_monitoring_uptime_check_config.this.uptime_check_id}\"}) < ${var.thresholds.certificate_days}"
      duration = "3600s"
    }
    backups = {
      title    = "The record has no backup"
      summary  = "Cloud Monitoring has seen no stored backup of the record's database for two days. Point-in-time recovery reaches back a week."
      page     = "backups"
      look     = "gcloud firestore backups list --project=${var.project_id}"
      urgency  = "ticket"
      severity = "ERROR"
      # Firestore tells how much all backups take, now and then, and nothing of a
      # single one. A new database has its first within a day and a half.
      query    = "(max(max_over_time(firestore_googleapis_com:storage_backups_storage_bytes{monitored_resource=\"firestore.googleapis.com/Database\",database_id=\"${var.record_database}\"}[1d])) or vector(0)) <= 0"
      duration = "84600s"
    }
  })

  # Who may use the key.
  signers = join(" OR ", [for email in sort(var.key_users) : "\"${email}\""])

  # The page of an alert, if it lies beside the module as it does in the repository;
  # whoever is woken needs no link, and none can be broken.
  pages = { for key, alert in local.alerts : key => "docs/playbooks/${alert.page}.md" }
  paste = "export PROJECT=${var.project_id} REGION=${var.region} NAME=${var.name} DOMAIN=${var.domain} LEDGER=${var.ledger_instance}"
}

resource "google_monitoring_alert_policy" "this" {
  for_each              = local.alerts
  project               = var.project_id
  display_name          = "${var.name}: ${each.value.title}"
  severity              = each.value.severity
  combiner              = can(each.value.burn) ? "AND" : "OR"
  notification_channels = var.notification_channels
  user_labels = {
    service = var.name
    alert   = each.key
    urgency = each.value.urgency
  }

  dynamic "conditions" {
    for_each = can(each.value.burn) ? each.value.burn.windows : []
    content {
      display_name = "Burn rate over ${conditions.value} above ${each.value.burn.rate}"
      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.this[each.value.slo].name}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.burn.rate
        duration        = "0s"
      }
    }
  }
  dynamic "conditions" {
    for_each = can(each.value.query) ? [each.value] : []
    content {
      display_name = conditions.value.title
      condition_prometheus_query_language {
        query                     = conditions.value.query
        duration                  = conditions.value.duration
        evaluation_interval       = "60s"
        disable_metric_validation = true
      }
    }
  }
  dynamic "conditions" {
    for_each = can(each.value.lines) ? [each.value] : []
    content {
      display_name = conditions.value.title
      condition_matched_log {
        filter           = join("\nAND ", concat(try(conditions.value.source, local.lines), conditions.value.lines))
        label_extractors = conditions.value.labels
      }
    }
  }

  alert_strategy {
    # A matched line closes by itself when none follows; a metric says when it is over.
    auto_close = can(each.value.lines) ? "86400s" : "1800s"
    dynamic "notification_rate_limit" {
      for_each = can(each.value.lines) ? [each.value.again] : []
      content {
        period = notification_rate_limit.value
      }
    }
  }

  documentation {
    subject   = "[${each.value.urgency}] ${var.name}: ${each.value.title}"
    mime_type = "text/markdown"
    content = join("\n\n", [
      each.value.summary,
      "First look: `${each.value.look}`",
      "What to do: ${local.pages[each.key]}, after `${local.paste}`",
      try(file("${path.module}/../../../${local.pages[each.key]}"), "(The page is in the repository.)"),
    ])
    dynamic "links" {
      for_each = var.playbooks_url[*]
      content {
        display_name = "Playbook"
        url          = "${links.value}/${each.value.page}.md"
      }
    }
  }
}
