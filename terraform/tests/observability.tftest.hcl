# What is watched, who is told, and what it may cost. That the filters match what
# the code writes is proven by proof/deployment, on real lines.
mock_provider "google" {}

variables {
  project_id      = "acme-licenses"
  region          = "us-central1"
  domain          = "licenses.acme.example"
  services        = { for f in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : f => "licenses-${f}" }
  ledger_instance = "licenses"
  kms_key         = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"
  scheduler_jobs  = { reaper = "licenses-reaper", rotation = "licenses-rotation" }
  key_users       = ["licenses-reaper@acme-licenses.iam.gserviceaccount.com"]
  delegations = {
    key     = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"
    makers  = ["licenses-reaper@acme-licenses.iam.gserviceaccount.com"]
    readers = ["licenses-acquire@acme-licenses.iam.gserviceaccount.com", "licenses-heartbeat@acme-licenses.iam.gserviceaccount.com"]
  }
  max_instances = { acquire = 4, admin = 3, heartbeat = 10, release = 5 }
  build_region  = "us-central1"
  notification_channels = [
    "projects/acme-licenses/notificationChannels/1",
  ]
}

run "every_alert_links_its_page" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for key, a in google_monitoring_alert_policy.this :
      strcontains(a.documentation[0].content, output.playbooks[key]) && length(a.documentation[0].links) == 0
    ])
    error_message = "An alert that wakes somebody must say what to do: its page, by name and whole, and no link that nobody has published."
  }
  assert {
    condition     = alltrue([for page in values(output.playbooks) : can(regex("^docs/playbooks/[a-z-]+[.]md$", page))])
    error_message = "Pages are docs/playbooks/<page>.md."
  }
}

run "every_alert_reaches_the_channels" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : a.notification_channels == tolist(["projects/acme-licenses/notificationChannels/1"])])
    error_message = "An alert has no channel."
  }
  assert {
    condition     = alltrue([for key, a in google_monitoring_alert_policy.this : a.user_labels.alert == key && contains(["page", "ticket"], a.user_labels.urgency)])
    error_message = "Every alert must say which it is and how urgent."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : (a.user_labels.urgency == "page") ? contains(["CRITICAL", "ERROR"], a.severity) : contains(["ERROR", "WARNING"], a.severity)])
    error_message = "Nobody is woken for a warning, and nothing critical waits for the morning."
  }
}

run "pages_of_another_repository" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    playbooks_url = "https://wiki.acme.example/licenses"
  }
  assert {
    condition     = google_monitoring_alert_policy.this["oversold"].documentation[0].links[0].url == "https://wiki.acme.example/licenses/oversold.md"
    error_message = "playbooks_url must make every link."
  }
}

run "one_seat_sold_twice_is_enough" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = length(google_monitoring_alert_policy.this["oversold"].conditions) == 1 && length(google_monitoring_alert_policy.this["oversold"].conditions[0].condition_matched_log) == 1 && length(google_monitoring_alert_policy.this["oversold"].conditions[0].condition_threshold) == 0
    error_message = "The threshold is zero: the line itself must be the condition."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["oversold"].conditions[0].condition_matched_log[0].filter, "AND jsonPayload.message=\"oversold\"\nAND severity=CRITICAL")
    error_message = "It must match the line the pool writes."
  }
  assert {
    condition     = join(" ", keys(google_monitoring_alert_policy.this["oversold"].conditions[0].condition_matched_log[0].label_extractors)) == "license_id organization_id"
    error_message = "The incident must name whose seat."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["oversold"].severity == "CRITICAL" && google_monitoring_alert_policy.this["oversold"].user_labels.urgency == "page"
    error_message = "Nothing is worse: it must wake somebody."
  }
}

