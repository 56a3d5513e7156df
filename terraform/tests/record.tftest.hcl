# The record is what everything is rebuilt from.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "the_database" {
  command = plan
  assert {
    condition     = google_firestore_database.record.type == "FIRESTORE_NATIVE" && google_firestore_database.record.database_edition == "STANDARD" && google_firestore_database.record.concurrency_mode == "OPTIMISTIC"
    error_message = "Firestore's native mode; a lock of a process that died must hold up no rebuild."
  }
  assert {
    condition     = google_firestore_database.record.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.record.deletion_policy == "ABANDON"
    error_message = "The record must be protected unless var.protect is off."
  }
}

run "can_be_brought_back" {
  command = plan
  assert {
    condition     = google_firestore_database.record.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "Any minute of the last week must be readable."
  }
  assert {
    condition     = google_firestore_backup_schedule.daily.retention == "604800s" && length(google_firestore_backup_schedule.daily.daily_recurrence) == 1
    error_message = "A week of daily backups."
  }
  assert {
    condition     = google_firestore_backup_schedule.weekly.retention == "8467200s" && google_firestore_backup_schedule.weekly.weekly_recurrence[0].day == "SUNDAY"
    error_message = "Fourteen weeks of weekly backups."
  }
}

run "no_index_on_what_only_grows" {
  command = plan
  assert {
    condition     = alltrue([for name in ["acquired_at", "last_heartbeat_at", "expires_at", "ended_at"] : length(google_firestore_field.unindexed[name].index_config[0].indexes) == 0])
    error_message = "An indexed time that only grows caps grants at 500 a second."
  }
  assert {
    condition     = alltrue([for f in google_firestore_field.unindexed : f.collection == "sessions" && length(f.ttl_config) == 0])
    error_message = "Exemptions are about sessions, and delete nothing."
  }
  assert {
    condition     = !contains(keys(google_firestore_field.unindexed), "token_ends")
    error_message = "A rebuild finds the tokens of ended sessions by this index."
  }
}

run "live_sessions_are_listed_by_their_time" {
  command = plan
  assert {
    condition     = { for name, index in google_firestore_index.live_sessions : name => join(" ", [for f in index.fields : "${f.field_path} ${f.order}"]) } == { all = "status ASCENDING part ASCENDING acquired_at DESCENDING", license = "status ASCENDING license_id ASCENDING part ASCENDING acquired_at DESCENDING", user = "status ASCENDING user_id ASCENDING part ASCENDING acquired_at DESCENDING", both = "status ASCENDING license_id ASCENDING user_id ASCENDING part ASCENDING acquired_at DESCENDING", project = "status ASCENDING client.project ASCENDING part ASCENDING acquired_at DESCENDING", machine = "status ASCENDING hardware_id ASCENDING part ASCENDING acquired_at DESCENDING" }
    error_message = "The lists of sessions are served by these, and a time that only grows must have the part before it."
  }
  assert {
    condition     = join(" ", [for f in google_firestore_index.ended_sessions.fields : "${f.field_path} ${f.order}"]) == "part ASCENDING ended_at ASCENDING acquired_at ASCENDING"
    error_message = "Usage finds by it who began before its time, and the part must stand before the times."
  }
  assert {
    condition     = alltrue([for index in concat(values(google_firestore_index.live_sessions), [google_firestore_index.ended_sessions]) : index.collection == "sessions"])
    error_message = "They are about sessions."
  }
}

run "no_index_holds_signing_keys" {
  command = plan
  assert {
    condition     = google_firestore_field.signing_keys.collection == "service" && google_firestore_field.signing_keys.field == "delegations" && length(google_firestore_field.signing_keys.index_config[0].indexes) == 0 && length(google_firestore_field.signing_keys.ttl_config) == 0
    error_message = "The signing keys, encrypted as they are, must be in no index, and go with no TTL."
  }
}

run "ended_sessions_are_purged" {
  command = plan
  assert {
    condition     = google_firestore_field.purge.collection == "sessions" && google_firestore_field.purge.field == "purge_at" && length(google_firestore_field.purge.ttl_config) == 1 && length(google_firestore_field.purge.index_config[0].indexes) == 0
    error_message = "Ended sessions must go after their purge_at, by a field without an index."
  }
}

run "the_audit_and_idempotency_keys_are_purged" {
  command = plan
  assert {
    condition     = { for name, f in google_firestore_field.purge_administration : f.collection => "${f.field} ${length(f.ttl_config)} ${length(f.index_config[0].indexes)}" } == { for c in ["audit", "deliveries", "events", "queues", "requests", "usage", "users", "webhooks"] : c => "purge_at 1 0" }
    error_message = "What the doors write, usage, and what events leave behind must go after its purge_at, by a field without an index."
  }
}

