# The seat ledger may be lost; it may not forget single keys, and only the
# functions may enter it.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
}

run "forgets_no_key" {
  command = plan
  assert {
    condition     = google_memorystore_instance.ledger.engine_configs["maxmemory-policy"] == "noeviction"
    error_message = "maxmemory-policy must be noeviction: the default evicts an organization's seats, and they would be sold again."
  }
}

run "survives_a_node" {
  command = plan
  assert {
    condition     = google_memorystore_instance.ledger.replica_count >= 1 && google_memorystore_instance.ledger.zone_distribution_config[0].mode == "MULTI_ZONE"
    error_message = "There must be a replica in another zone."
  }
  assert {
    condition     = google_memorystore_instance.ledger.persistence_config[0].mode == "AOF" && google_memorystore_instance.ledger.persistence_config[0].aof_config[0].append_fsync == "EVERY_SEC"
    error_message = "A restart must come back with all but the last second."
  }
  assert {
    condition     = google_memorystore_instance.ledger.deletion_protection_enabled
    error_message = "The ledger must be protected unless var.protect is off."
  }
}

run "encrypted_and_by_identity" {
  command = plan
  assert {
    condition     = google_memorystore_instance.ledger.authorization_mode == "IAM_AUTH"
    error_message = "Entering the ledger must take an account's token."
  }
  assert {
    condition     = google_memorystore_instance.ledger.transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "Connections must be encrypted."
  }
  assert {
    condition     = google_memorystore_instance.ledger.server_ca_mode == "GOOGLE_MANAGED_PER_INSTANCE_CA"
    error_message = "Functions may read the instance's own certificate authority, and no shared one."
  }
}

run "entered_by_the_functions_alone_and_nothing_else_with_it" {
  command = plan
  assert {
    condition     = { for name, grant in google_project_iam_member.ledger_user : name => "${grant.role} ${grant.member}" } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : name => "roles/memorystore.dbConnectionUser serviceAccount:licenses-${name}@acme-licenses.iam.gserviceaccount.com" }
    error_message = "The six functions, and nobody else, may connect."
  }
  assert {
    condition     = { for name, grant in google_project_iam_member.ledger_finder : name => "${grant.role} ${grant.member}" } == { for name in ["acquire", "heartbeat", "release", "reaper", "control", "admin"] : name => "roles/memorystore.viewer serviceAccount:licenses-${name}@acme-licenses.iam.gserviceaccount.com" }
    error_message = "The six functions may ask where it is, and no more."
  }
  assert {
    condition     = alltrue([for grant in concat(values(google_project_iam_member.ledger_user), values(google_project_iam_member.ledger_finder)) : grant.condition[0].expression == "resource.name == \"projects/acme-licenses/locations/us-central1/instances/licenses\" || resource.name.startsWith(\"projects/acme-licenses/locations/us-central1/instances/licenses/\") || resource.name.startsWith(\"projects/acme-licenses/locations/us-central1/instances/licenses-\")"])
    error_message = "The grants must hold for this instance alone."
  }
}

run "in_our_network" {
  command = plan
  assert {
    condition     = google_network_connectivity_service_connection_policy.ledger.service_class == "gcp-memorystore" && google_network_connectivity_service_connection_policy.ledger.psc_config[0].subnetworks == tolist([google_compute_subnetwork.ledger.id])
    error_message = "Memorystore must be allowed to put endpoints into the ledger's subnetwork, and there alone."
  }
  assert {
    condition     = google_memorystore_instance.ledger.desired_auto_created_endpoints[0].network == google_compute_network.this.id
    error_message = "The ledger must be reachable in the functions' network."
  }
  assert {
    condition     = google_compute_network.this.auto_create_subnetworks == false
    error_message = "The network must have no subnetworks nobody asked for."
  }
}

run "more_shards_need_a_cluster" {
  command = plan
  variables {
    ledger = { shards = 3 }
  }
  expect_failures = [google_memorystore_instance.ledger]
}

run "a_cluster_is_a_configuration" {
  command = plan
  variables {
    size   = "production"
    ledger = { mode = "CLUSTER", shards = 3 }
  }
  assert {
    condition     = google_memorystore_instance.ledger.instance_id == "licenses-cluster"
    error_message = "A cluster is another instance: it needs a name of its own to be there before the old one goes."
  }
  assert {
    condition     = google_memorystore_instance.ledger.shard_count == 3 && google_memorystore_instance.ledger.mode == "CLUSTER" && google_memorystore_instance.ledger.engine_configs["maxmemory-policy"] == "noeviction"
    error_message = "A cluster must keep every promise of a single shard."
  }
}

run "made_anew_by_its_generation" {
  command = plan
  variables {
    ledger = { generation = 2 }
  }
  assert {
    condition     = google_memorystore_instance.ledger.instance_id == "licenses-2" && output.ledger == "projects/acme-licenses/locations/us-central1/instances/licenses-2"
    error_message = "Another generation must have another name, or the old one must go first."
  }
  assert {
    condition     = alltrue([for grant in values(google_project_iam_member.ledger_user) : strcontains(grant.condition[0].expression, "resource.name.startsWith(\"projects/acme-licenses/locations/us-central1/instances/licenses-\")")])
    error_message = "The grants must hold for it before it is there."
  }
}

run "a_generation_that_is_none" {
  command = plan
  variables {
    ledger = { generation = 0 }
  }
  expect_failures = [var.ledger]
}

run "unprotected_by_its_own_switch" {
  command = plan
  variables {
    protect = { ledger = false }
  }
  assert {
    condition     = !google_memorystore_instance.ledger.deletion_protection_enabled && google_firestore_database.record.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_kms_crypto_key.signing.deletion_policy == "PREVENT"
    error_message = "Whoever makes the ledger anew must not take protection from record and key."
  }
}

run "nodes_that_have_one_shard" {
  command = plan
  variables {
    ledger = { mode = "CLUSTER", shards = 3 }
  }
  expect_failures = [google_memorystore_instance.ledger]
}

run "small_and_production_differ_in_place" {
  command = plan
  assert {
    condition     = google_memorystore_instance.ledger.node_type == "CUSTOM_PICO" && google_memorystore_instance.ledger.replica_count == 1 && google_compute_subnetwork.functions.ip_cidr_range == "10.20.0.0/22" && google_compute_subnetwork.ledger.ip_cidr_range == "10.20.128.0/28"
    error_message = "The small size, and ranges that no size changes."
  }
}

run "growing_changes_no_range" {
  command = plan
  variables {
    size = "production"
  }
  assert {
    condition     = google_memorystore_instance.ledger.node_type == "HIGHMEM_MEDIUM" && google_memorystore_instance.ledger.replica_count == 2 && google_compute_subnetwork.functions.ip_cidr_range == "10.20.0.0/22" && google_compute_subnetwork.ledger.ip_cidr_range == "10.20.128.0/28"
    error_message = "A range in use cannot be replaced: no size may change one."
  }
}

# As far as the functions may ever grow, the ledger must not be in the way.
run "functions_that_have_grown" {
  command = plan
  variables {
    network = { functions_cidr = "10.20.0.0/17" }
  }
  assert {
    condition     = google_compute_subnetwork.functions.ip_cidr_range == "10.20.0.0/17"
    error_message = "The functions' range must be able to grow."
  }
}

run "ranges_that_overlap" {
  command = plan
  variables {
    network = { functions_cidr = "10.20.0.0/22", ledger_cidr = "10.20.2.0/28" }
  }
  expect_failures = [var.network]
}