run "clocks_that_differ_wake_somebody" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = length(google_monitoring_alert_policy.this["clock"].conditions) == 1 && endswith(google_monitoring_alert_policy.this["clock"].conditions[0].condition_matched_log[0].filter, "AND jsonPayload.message=\"clock\"\nAND severity=CRITICAL")
    error_message = "No metric tells of it while heartbeats go on: the line itself must be the condition."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["clock"].severity == "CRITICAL" && google_monitoring_alert_policy.this["clock"].user_labels.urgency == "page"
    error_message = "No program can start meanwhile: it must wake somebody."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["clock"].alert_strategy[0].notification_rate_limit[0].period == "3600s"
    error_message = "Every instance repeats the line each minute: once an hour is enough."
  }
}

run "the_reaper_is_missed_after_5_minutes" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["reaper-silent"].conditions[0].condition_prometheus_query_language[0].query == "(sum(increase(logging_googleapis_com:user_licenses_requests{monitored_resource=\"cloud_run_revision\",operation=\"reap\",outcome=\"reaped\"}[5m])) or vector(0)) < 0.5"
    error_message = "Five minutes without a finished run, and one that never ran counts as silent."
  }
}

run "nobody_is_woken_for_the_reaper" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["reaper-silent"].user_labels.urgency == "ticket"
    error_message = "No seat waits for the reaper."
  }
}

run "somebody_else_uses_the_key" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for part in [
      "protoPayload.serviceName=\"cloudkms.googleapis.com\"", "cryptoKeys/license-tokens\"",
      "NOT protoPayload.authenticationInfo.principalEmail=(\"licenses-reaper@acme-licenses.iam.gserviceaccount.com\")",
      "\"AsymmetricSign\"", "\"DestroyCryptoKeyVersion\"",
    ] : strcontains(google_monitoring_alert_policy.this["signing-key-use"].conditions[0].condition_matched_log[0].filter, part)])
    error_message = "Whoever is not one that signs with the key must be noticed."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["signing-key-use"].user_labels.urgency == "page" && google_monitoring_alert_policy.this["signing-key-use"].conditions[0].condition_matched_log[0].label_extractors == tomap({ principal = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" })
    error_message = "It must wake somebody, and say who it was."
  }
}

run "somebody_else_uses_the_key_of_delegations" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for part in [
      "protoPayload.serviceName=\"cloudkms.googleapis.com\"", "cryptoKeys/delegations\"",
      "(protoPayload.methodName=(\"Decrypt\" OR \"RawDecrypt\") AND NOT protoPayload.authenticationInfo.principalEmail=(\"licenses-acquire@acme-licenses.iam.gserviceaccount.com\" OR \"licenses-heartbeat@acme-licenses.iam.gserviceaccount.com\"))",
      "(protoPayload.methodName=(\"Encrypt\" OR \"RawEncrypt\") AND NOT protoPayload.authenticationInfo.principalEmail=(\"licenses-reaper@acme-licenses.iam.gserviceaccount.com\"))",
      "\"DestroyCryptoKeyVersion\"",
    ] : strcontains(google_monitoring_alert_policy.this["delegation-key-use"].conditions[0].condition_matched_log[0].filter, part)])
    error_message = "Whoever decrypts and is not acquire or heartbeat, or encrypts and is not the reaper, must be noticed."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["delegation-key-use"].user_labels.urgency == "page"
    error_message = "It must wake somebody."
  }
}

run "a_delegation_is_old_after_9_hours" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["delegation-old"].conditions[0].condition_prometheus_query_language[0].query == "sum(increase(logging_googleapis_com:user_licenses_delegation_age_hours_sum{monitored_resource=\"cloud_run_revision\"}[10m])) / sum(increase(logging_googleapis_com:user_licenses_delegation_age_hours_count{monitored_resource=\"cloud_run_revision\"}[10m])) > 9"
    error_message = "Three hours before no token can be signed."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["delegation-old"].user_labels.urgency == "page"
    error_message = "Three hours are not until the morning: it must wake somebody."
  }
}

