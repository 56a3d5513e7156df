# The record: what organizations bought and what happened to every session, in
# Firestore. The ledger is rebuilt from it, so this is what backups are for.
#
# Concurrency is optimistic: a transaction locks nothing that it reads, and commits
# only if none of it has changed. In pessimistic mode every grant locks the
# organization's epoch until it commits, and the lock of a process that dies in
# between holds up the organization's rebuild for a minute. Both modes are
# serializable, which is all that the protocol asks for
# (https://firebase.google.com/docs/firestore/transaction-data-contention).
resource "google_firestore_database" "record" {
  project                           = local.project
  name                              = var.record.database
  location_id                       = coalesce(var.record.location, var.region)
  type                              = "FIRESTORE_NATIVE"
  database_edition                  = "STANDARD"
  concurrency_mode                  = "OPTIMISTIC"
  app_engine_integration_mode       = "DISABLED"
  point_in_time_recovery_enablement = var.record.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.protect.record ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.protect.record ? "ABANDON" : "DELETE"
}

# Single-field indexes are kept for what an operator looks sessions up by (status,
# license_id, user_id, ended_reason), and for what a rebuild asks for: token_ends, a
# text that begins with one of sixteen digits so that it grows in sixteen places. The
# rest is exempt: an indexed time that only grows caps the collection at 500 writes a
# second (https://cloud.google.com/firestore/docs/best-practices), and an index that
# nobody reads costs latency on every grant.
resource "google_firestore_field" "unindexed" {
  for_each = toset([
    "acquired_at", "last_heartbeat_at", "expires_at", "ended_at",
    "epoch", "hardware_id", "instance_id", "client", "part", "revocation",
  ])
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "sessions"
  field      = each.value
  index_config {}
}

# The vendor and an organization's own people list live sessions by acquired_at: all of
# them, or those of a license, of a user, of both, for a project, or on a machine. Firestore could merge two of these
# indexes for both, in a time that grows with what either finds alone; one of its own
# reads the page and nothing else. part, one of sixteen digits, stands before the time,
# which so grows in sixteen places
# (https://firebase.google.com/docs/firestore/solutions/shard-timestamp). Usage by user or
# project reads by the same indexes the sessions that ended. No other query but the one
# below needs a composite index; a test asks the emulator. docs/operations.md has what they cost.
resource "google_firestore_index" "live_sessions" {
  for_each = {
    all     = []
    license = ["license_id"]
    user    = ["user_id"]
    both    = ["license_id", "user_id"]
    project = ["client.project"]
    machine = ["hardware_id"]
  }
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "sessions"
  dynamic "fields" {
    for_each = concat(["status"], each.value, ["part"])
    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }
  fields {
    field_path = "acquired_at"
    order      = "DESCENDING"
  }
}

# Usage by user or project also needs the sessions that were acquired before its time and
# ended within it or later. Nothing says how long a session was: without this index all
# that are kept would have to be read. It holds both times, so that the documents of those
# alone are. The active have no entry: ended_at is absent until they end.
resource "google_firestore_index" "ended_sessions" {
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "sessions"
  dynamic "fields" {
    for_each = ["part", "ended_at", "acquired_at"]
    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }
}

# The signing keys are one document, read by its name. No index holds a copy of them.
resource "google_firestore_field" "signing_keys" {
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "service"
  field      = "delegations"
  index_config {}
}

# Ended sessions are deleted some time after their purge_at. Housekeeping: no
# seat waits for it.
resource "google_firestore_field" "purge" {
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "sessions"
  field      = "purge_at"
  index_config {}
  ttl_config {}
}

# The same of the audit, of usage, of what is left of a user that was removed, of the
# idempotency keys of what was created (those of an organization and the service's are one
# collection by name), and of what events leave behind: no function that tells them may
# delete a document.
resource "google_firestore_field" "purge_administration" {
  for_each   = toset(["audit", "deliveries", "events", "queues", "requests", "usage", "users", "webhooks"])
  project    = local.project
  database   = google_firestore_database.record.name
  collection = each.value
  field      = "purge_at"
  index_config {}
  ttl_config {}
}