run "events_are_found_by_what_is_asked_for_alone" {
  command = plan
  assert {
    condition     = google_firestore_index.events.collection == "events" && join(" ", [for f in google_firestore_index.events.fields : "${f.field_path} ${f.order}"]) == "part ASCENDING recorded_at ASCENDING seq ASCENDING"
    error_message = "Events are read in the order in which they were recorded, and a time that only grows must have the part before it."
  }
  assert {
    condition     = { for f in google_firestore_field.across_organizations : "${f.collection}.${f.field}" => join(" ", [for i in f.index_config[0].indexes : "${i.order} ${i.query_scope}"]) } == { "events.part" = "ASCENDING COLLECTION_GROUP", "queues.due_at" = "ASCENDING COLLECTION_GROUP" }
    error_message = "Deliver asks across organizations, which no index does that a field has by itself."
  }
  assert {
    condition     = alltrue([for f in google_firestore_field.unindexed_events : length(f.index_config[0].indexes) == 0 && length(f.ttl_config) == 0])
    error_message = "What nobody asks for must be in no index, and delete nothing."
  }
  assert {
    condition     = alltrue([for field in ["events.recorded_at", "events.time", "deliveries.made_at", "deliveries.last_attempt_at", "deliveries.body", "webhooks.url"] : contains(keys(google_firestore_field.unindexed_events), field)]) && !contains(keys(google_firestore_field.unindexed_events), "deliveries.state")
    error_message = "Times that only grow, bodies and addresses must be in no index; deliveries are found by their state."
  }
}

run "usage_is_in_no_index_by_its_numbers" {
  command = plan
  assert {
    condition     = google_firestore_field.usage_hours.collection == "usage" && google_firestore_field.usage_hours.field == "hours" && length(google_firestore_field.usage_hours.index_config[0].indexes) == 0 && length(google_firestore_field.usage_hours.ttl_config) == 0
    error_message = "Every number of a day's usage would be in two indexes."
  }
}

run "the_vendors_door_alone_deletes" {
  command = plan
  assert {
    condition     = google_project_iam_member.record_deleter.member == "serviceAccount:licenses-control@acme-licenses.iam.gserviceaccount.com" && google_project_iam_member.record_deleter.role == "projects/acme-licenses/roles/licenses.recordDeleter" && google_project_iam_custom_role.record_deleter.permissions == toset(["datastore.entities.delete"])
    error_message = "Control deletes licenses, and nobody else deletes anything."
  }
  assert {
    condition     = google_project_iam_member.record_deleter.condition[0].expression == "resource.name == \"projects/acme-licenses/databases/(default)\""
    error_message = "It must hold for this database alone."
  }
}

run "read_and_written_by_the_functions_alone" {
  command = plan
  assert {
    condition     = { for name, grant in google_project_iam_member.record_user : name => "${grant.role} ${grant.member}" } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : name => "projects/acme-licenses/roles/licenses.recordUser serviceAccount:licenses-${name}@acme-licenses.iam.gserviceaccount.com" }
    error_message = "The six functions, and nobody else, may use the record."
  }
  assert {
    condition     = google_project_iam_custom_role.record_user.permissions == toset(["datastore.databases.get", "datastore.entities.create", "datastore.entities.get", "datastore.entities.list", "datastore.entities.update"])
    error_message = "They may read, create and update documents, and delete none."
  }
  assert {
    condition     = alltrue([for grant in google_project_iam_member.record_user : grant.condition[0].expression == "resource.name == \"projects/acme-licenses/databases/(default)\""])
    error_message = "The grants must hold for this database alone."
  }
}

run "a_database_of_its_own" {
  command = plan
  variables {
    record  = { database = "licenses-eu", location = "eur3", daily_backup_days = 30 }
    protect = { record = false }
  }
  assert {
    condition     = google_firestore_database.record.location_id == "eur3" && google_firestore_database.record.deletion_policy == "DELETE"
    error_message = "Location and protection must be what was asked for."
  }
  assert {
    condition     = alltrue([for f in concat(values(google_firestore_field.unindexed), values(google_firestore_field.unindexed_events), values(google_firestore_field.across_organizations), values(google_firestore_field.purge_administration), [google_firestore_field.purge, google_firestore_field.signing_keys, google_firestore_field.usage_hours]) : f.database == "licenses-eu"]) && google_firestore_index.events.database == "licenses-eu" && alltrue([for index in google_firestore_index.live_sessions : index.database == "licenses-eu"]) && google_firestore_backup_schedule.daily.database == "licenses-eu"
    error_message = "Everything must be about that database."
  }
  assert {
    condition     = alltrue([for f in module.functions : f.name != ""]) && google_firestore_backup_schedule.daily.retention == "2592000s"
    error_message = "Thirty days of daily backups."
  }
}