run "tokens_and_seats" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["tokens-per-seat"].conditions[0].condition_prometheus_query_language[0].query == "sum(increase(logging_googleapis_com:user_licenses_tokens_good_sum{monitored_resource=\"cloud_run_revision\"}[1h])) / sum(increase(logging_googleapis_com:user_licenses_tokens_seats_sum{monitored_resource=\"cloud_run_revision\"}[1h])) > 11"
    error_message = "One for the holder and ten of those before, by default."
  }
  assert {
    condition     = google_logging_metric.this["tokens_good"].filter == google_logging_metric.this["tokens_seats"].filter && google_logging_metric.this["tokens_good"].value_extractor == "EXTRACT(jsonPayload.tokens_good)" && google_logging_metric.this["tokens_seats"].value_extractor == "EXTRACT(jsonPayload.seats_max)"
    error_message = "Tokens and seats must be of the same lines."
  }
}

run "kms_errors_are_few_and_count" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["kms-errors"].conditions[0].condition_prometheus_query_language[0].query == "sum(increase(logging_googleapis_com:user_licenses_backend_failures{monitored_resource=\"cloud_run_revision\",backend=\"kms\"}[30m])) > 5"
    error_message = "The reaper asks once a minute: six failures in half an hour are an outage."
  }
}

run "the_vendors_door_fails" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["control-errors"].conditions[0].condition_prometheus_query_language[0].query == "sum(increase(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"licenses-control\",response_code_class=\"5xx\"}[30m])) > 2"
    error_message = "Three answers with 5xx in half an hour, by Cloud Run's own count."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["control-errors"].user_labels.urgency == "ticket"
    error_message = "No customer notices: nobody is woken for it."
  }
}

run "the_customers_door_fails" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["admin-errors"].conditions[0].condition_prometheus_query_language[0].query == "sum(increase(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"licenses-admin\",response_code_class=\"5xx\"}[30m])) > 5"
    error_message = "Six answers with 5xx in half an hour, by Cloud Run's own count."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["admin-errors"].user_labels.urgency == "ticket"
    error_message = "No seat waits for it: nobody is woken for it."
  }
}

run "nothing_of_delegations_where_kms_signs" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    delegations = null
  }
  assert {
    condition     = length(setintersection(keys(google_monitoring_alert_policy.this), ["delegation-old", "delegation-key-use"])) == 0 && !contains(keys(google_logging_metric.this), "delegation_age_hours") && contains(keys(google_monitoring_alert_policy.this), "kms-errors")
    error_message = "What is not made is not watched."
  }
}

run "whoever_makes_delegations_reads_none" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    delegations = { key = "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/delegations", makers = ["a@x"], readers = ["a@x"] }
  }
  expect_failures = [var.delegations]
}

run "before_it_is_too_late" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for key, part in {
      quota       = "quota_limit{monitored_resource=\"consumer_quota\",service=~\"cloudkms[.]googleapis[.]com|firestore[.]googleapis[.]com|memorystore[.]googleapis[.]com|run[.]googleapis[.]com\"})) > 0.8"
      instances   = "service_name=\"licenses-acquire\"}) > 3.2 or sum by (service_name) (run_googleapis_com:container_instance_count{monitored_resource=\"cloud_run_revision\",service_name=\"licenses-admin\"}) > 2.4"
      certificate = "time_until_ssl_cert_expires{monitored_resource=\"uptime_url\""
      backups     = "storage_backups_storage_bytes{monitored_resource=\"firestore.googleapis.com/Database\",database_id=\"(default)\"}"
    } : strcontains(google_monitoring_alert_policy.this[key].conditions[0].condition_prometheus_query_language[0].query, part)])
    error_message = "Quotas, instances, certificate and backups are watched."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.this["builds"].conditions[0].condition_matched_log[0].filter, "resource.type=\"build\"")
    error_message = "Builds are watched."
  }
}

