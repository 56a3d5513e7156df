# Events: told by a function of its own, which the scheduler alone fires, that reaches the
# internet and no network, and that knows nothing of seats, keys or users.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  events     = { enabled = true, webhook_key_version = "1" }

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "none_unless_they_are_asked_for" {
  command = plan
  variables {
    events = {}
  }
  assert {
    condition     = !contains(keys(module.functions), "deliver") && !contains(keys(google_service_account.this), "deliver") && length(google_pubsub_topic.events) == 0 && length(google_cloud_scheduler_job.deliver) == 0 && length(google_cloud_run_v2_service_iam_binding.deliver) == 0 && output.events_topic == null
    error_message = "Without a key there is nobody who tells."
  }
  assert {
    condition     = alltrue(flatten([for f in module.functions : [for e in f.service.template[0].containers[0].env : !contains(["EVENTS", "EVENTS_TOPIC", "WEBHOOK_KEY"], e.name)]])) && length(google_secret_manager_secret_iam_member.webhook_key) == 0
    error_message = "Nothing is kept that nobody tells, and nobody may read a secret that is not used."
  }
  assert {
    condition     = google_secret_manager_secret.webhook_key.secret_id == "licenses-webhook-key"
    error_message = "The secret must be there to be filled."
  }
}

run "before_the_first_image" {
  command = plan
  variables {
    image = null
  }
  assert {
    condition     = module.functions["deliver"].service == null && length(google_cloud_scheduler_job.deliver) == 0 && length(google_cloud_run_v2_service_iam_binding.deliver) == 0 && length(google_pubsub_topic_iam_binding.publishers) == 1
    error_message = "What needs the image must wait for it, and nothing else."
  }
}

run "kept_by_everybody_who_writes_the_record" {
  command = plan
  assert {
    condition     = { for name, f in module.functions : name => one([for e in f.service.template[0].containers[0].env : e.value if e.name == "EVENTS"]) } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin", "deliver"] : name => "true" }
    error_message = "A function that is not told keeps no events of what it does."
  }
}

run "switched_off_it_tells_what_was_kept" {
  command = plan
  variables {
    events = { enabled = false, webhook_key_version = "1" }
  }
  assert {
    condition     = alltrue(flatten([for f in module.functions : [for e in f.service.template[0].containers[0].env : e.name != "EVENTS"]]))
    error_message = "Nothing new must be kept."
  }
  assert {
    condition     = contains(keys(module.functions), "deliver") && length(google_cloud_scheduler_job.deliver) == 1
    error_message = "What was kept must still be told."
  }
}

run "no_way_into_a_network" {
  command = plan
  assert {
    condition     = length(module.functions["deliver"].service.template[0].vpc_access) == 0
    error_message = "It calls addresses that customers chose: the ledger's network must be out of its reach."
  }
  assert {
    condition     = [for name, f in module.functions : name if length(f.service.template[0].vpc_access) == 1] == ["acquire", "admin", "control", "heartbeat", "reaper", "release"]
    error_message = "All others need the way to the ledger."
  }
}

run "fired_by_the_schedulers_account_alone" {
  command = plan
  assert {
    condition     = module.functions["deliver"].service.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && module.functions["deliver"].service.invoker_iam_disabled == false
    error_message = "It must not be reachable from outside the project, and IAM must check who calls."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_binding.deliver[0].members == toset(["serviceAccount:licenses-scheduler@acme-licenses.iam.gserviceaccount.com"]) && google_cloud_run_v2_service_iam_binding.deliver[0].name == "licenses-deliver" && google_cloud_run_v2_service_iam_binding.deliver[0].role == "roles/run.invoker"
    error_message = "Only the scheduler's account may invoke it."
  }
  assert {
    condition     = !contains(keys(google_compute_backend_service.function), "deliver") && !contains(keys(google_compute_region_network_endpoint_group.function), "deliver")
    error_message = "No route may lead there."
  }
}

run "every_minute" {
  command = plan
  assert {
    condition     = google_cloud_scheduler_job.deliver[0].schedule == "* * * * *" && google_cloud_scheduler_job.deliver[0].time_zone == "Etc/UTC" && google_cloud_scheduler_job.deliver[0].attempt_deadline == "60s" && google_cloud_scheduler_job.deliver[0].retry_config[0].retry_count == 0
    error_message = "It must run every minute, for its whole budget."
  }
  assert {
    condition     = google_cloud_scheduler_job.deliver[0].http_target[0].http_method == "POST" && google_cloud_scheduler_job.deliver[0].http_target[0].uri == "${module.functions["deliver"].uri}/internal/v1/deliver"
    error_message = "It must be asked at its own address."
  }
  assert {
    condition     = google_cloud_scheduler_job.deliver[0].http_target[0].oidc_token[0].service_account_email == "licenses-scheduler@acme-licenses.iam.gserviceaccount.com" && google_cloud_scheduler_job.deliver[0].http_target[0].oidc_token[0].audience == "https://licenses.acme.example/internal/v1/deliver"
    error_message = "The schedule must act as the account that deliver expects, with a token for deliver alone."
  }
  assert {
    condition     = module.functions["deliver"].service.custom_audiences == tolist(["https://licenses.acme.example/internal/v1/deliver"]) && module.functions["reaper"].service.custom_audiences == tolist(["https://licenses.acme.example/internal/v1/reap"])
    error_message = "Cloud Run must accept the audience too, and neither function the other's."
  }
}

