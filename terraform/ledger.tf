# The seat ledger: the live count of seats, in Memorystore for Valkey. It may be
# lost at any moment and is then rebuilt from the record; what it must never do is
# forget single keys, hence noeviction.
resource "google_memorystore_instance" "ledger" {
  project = local.project
  # Another mode is another instance, made before the old one goes: the functions
  # follow its name, and the ledger is rebuilt there from the record.
  instance_id    = var.ledger.mode == "CLUSTER" ? "${var.name}-cluster" : var.name
  location       = var.region
  engine_version = var.ledger.engine_version
  mode           = var.ledger.mode
  node_type      = var.ledger.node_type
  shard_count    = var.ledger.shards
  replica_count  = var.ledger.replicas
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
      append_fsync = "EVERYSEC"
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

  deletion_protection_enabled = var.protect

  depends_on = [google_network_connectivity_service_connection_policy.ledger]

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = var.ledger.mode == "CLUSTER" || var.ledger.shards == 1
      error_message = "ledger.shards is ${var.ledger.shards}, but only mode CLUSTER has more than one: set ledger.mode = \"CLUSTER\" (this makes a new instance), or ledger.shards = 1."
    }
  }
}

locals {
  # Memorystore has no IAM of its own on an instance: a condition on its name
  # narrows the project's.
  ledger_only = {
    title       = "${var.name}-ledger"
    description = "The seat ledger alone."
    # The second is its certificate authority.
    expression = "resource.name == \"${local.ledger_name}\" || resource.name.startsWith(\"${local.ledger_name}/\")"
  }
  ledger_name = "projects/${var.project_id}/locations/${var.region}/instances/${google_memorystore_instance.ledger.instance_id}"
}

# Every function connects to the ledger, and asks Memorystore where it is.
resource "google_project_iam_member" "ledger_user" {
  for_each = local.function_members
  project  = local.project
  role     = "roles/memorystore.dbConnectionUser"
  member   = each.value
  condition {
    title       = local.ledger_only.title
    description = local.ledger_only.description
    expression  = local.ledger_only.expression
  }
}

resource "google_project_iam_member" "ledger_finder" {
  for_each = local.function_members
  project  = local.project
  role     = "roles/memorystore.viewer"
  member   = each.value
  condition {
    title       = local.ledger_only.title
    description = local.ledger_only.description
    expression  = local.ledger_only.expression
  }
}