run "nobody_to_tell" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    notification_channels = []
  }
  expect_failures = [var.notification_channels]
}

run "a_pool_is_nearly_full_above_90_percent" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["pool-nearly-full"].conditions[0].condition_matched_log[0].filter, "AND jsonPayload.operation=\"acquire\"\nAND NOT jsonPayload.limit=\"handover\"\nAND jsonPayload.seats_percent>90")
    error_message = "The threshold is 90 %."
  }
  assert {
    condition     = join(" ", keys(google_monitoring_alert_policy.this["pool-nearly-full"].conditions[0].condition_matched_log[0].label_extractors)) == "license_id organization_id"
    error_message = "The incident must name the customer."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["pool-nearly-full"].alert_strategy[0].notification_rate_limit[0].period == "86400s"
    error_message = "A customer that works at its limit is news once a day."
  }
}

run "memory_above_80_percent" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_alert_policy.this["ledger-memory"].conditions[0].condition_prometheus_query_language[0].query == "max(memorystore_googleapis_com:instance_memory_maximum_utilization{monitored_resource=\"memorystore.googleapis.com/Instance\",instance_id=\"licenses\"}) > 0.8"
    error_message = "The threshold is 80 % of the fullest node of the ledger."
  }
}

run "a_key_is_old_after_100_days" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["signing-key-old"].conditions[0].condition_prometheus_query_language[0].query, " > 100")
    error_message = "The threshold is 100 days."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.this["rotation-failed"].conditions[0].condition_matched_log[0].filter, "resource.labels.job_id=\"licenses-rotation\"")
    error_message = "A rotation that fails must be heard of before the key is old."
  }
}

run "events_are_watched_where_there_is_deliver" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    services       = { for f in ["acquire", "heartbeat", "release", "reaper", "control", "admin", "deliver"] : f => "licenses-${f}" }
    scheduler_jobs = { reaper = "licenses-reaper", deliver = "licenses-deliver", rotation = "licenses-rotation" }
  }
  assert {
    condition     = google_monitoring_alert_policy.this["deliver-silent"].conditions[0].condition_prometheus_query_language[0].query == "(sum(increase(logging_googleapis_com:user_licenses_requests{monitored_resource=\"cloud_run_revision\",operation=\"deliver\",outcome=\"delivered\"}[15m])) or vector(0)) < 0.5"
    error_message = "Silence for a quarter of an hour must be heard, also of a function that never ran."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["events-late"].conditions[0].condition_prometheus_query_language[0].query, " > 900")
    error_message = "Events must not wait for more than a quarter of an hour."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["dead-letters"].conditions[0].condition_matched_log[0].filter, "jsonPayload.dead_letters>0\nAND jsonPayload.webhook_id:*") && google_monitoring_alert_policy.this["dead-letters"].conditions[0].condition_matched_log[0].label_extractors == tomap({ organization_id = "EXTRACT(jsonPayload.organization_id)", webhook_id = "EXTRACT(jsonPayload.webhook_id)" })
    error_message = "One dead letter is enough, and must be told with whose it is."
  }
  assert {
    condition     = alltrue([for key in ["deliver-silent", "events-late", "dead-letters"] : google_monitoring_alert_policy.this[key].user_labels.urgency == "ticket"])
    error_message = "No seat waits for events: nobody is woken."
  }
  assert {
    condition     = length(setsubtract(["oldest_event_seconds", "deliveries", "attempts_failed", "dead_letters"], keys(google_logging_metric.this))) == 0 && strcontains(google_monitoring_dashboard.this.dashboard_json, "Latency of deliver") && strcontains(google_monitoring_dashboard.this.dashboard_json, "given up")
    error_message = "What deliver does must be charted."
  }
}

