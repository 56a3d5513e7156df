package main

import rego.v1

ledger := {
	"engine_configs": {"maxmemory-policy": "noeviction"},
	"authorization_mode": "IAM_AUTH",
	"transit_encryption_mode": "SERVER_AUTHENTICATION",
	"persistence_config": [{"mode": "AOF"}],
	"replica_count": 1,
}

valkey := "google_memorystore_instance"

test_the_ledger_as_it_is if not denied(valkey, ledger)

test_a_ledger_that_evicts if {
	refused(valkey, object.remove(ledger, ["engine_configs"]), "noeviction")
	refused(valkey, object.union(object.remove(ledger, ["engine_configs"]), {"engine_configs": null}), "noeviction")
	refused(valkey, object.union(ledger, {"engine_configs": {"maxmemory-policy": "allkeys-lru"}}), "noeviction")
}

test_a_ledger_anybody_may_enter if {
	refused(valkey, object.union(ledger, {"authorization_mode": "AUTH_DISABLED"}), "IAM_AUTH")
	refused(valkey, object.remove(ledger, ["authorization_mode"]), "IAM_AUTH")
}

test_a_ledger_in_the_clear if refused(valkey, object.union(ledger, {"transit_encryption_mode": "TRANSIT_ENCRYPTION_DISABLED"}), "in the clear")

test_a_ledger_that_appends_nothing if {
	refused(valkey, object.union(ledger, {"persistence_config": [{"mode": "DISABLED"}]}), "append-only")
	refused(valkey, object.remove(ledger, ["persistence_config"]), "append-only")
}

test_a_word_the_api_does_not_know if {
	refused(valkey, object.union(ledger, {"persistence_config": [{"mode": "AOF", "aof_config": [{"append_fsync": "EVERYSEC"}]}]}), "EVERY_SEC")
	refused(valkey, object.union(ledger, {"persistence_config": [{"mode": "AOF", "aof_config": [{"append_fsync": "NEVER"}]}]}), "append_fsync")
	not denied(valkey, object.union(ledger, {"persistence_config": [{"mode": "AOF", "aof_config": [{"append_fsync": "EVERY_SEC"}]}]}))
}

test_a_ledger_that_others_reach if {
	here := {"network": "projects/acme-licenses/global/networks/licenses", "project_id": "acme-licenses"}
	not denied(valkey, object.union(ledger, {"desired_auto_created_endpoints": [here]}))
	not denied(valkey, object.union(ledger, {"desired_auto_created_endpoints": [{"project_id": "acme-licenses"}]}))
	every key in ["desired_auto_created_endpoints", "desired_psc_auto_connections"] {
		refused(valkey, object.union(ledger, {key: [object.union(here, {"project_id": "evil"})]}), "would be reached")
		refused(valkey, object.union(ledger, {key: [object.union(here, {"network": "projects/evil/global/networks/x"})]}), "would be reached")
	}
}

test_documents_that_go_too_soon if {
	not denied("google_firestore_field", {"collection": "sessions", "field": "purge_at", "ttl_config": [{}], "index_config": [{"indexes": []}]})
	refused("google_firestore_field", {"collection": "sessions", "field": "expires_at", "ttl_config": [{}], "index_config": [{"indexes": []}]}, "would delete")
}

images := "google_artifact_registry_repository"

test_images_that_others_push if {
	not denied(images, {"docker_config": [{"immutable_tags": true}]})
	refused(images, {"docker_config": []}, "moved")
	refused(images, {"docker_config": [{"immutable_tags": true}], "mode": "REMOTE_REPOSITORY"}, "hands on")
}

test_signatures_that_nobody_logs if refused("google_project_iam_audit_config", {"service": "cloudkms.googleapis.com", "audit_log_config": [{"log_type": "ADMIN_READ"}]}, "who signed")

test_no_replica_is_a_warning if count(warn) == 1 with input as planned(valkey, object.union(ledger, {"replica_count": 0}))

test_another_redis if denied("google_redis_instance", {"name": "x"})

test_the_record_in_another_mode if refused("google_firestore_database", {"type": "DATASTORE_MODE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_ENABLED"}, "native")

test_a_record_without_a_past if refused("google_firestore_database", {"type": "FIRESTORE_NATIVE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_DISABLED"}, "last week")

test_an_indexed_time if {
	refused("google_firestore_field", {"collection": "sessions", "field": "acquired_at", "index_config": [{"indexes": [{"order": "ASCENDING"}]}]}, "500 a second")
	not denied("google_firestore_field", {"collection": "sessions", "field": "acquired_at", "index_config": [{"indexes": []}]})
}

test_a_time_in_a_composite_index if {
	status := {"field_path": "status", "order": "ASCENDING"}
	part := {"field_path": "part", "order": "ASCENDING"}
	acquired := {"field_path": "acquired_at", "order": "DESCENDING"}
	not denied("google_firestore_index", {"collection": "sessions", "fields": [status, part, acquired]})
	refused("google_firestore_index", {"collection": "sessions", "fields": [status, acquired]}, "500 a second")
	refused("google_firestore_index", {"collection": "sessions", "fields": [status, acquired, part]}, "500 a second")
}

