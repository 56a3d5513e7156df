# The seat ledger: the live count of seats, in Memorystore for Valkey. It may be
# lost at any moment and is then rebuilt from the record; what it must never do is
# forget single keys, hence noeviction.
resource "google_memorystore_instance" "ledger" {
  project = local.project
  # Another mode, or another generation, is another instance, made before the old one
  # goes: the functions follow its name, and the ledger is rebuilt there from the record.
  instance_id = join("-", concat(
    [var.name],
    var.ledger.mode == "CLUSTER" ? ["cluster"] : [],
    var.ledger.generation > 1 ? [tostring(var.ledger.generation)] : [],
  ))
  location       = var.region
  engine_version = var.ledger.engine_version
  mode           = var.ledger.mode
  node_type      = local.size.ledger.node_type
  shard_count    = var.ledger.shards
  replica_count  = local.size.ledger.replicas
  labels         = local.labels

  # None can be changed later. A certificate authority of its own: the grants below
  # reach no shared one.
  server_ca_mode          = "GOOGLE_MANAGED_PER_INSTANCE_CA"
  authorization_mode      = "IAM_AUTH"
  transit_encryption_mode = "SERVER_AUTHENTICATION"

  # Without this Valkey may evict any key that has a TTL when memory is short: an
  # organization's seats would be forgotten while its marker stays, and sold again.
  engine_configs = { "maxmemory-policy" = "noeviction" }

  # A restart comes back with all but the last second, so fewer rebuilds.
  persistence_config {
    mode = "AOF"
    aof_config {
      append_fsync = "EVERY_SEC" # memorystorepb.PersistenceConfig_AOFConfig: the provider hands on any text
    }
  }

  zone_distribution_config {
    mode = "MULTI_ZONE"
  }

  maintenance_policy {
    weekly_maintenance_window {
      day = var.ledger.maintenance.day
      start_time {
        hours = var.ledger.maintenance.hour_utc
      }
    }
  }

  desired_auto_created_endpoints {
    network    = google_compute_network.this.id
    project_id = local.project
  }

  deletion_protection_enabled = var.protect.ledger

  depends_on = [google_network_connectivity_service_connection_policy.ledger]

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = var.ledger.mode == "CLUSTER" || var.ledger.shards == 1
      error_message = "ledger.shards is ${var.ledger.shards}, but only mode CLUSTER has more than one: set ledger.mode = \"CLUSTER\" (this makes a new instance), or ledger.shards = 1."
    }
    precondition {
      condition     = var.ledger.mode != "CLUSTER" || !startswith(local.size.ledger.node_type, "CUSTOM_")
      error_message = "ledger.node_type is ${local.size.ledger.node_type}, which has one shard only: mode CLUSTER takes STANDARD_SMALL or larger."
    }
  }
}

locals {
  # Memorystore has no IAM of its own on an instance: a condition on its name
  # narrows the project's. It holds for every generation: a grant that was replaced
  # by the apply that makes the next one would come too late for the revisions
  # which need it, and take the old one from those that still serve.
  ledger_only = {
    title       = "${var.name}-ledger"
    description = "The seat ledger alone, whichever generation."
    # The second is its certificate authority.
    expression = join(" || ", [
      "resource.name == \"${local.ledger_base}\"",
      "resource.name.startsWith(\"${local.ledger_base}/\")",
      "resource.name.startsWith(\"${local.ledger_base}-\")",
    ])
  }
  ledger_base = "projects/${var.project_id}/locations/${var.region}/instances/${var.name}"
  ledger_name = "projects/${var.project_id}/locations/${var.region}/instances/${google_memorystore_instance.ledger.instance_id}"
}

# Every function but deliver connects to the ledger, and asks Memorystore where it is.
resource "google_project_iam_member" "ledger_user" {
  for_each = local.ledger_members
  project  = local.project
  role     = "roles/memorystore.dbConnectionUser"
  member   = each.value
  condition {
    title       = local.ledger_only.title
    description = local.ledger_only.description
    expression  = local.ledger_only.expression
  }
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}

resource "google_project_iam_member" "ledger_finder" {
  for_each = local.ledger_members
  project  = local.project
  role     = "roles/memorystore.viewer"
  member   = each.value
  condition {
    title       = local.ledger_only.title
    description = local.ledger_only.description
    expression  = local.ledger_only.expression
  }
  lifecycle {
    replace_triggered_by = [google_service_account.this[each.key].unique_id]
  }
}