run "no_events_without_deliver" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = length(setintersection(["deliver-silent", "events-late", "dead-letters"], keys(google_monitoring_alert_policy.this))) == 0 && length(setintersection(["oldest_event_seconds", "dead_letters"], keys(google_logging_metric.this))) == 0 && !strcontains(google_monitoring_dashboard.this.dashboard_json, "Latency of deliver")
    error_message = "A function that is not there would be reported as silent."
  }
}

run "events_have_thresholds" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    services       = { for f in ["acquire", "heartbeat", "release", "reaper", "control", "admin", "deliver"] : f => "licenses-${f}" }
    scheduler_jobs = { reaper = "licenses-reaper", deliver = "licenses-deliver", rotation = "licenses-rotation" }
    thresholds     = { deliver_silent_minutes = 30, event_wait_minutes = 60 }
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.this["deliver-silent"].conditions[0].condition_prometheus_query_language[0].query, "[30m]") && endswith(google_monitoring_alert_policy.this["events-late"].conditions[0].condition_prometheus_query_language[0].query, " > 3600")
    error_message = "A threshold has no effect."
  }
}

run "a_minute_of_silence_is_none" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    thresholds = { deliver_silent_minutes = 1 }
  }
  expect_failures = [var.thresholds]
}

run "thresholds_are_the_operators" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    thresholds = { pool_percent = 75, ledger_memory_percent = 70, signing_key_days = 50, reaper_silent_minutes = 10, backend_failures = 20, rebuild_minutes = 30, quota_percent = 50, instances_percent = 50, certificate_days = 10, delegation_hours = 7, tokens_per_seat = 3, kms_failures = 1, control_failures = 9, admin_failures = 8 }
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["pool-nearly-full"].conditions[0].condition_matched_log[0].filter, "seats_percent>75")
    error_message = "pool_percent has no effect."
  }
  assert {
    condition = alltrue([for key, end in { ledger-memory = " > 0.7", signing-key-old = " > 50", delegation-old = " > 7", tokens-per-seat = " > 3", kms-errors = " > 1", control-errors = " > 9", admin-errors = " > 8", reaper-silent = "[10m])) or vector(0)) < 0.5", backend-unavailable = " > 20", quota = " > 0.5", certificate = " < 10" } :
      endswith(google_monitoring_alert_policy.this[key].conditions[0].condition_prometheus_query_language[0].query, end)
    ])
    error_message = "A threshold has no effect."
  }
  assert {
    condition     = google_monitoring_alert_policy.this["ledger-rebuilds"].conditions[0].condition_prometheus_query_language[0].duration == "1800s"
    error_message = "rebuild_minutes has no effect."
  }
}

# An alert on a metric that has no data yet is refused for ten minutes, unless it is
# told not to look.
run "the_first_apply_needs_no_metric_to_exist" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue(flatten([for a in google_monitoring_alert_policy.this : [for c in a.conditions : [
      for q in c.condition_prometheus_query_language : q.disable_metric_validation
    ]]]))
    error_message = "A PromQL condition asks for its metric to exist."
  }
  assert {
    condition = alltrue(flatten([for a in google_monitoring_alert_policy.this : [for c in a.conditions : [
      for q in c.condition_threshold : startswith(q.filter, "select_slo_burn_rate(")
    ]]]))
    error_message = "Only burn rates may be thresholds on filters."
  }
  assert {
    condition = alltrue([for slo in google_monitoring_slo.this : alltrue(concat(
      [for r in slo.request_based_sli[0].good_total_ratio : startswith(r.total_service_filter, "metric.type=\"run.googleapis.com/") && startswith(r.bad_service_filter, "metric.type=\"run.googleapis.com/")],
      [for d in slo.request_based_sli[0].distribution_cut : startswith(d.distribution_filter, "metric.type=\"run.googleapis.com/")],
    ))])
    error_message = "An objective over a new metric is refused: they must be over Cloud Run's own."
  }
}