run "it_knows_the_record_the_topic_and_the_key" {
  command = plan
  assert {
    condition = { for e in module.functions["deliver"].service.template[0].containers[0].env : e.name => length(e.value_source) == 0 ? e.value : "${e.value_source[0].secret_key_ref[0].secret}@${e.value_source[0].secret_key_ref[0].version}" } == {
      EVENTS                 = "true"
      EVENTS_TOPIC           = "projects/acme-licenses/topics/licenses-events"
      FIRESTORE_DATABASE     = "(default)"
      FUNCTION_TARGET        = "Deliver"
      GOOGLE_CLOUD_PROJECT   = "acme-licenses"
      MAX_IN_FLIGHT          = "4"
      REAPER_AUDIENCE        = "https://licenses.acme.example/internal/v1/deliver"
      REAPER_IAM_CHECKED     = "true"
      REAPER_SERVICE_ACCOUNT = "licenses-scheduler@acme-licenses.iam.gserviceaccount.com"
      WEBHOOK_KEY            = "licenses-webhook-key@1"
    }
    error_message = "It needs nothing of the ledger, of keys or of users."
  }
  assert {
    condition     = [for name, f in module.functions : name if anytrue([for e in f.service.template[0].containers[0].env : e.name == "WEBHOOK_KEY"])] == ["admin", "control", "deliver"]
    error_message = "Those that make webhooks, and the one that sends to them, must have the key."
  }
  assert {
    condition     = { for name, m in google_secret_manager_secret_iam_member.webhook_key : name => "${m.role} ${m.member} ${m.secret_id}" } == { for name in ["admin", "control", "deliver"] : name => "roles/secretmanager.secretAccessor serviceAccount:licenses-${name}@acme-licenses.iam.gserviceaccount.com licenses-webhook-key" }
    error_message = "Nobody else may read it."
  }
}

run "what_its_account_may" {
  command = plan
  assert {
    condition     = google_project_iam_member.record_user["deliver"].role == "projects/acme-licenses/roles/licenses.recordUser" && google_project_iam_member.record_user["deliver"].condition[0].expression == "resource.name == \"projects/acme-licenses/databases/(default)\""
    error_message = "It must read and write the record, as others do."
  }
  assert {
    condition = !strcontains(jsonencode([
      google_kms_crypto_key_iam_binding.signers.members, google_kms_crypto_key_iam_binding.public_key_viewers.members,
      google_kms_crypto_key_iam_binding.version_listers.members, google_kms_crypto_key_iam_binding.rotator.members,
      [for b in concat(google_kms_crypto_key_iam_binding.encrypters, google_kms_crypto_key_iam_binding.decrypters) : b.members],
      [for m in google_project_iam_member.ledger_user : m.member], [for m in google_project_iam_member.ledger_finder : m.member],
      [for m in google_project_iam_member.user_administrator : m.member], [for m in google_project_iam_member.revocation_reader : m.member],
      google_project_iam_member.record_deleter.member, google_secret_manager_secret_iam_member.build_signs_in.member,
    ]), "licenses-deliver@")
    error_message = "It must have nothing to do with the ledger, a key, users or deletions."
  }
}

run "a_topic_of_its_own" {
  command = plan
  assert {
    condition     = google_pubsub_topic.events[0].name == "licenses-events" && google_pubsub_topic.events[0].message_retention_duration == "604800s"
    error_message = "Events can be read again for a week."
  }
  assert {
    condition     = google_pubsub_topic_iam_binding.publishers[0].topic == "licenses-events" && google_pubsub_topic_iam_binding.publishers[0].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_binding.publishers[0].members == toset(["serviceAccount:licenses-deliver@acme-licenses.iam.gserviceaccount.com"])
    error_message = "Deliver alone may publish, and there alone."
  }
}

run "webhooks_alone" {
  command = plan
  variables {
    events = { enabled = true, webhook_key_version = "1", topic = false }
  }
  assert {
    condition     = length(google_pubsub_topic.events) == 0 && length(google_pubsub_topic_iam_binding.publishers) == 0 && alltrue([for e in module.functions["deliver"].service.template[0].containers[0].env : e.name != "EVENTS_TOPIC"])
    error_message = "Without a topic nothing is published."
  }
}

run "released_with_the_others" {
  command = plan
  assert {
    condition     = output.substitutions["_DELIVER"] == "true" && contains(keys(google_cloud_run_v2_service_iam_member.build_releases), "deliver") && contains(keys(google_service_account_iam_member.build_deploys_as), "deliver")
    error_message = "The pipeline must know that there is one more, and may release it."
  }
}

run "it_costs_next_to_nothing_while_nothing_happens" {
  command = plan
  variables {
    size = "production"
  }
  assert {
    condition     = module.functions["deliver"].service.template[0].scaling[0].min_instance_count == 0 && module.functions["deliver"].service.template[0].scaling[0].max_instance_count == 2 && module.functions["deliver"].service.template[0].timeout == "60s" && module.functions["deliver"].service.template[0].containers[0].resources[0].cpu_idle
    error_message = "No instance may be kept warm, and two runs may overlap."
  }
}

run "it_is_watched" {
  command = plan
  assert {
    condition     = alltrue([for key in ["dead-letters", "deliver-silent", "events-late"] : contains(keys(output.playbooks), key)])
    error_message = "Where there is deliver, somebody must hear of it."
  }
}

run "kept_and_told_by_nobody" {
  command = plan
  variables {
    events = { enabled = true }
  }
  expect_failures = [var.events]
}

run "the_latest_key_is_no_version" {
  command = plan
  variables {
    events = { enabled = true, webhook_key_version = "latest" }
  }
  expect_failures = [var.events]
}

run "a_retention_that_pubsub_does_not_have" {
  command = plan
  variables {
    events = { enabled = true, webhook_key_version = "1", retention_days = 32 }
  }
  expect_failures = [var.events]
}