# A day of a license's usage is read as a whole, by its name or its day: a number in it
# would otherwise be an entry of two indexes each, written anew every few minutes.
resource "google_firestore_field" "usage_hours" {
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "usage"
  field      = "hours"
  index_config {}
}

# Events wait for deliver in the order in which they were recorded. As of sessions, the
# part before the time has it grow in sixteen places; of an event that was taken there is
# no part, and no entry.
resource "google_firestore_index" "events" {
  project    = local.project
  database   = google_firestore_database.record.name
  collection = "events"
  dynamic "fields" {
    for_each = ["part", "recorded_at", "seq"]
    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }
}

# Deliver asks across organizations: which have events, by their part, and which queues are
# due. No other query needs either field alone, and the rest of an event, a queue or a
# delivery is asked for by nobody: each would be two entries of an index more to write.
# (Of a delivery its state is, within its queue, by the index that every field has.)
resource "google_firestore_field" "across_organizations" {
  for_each   = { events = "part", queues = "due_at" }
  project    = local.project
  database   = google_firestore_database.record.name
  collection = each.key
  field      = each.value
  index_config {
    indexes {
      order       = "ASCENDING"
      query_scope = "COLLECTION_GROUP"
    }
  }
}

resource "google_firestore_field" "unindexed_events" {
  for_each = toset(concat(
    [for field in ["data", "recorded_at", "seq", "subject", "time", "type"] : "events.${field}"],
    [for field in ["closed", "failures", "webhook_id"] : "queues.${field}"],
    [for field in ["attempts", "body", "event_id", "last_attempt_at", "last_failure", "last_status", "made_at", "subject", "type"] : "deliveries.${field}"],
    ["webhooks.url"], # often a secret of the receiver's
  ))
  project    = local.project
  database   = google_firestore_database.record.name
  collection = split(".", each.value)[0]
  field      = split(".", each.value)[1]
  index_config {}
}

resource "google_firestore_backup_schedule" "daily" {
  project   = local.project
  database  = google_firestore_database.record.name
  retention = "${local.size.record.daily_backup_days * 86400}s"
  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  project   = local.project
  database  = google_firestore_database.record.name
  retention = "${local.size.record.weekly_backup_weeks * 7 * 86400}s"
  weekly_recurrence {
    day = "SUNDAY"
  }
}

# What the functions call (docs/security.md has the list). roles/datastore.user
# could also delete, which control alone does.
resource "google_project_iam_custom_role" "record_user" {
  project     = local.project
  role_id     = "${local.role_prefix}.recordUser"
  title       = "${var.name}: use the record"
  description = "Read, create and update documents; delete none."
  permissions = [
    "datastore.databases.get",
    "datastore.entities.create",
    "datastore.entities.get",
    "datastore.entities.list",
    "datastore.entities.update",
  ]
}

resource "google_project_iam_custom_role" "record_deleter" {
  project     = local.project
  role_id     = "${local.role_prefix}.recordDeleter"
  title       = "${var.name}: delete from the record"
  description = "Delete documents."
  permissions = ["datastore.entities.delete"]
}

locals {
  # Firestore has no IAM of its own on a database: a condition on its name narrows
  # the project's.
  record_only = {
    title       = "${var.name}-record"
    description = "The record's database alone."
    expression  = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.record.name}\""
  }
}

resource "google_project_iam_member" "record_user" {
  for_each = local.function_members
  project  = local.project
  role     = local.role.record_user
  member   = each.value
  condition {
    title       = local.record_only.title
    description = local.record_only.description
    expression  = local.record_only.expression
  }
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

# A license that is deleted is gone; the audit keeps what it was.
resource "google_project_iam_member" "record_deleter" {
  project = local.project
  role    = local.role.record_deleter
  member  = local.member["control"]
  condition {
    title       = local.record_only.title
    description = local.record_only.description
    expression  = local.record_only.expression
  }
  lifecycle {
    replace_triggered_by = [google_service_account.this["control"].unique_id]
  }
}