run "objectives" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_slo.this["availability"].goal == 0.999 && google_monitoring_slo.this["acquire-latency"].goal == 0.99
    error_message = "99.9 % available, 99 % of new grants in time."
  }
  assert {
    condition     = alltrue([for slo in google_monitoring_slo.this : slo.rolling_period_days == 30])
    error_message = "Over 30 days."
  }
  assert {
    condition     = endswith(google_monitoring_slo.this["availability"].request_based_sli[0].good_total_ratio[0].bad_service_filter, "AND metric.labels.response_code_class=\"5xx\"")
    error_message = "Only 5xx is ours: a refusal is an answer."
  }
  assert {
    condition     = strcontains(google_monitoring_slo.this["availability"].request_based_sli[0].good_total_ratio[0].total_service_filter, "(\"licenses-acquire|licenses-heartbeat|licenses-release\")")
    error_message = "What seats wait for: not the reaper, and not administration."
  }
  assert {
    condition     = google_monitoring_slo.this["acquire-latency"].request_based_sli[0].distribution_cut[0].range[0].max == 1000 && endswith(google_monitoring_slo.this["acquire-latency"].request_based_sli[0].distribution_cut[0].distribution_filter, "metric.labels.response_code=\"201\"")
    error_message = "New grants alone, within a second."
  }
}

run "two_windows_two_speeds" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for slo in ["availability", "acquire-latency"] :
      [for c in google_monitoring_alert_policy.this["${slo}-fast"].conditions : [strcontains(c.condition_threshold[0].filter, "\"3600s\""), strcontains(c.condition_threshold[0].filter, "\"300s\""), c.condition_threshold[0].threshold_value]] == [[true, false, 14.4], [false, true, 14.4]] &&
      [for c in google_monitoring_alert_policy.this["${slo}-slow"].conditions : [strcontains(c.condition_threshold[0].filter, "\"86400s\""), strcontains(c.condition_threshold[0].filter, "\"7200s\""), c.condition_threshold[0].threshold_value]] == [[true, false, 3], [false, true, 3]]
    ])
    error_message = "14.4 over an hour and five minutes, 3 over a day and two hours."
  }
  assert {
    condition     = alltrue([for slo in ["availability", "acquire-latency"] : alltrue([for speed in ["fast", "slow"] : google_monitoring_alert_policy.this["${slo}-${speed}"].combiner == "AND"])])
    error_message = "Both windows must agree."
  }
  assert {
    condition     = alltrue([for slo in ["availability", "acquire-latency"] : google_monitoring_alert_policy.this["${slo}-fast"].user_labels.urgency == "page" && google_monitoring_alert_policy.this["${slo}-slow"].user_labels.urgency == "ticket"])
    error_message = "Fast wakes, slow waits."
  }
}

run "heartbeats_that_succeeded_are_not_stored" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = keys(google_logging_project_exclusion.this) == ["heartbeat-edge", "heartbeat-lines", "heartbeat-requests"]
    error_message = "Three writers of request logs: the function, Cloud Run, the load balancer."
  }
  assert {
    condition     = alltrue([for e in google_logging_project_exclusion.this : endswith(e.filter, "AND httpRequest.status>=200\nAND httpRequest.status<300")])
    error_message = "Only what succeeded may be left out."
  }
  assert {
    condition     = alltrue([for key in ["heartbeat-lines", "heartbeat-requests"] : strcontains(google_logging_project_exclusion.this[key].filter, "resource.labels.service_name=\"licenses-heartbeat\"")])
    error_message = "Only heartbeats may be left out."
  }
  assert {
    condition     = strcontains(google_logging_project_exclusion.this["heartbeat-edge"].filter, "~\"^https://licenses[.]acme[.]example/api/v1/licenses/sessions/[^/]+/heartbeat\"")
    error_message = "Only heartbeats may be left out at the edge."
  }
}