# Events are written with sessions, and read in the order of their time.
test_an_indexed_time_of_events if {
	refused("google_firestore_field", {"collection": "events", "field": "recorded_at", "index_config": [{"indexes": [{"order": "ASCENDING"}]}]}, "500 a second")
	not denied("google_firestore_field", {"collection": "queues", "field": "due_at", "index_config": [{"indexes": [{"order": "ASCENDING", "query_scope": "COLLECTION_GROUP"}]}]})
	part := {"field_path": "part", "order": "ASCENDING"}
	recorded := {"field_path": "recorded_at", "order": "ASCENDING"}
	not denied("google_firestore_index", {"collection": "events", "fields": [part, recorded]})
	refused("google_firestore_index", {"collection": "events", "fields": [recorded, part]}, "500 a second")
	refused("google_firestore_field", {"collection": "events", "field": "recorded_at", "ttl_config": [{}]}, "would delete documents by recorded_at")
}

topic := {"project": "acme-licenses", "name": "licenses-events", "message_retention_duration": "604800s"}

test_a_topic_that_others_write_or_change if {
	not denied("google_pubsub_topic", topic)
	refused("google_pubsub_topic", object.union(topic, {"ingestion_data_source_settings": [{"cloud_storage": [{"bucket": "evil"}]}]}), "lets others write events")
	refused("google_pubsub_topic", object.union(topic, {"message_transforms": [{"javascript_udf": [{"code": "x"}]}]}), "lets others write events")
	refused("google_pubsub_topic", object.union(topic, {"kms_key_name": "projects/evil/locations/us/keyRings/r/cryptoKeys/k"}), "somebody else has the key")
	refused("google_pubsub_topic", object.union(topic, {"name": "payments"}), "no topic of the service")
	refused("google_pubsub_topic", object.remove(topic, ["name"]), "no topic of the service")
	every type in ["google_pubsub_subscription", "google_pubsub_schema", "google_pubsub_lite_topic"] {
		refused(type, {"name": "x", "topic": "licenses-events"}, "no part of the service")
	}
}

test_another_algorithm if refused("google_kms_crypto_key", {"purpose": "ASYMMETRIC_SIGN", "version_template": [{"algorithm": "RSA_SIGN_PSS_4096_SHA256", "protection_level": "HSM"}]}, "RS256")

test_a_key_that_would_rotate_itself if refused("google_kms_crypto_key", {"purpose": "ASYMMETRIC_SIGN", "rotation_period": "7776000s", "version_template": [{"algorithm": "RSA_SIGN_PKCS1_4096_SHA256", "protection_level": "HSM"}]}, "rotation_period")

crypto_key := "google_kms_crypto_key"

encrypting := {"purpose": "ENCRYPT_DECRYPT", "rotation_period": "7776000s", "version_template": [{"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"}]}

test_a_key_that_encrypts if {
	not denied(crypto_key, encrypting)
	refused(crypto_key, object.remove(encrypting, ["rotation_period"]), "rotate by itself")
	refused(crypto_key, object.union(encrypting, {"rotation_period": null}), "rotate by itself")
	refused(crypto_key, object.union(encrypting, {"rotation_period": "31536000s"}), "rotate by itself")
	refused(crypto_key, object.union(encrypting, {"purpose": "MAC"}), "nothing here is for MAC")
	refused(crypto_key, object.union(encrypting, {"deletion_policy": "DELETE"}), "could be deleted")
}

signing := {"purpose": "ASYMMETRIC_SIGN", "key_ring": "projects/acme-licenses/locations/us-central1/keyRings/licenses", "destroy_scheduled_duration": "2592000s", "version_template": [{"algorithm": "RSA_SIGN_PKCS1_4096_SHA256", "protection_level": "HSM"}]}

test_a_key_that_others_have if {
	not denied(crypto_key, signing)
	refused(crypto_key, object.union(signing, {"import_only": true}), "somebody else")
	refused(crypto_key, object.union(signing, {"crypto_key_backend": "projects/p/locations/l/ekmConnections/c"}), "somebody else")
	refused(crypto_key, object.union(signing, {"version_template": [{"algorithm": "RSA_SIGN_PKCS1_4096_SHA256", "protection_level": "EXTERNAL_VPC"}]}), "somebody else")
	refused(crypto_key, object.union(signing, {"key_ring": "projects/evil/locations/us-central1/keyRings/licenses"}), "somebody else")
}

test_a_key_of_no_algorithm if refused(crypto_key, object.remove(signing, ["version_template"]), "say its algorithm")

test_a_key_that_goes_at_once if refused(crypto_key, object.union(signing, {"destroy_scheduled_duration": "86400s"}), "gone for good")

test_a_key_in_software_is_a_warning if count(warn) == 1 with input as planned("google_kms_crypto_key", {"version_template": [{"algorithm": "RSA_SIGN_PKCS1_4096_SHA256", "protection_level": "SOFTWARE"}]})

test_a_bucket_with_acls if refused("google_storage_bucket", {"uniform_bucket_level_access": false, "public_access_prevention": "enforced"}, "uniform")

test_a_bucket_that_could_be_public if refused("google_storage_bucket", {"uniform_bucket_level_access": true, "public_access_prevention": "inherited"}, "public")

test_a_secret_in_a_plan if denied("google_secret_manager_secret_version", {"secret": "x"})