run "labels_are_bounded" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = { for key, m in google_logging_metric.this : key => [for l in m.metric_descriptor[0].labels : l.key] if length(m.metric_descriptor[0].labels) > 0 } == {
      requests         = ["code", "operation", "outcome"]
      backend_failures = ["backend", "operation"]
      access_refused   = ["code", "operation"]
    }
    error_message = "A label without a bound (an organization, a license, a user, a session) makes a time series of each value."
  }
  assert {
    condition     = alltrue([for m in google_logging_metric.this : join(" ", [for l in m.metric_descriptor[0].labels : l.key]) == join(" ", keys(m.label_extractors))])
    error_message = "Every label needs its extractor, and no other."
  }
}

run "watched_organizations_and_nobody_else" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    watched_organizations = ["globex", "acme"]
  }
  assert {
    condition     = { for key, m in google_logging_metric.this : key => m.label_extractors.organization_id if contains(keys(m.label_extractors), "organization_id") } == { for field in ["seats_max", "seats_used"] : "watched_${field}" => "REGEXP_EXTRACT(jsonPayload.organization_id, \"^(acme|globex)$\")" }
    error_message = "Only those named may be labels."
  }
  assert {
    condition     = alltrue([for key in ["watched_seats_used", "watched_seats_max"] : strcontains(google_logging_metric.this[key].filter, "jsonPayload.organization_id=~\"^(acme|globex)$\"")])
    error_message = "Others must not be in the metric at all."
  }
  assert {
    condition     = strcontains(google_monitoring_dashboard.this.dashboard_json, "Seats in use, watched organizations")
    error_message = "They are watched to be seen."
  }
}

run "too_many_watched" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    watched_organizations = [for i in range(51) : "org-${i}"]
  }
  expect_failures = [var.watched_organizations]
}

run "an_organization_that_is_an_expression" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    watched_organizations = [".*"]
  }
  expect_failures = [var.watched_organizations]
}

run "a_service_is_missing" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    services = { acquire = "licenses-acquire" }
  }
  expect_failures = [var.services]
}

run "a_goal_of_everything" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    slo = { availability = 1 }
  }
  expect_failures = [var.slo]
}

run "thresholds_that_come_too_late" {
  command = plan
  module { source = "./modules/observability" }
  variables {
    thresholds = { pool_percent = 100, reaper_silent_minutes = 1, rebuild_minutes = 0, delegation_hours = 12 }
  }
  expect_failures = [var.thresholds]
}

run "the_dashboard_has_it_all" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition = alltrue([for word in [
      "select_slo_burn_rate", "user_licenses_seats_percent_bucket", "user_licenses_requests", "user_licenses_sessions_reaped_sum",
      "user_licenses_backend_failures", "user_licenses_rebuilds", "user_licenses_oversold", "user_licenses_clock", "user_licenses_key_age_days_sum", "user_licenses_delegation_age_hours_sum", "user_licenses_tokens_good_sum",
      "run_googleapis_com:request_latencies_bucket", "run_googleapis_com:container_startup_latencies_count",
      "memorystore_googleapis_com:instance_memory_maximum_utilization", "cloudkms.googleapis.com", "firestore.googleapis.com",
    ] : strcontains(google_monitoring_dashboard.this.dashboard_json, word)])
    error_message = "A chart is missing."
  }
  assert {
    condition     = length(distinct([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : "${t.xPos} ${t.yPos}"])) == length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles)
    error_message = "Two charts lie on each other."
  }
}

run "asked_from_outside" {
  command = plan
  module { source = "./modules/observability" }
  assert {
    condition     = google_monitoring_uptime_check_config.this.monitored_resource[0].labels.host == "licenses.acme.example" && google_monitoring_uptime_check_config.this.http_check[0].path == "/.well-known/jwks.json"
    error_message = "The key set, at the service's name."
  }
  assert {
    condition     = google_monitoring_uptime_check_config.this.http_check[0].use_ssl && google_monitoring_uptime_check_config.this.http_check[0].validate_ssl
    error_message = "A certificate that ran out must be noticed."
  }
}
