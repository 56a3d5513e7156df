# What ledger, record and key must be for the promises to hold.
package main

import rego.v1

deny contains msg if {
	some r in resources("google_memorystore_instance")
	object.get(r.after, ["engine_configs", "maxmemory-policy"], "volatile-lru, the default") != "noeviction"
	msg := sprintf("%s: maxmemory-policy must be noeviction, or seats are forgotten and sold again", [r.address])
}

deny contains msg if {
	some r in resources("google_memorystore_instance")
	not r.after.authorization_mode == "IAM_AUTH"
	msg := sprintf("%s: whoever reaches it may enter; set authorization_mode to IAM_AUTH", [r.address])
}

deny contains msg if {
	some r in resources("google_memorystore_instance")
	not r.after.transit_encryption_mode == "SERVER_AUTHENTICATION"
	msg := sprintf("%s: access tokens would travel in the clear", [r.address])
}

deny contains msg if {
	some r in resources("google_memorystore_instance")
	not appends(r.after)
	msg := sprintf("%s: must keep an append-only file", [r.address])
}

appends(ledger) if ledger.persistence_config[_].mode == "AOF"

# What it is reached by is in this project, and in no other's network.
deny contains msg if {
	some r in resources("google_memorystore_instance")
	some key in {"desired_auto_created_endpoints", "desired_psc_auto_connections"}
	some endpoint in r.after[key]
	elsewhere(endpoint)
	msg := sprintf("%s: would be reached from %v", [r.address, endpoint])
}

elsewhere(endpoint) if not in_plan(endpoint.project_id)

elsewhere(endpoint) if {
	path := split(endpoint.network, "projects/")[1]
	not in_plan(split(path, "/")[0])
}

warn contains msg if {
	some r in resources("google_memorystore_instance")
	not r.after.replica_count >= 1
	msg := sprintf("%s: without a replica every maintenance is an outage and a rebuild", [r.address])
}

# These count elsewhere or not at all; the ledger was proven on Valkey.
deny contains msg if {
	some type in {"google_redis_instance", "google_redis_cluster"}
	some r in resources(type)
	msg := sprintf("%s: seats are counted in Memorystore for Valkey", [r.address])
}

deny contains msg if {
	some r in resources("google_firestore_database")
	r.after.type != "FIRESTORE_NATIVE"
	msg := sprintf("%s: the record needs native mode", [r.address])
}

deny contains msg if {
	some r in resources("google_firestore_database")
	not r.after.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
	msg := sprintf("%s: must be readable as of any minute of the last week", [r.address])
}

# A session has an event for its begin and one for its end.
grow_with_grants := {"events", "sessions"}

# A field of theirs that is a time needs its exemption, whatever name it has.
deny contains msg if {
	some r in resources("google_firestore_field")
	r.after.collection in grow_with_grants
	some c in r.after.index_config
	count(object.get(c, "indexes", [])) > 0
	endswith(r.after.field, "_at")
	msg := sprintf("%s: an indexed time that only grows caps grants at 500 a second", [r.address])
}

# The same in a composite index, unless the part comes first: it grows in sixteen places then.
deny contains msg if {
	some r in resources("google_firestore_index")
	r.after.collection in grow_with_grants
	some i, f in r.after.fields
	endswith(f.field_path, "_at")
	not "part" in {before.field_path | some j, before in r.after.fields; j < i}
	msg := sprintf("%s: an indexed time that only grows caps grants at 500 a second", [r.address])
}

# Firestore deletes a document when its time comes: of a session that is its purge,
# and no time at which it may still be held.
deny contains msg if {
	some r in resources("google_firestore_field")
	count(object.get(r.after, "ttl_config", [])) > 0
	r.after.field != "purge_at"
	msg := sprintf("%s: would delete documents by %s", [r.address, r.after.field])
}

deny contains msg if {
	some r in resources("google_kms_crypto_key")
	r.after.purpose == "ASYMMETRIC_SIGN"
	some t in r.after.version_template
	t.algorithm != "RSA_SIGN_PKCS1_4096_SHA256"
	msg := sprintf("%s: clients verify RS256 by RSA-4096, not %s", [r.address, t.algorithm])
}

deny contains msg if {
	some r in resources("google_kms_crypto_key")
	r.after.purpose == "ASYMMETRIC_SIGN"
	not signs(r.after)
	msg := sprintf("%s: must say its algorithm; the default is another", [r.address])
}

signs(key) if count(key.version_template) == 1

# Its private half is made in Cloud KMS, and nowhere else.
deny contains msg if {
	some r in resources("google_kms_crypto_key")
	held_elsewhere(r.after)
	msg := sprintf("%s: somebody else has or had the key", [r.address])
}

held_elsewhere(key) if key.import_only == true

held_elsewhere(key) if not object.get(key, "crypto_key_backend", null) in {null, ""}

held_elsewhere(key) if startswith(key.version_template[_].protection_level, "EXTERNAL")

held_elsewhere(key) if not in_plan(split(key.key_ring, "/")[1])

# What was destroyed by mistake can be brought back; a day is a weekend too short.
deny contains msg if {
	some r in resources("google_kms_crypto_key")
	seconds := to_number(trim_suffix(r.after.destroy_scheduled_duration, "s"))
	seconds < 7 * 86400
	msg := sprintf("%s: a version would be gone for good after %s", [r.address, r.after.destroy_scheduled_duration])
}

warn contains msg if {
	some r in resources("google_kms_crypto_key")
	some t in r.after.version_template
	not t.protection_level in {"HSM", "HSM_SINGLE_TENANT"}
	msg := sprintf("%s: the key is not in an HSM", [r.address])
}

deny contains msg if {
	some r in resources("google_kms_crypto_key")
	not object.get(r.after, "purpose", null) in {null, "ASYMMETRIC_SIGN", "ENCRYPT_DECRYPT"}
	msg := sprintf("%s: one key signs and one encrypts; nothing here is for %v", [r.address, r.after.purpose])
}

deny contains msg if {
	some r in resources("google_kms_crypto_key")
	r.after.purpose == "ASYMMETRIC_SIGN"
	object.get(r.after, "rotation_period", null) != null
	msg := sprintf("%s: keys that sign take no rotation_period; a schedule adds versions", [r.address])
}

# KMS adds versions of what encrypts by itself, if it is told how often.
deny contains msg if {
	some r in resources("google_kms_crypto_key")
	r.after.purpose == "ENCRYPT_DECRYPT"
	not replaced_in_time(r.after)
	msg := sprintf("%s: must rotate by itself every 100 days at least", [r.address])
}

replaced_in_time(key) if {
	seconds := to_number(trim_suffix(key.rotation_period, "s"))
	seconds <= 100 * 86400
}

deny contains msg if {
	some r in resources("google_storage_bucket")
	not r.after.uniform_bucket_level_access == true
	msg := sprintf("%s: uniform bucket-level access off", [r.address])
}

deny contains msg if {
	some r in resources("google_storage_bucket")
	not r.after.public_access_prevention == "enforced"
	msg := sprintf("%s: could be made public", [r.address])
}

# EVERYSEC is Redis' own word; the API's enum is another
# (https://cloud.google.com/memorystore/docs/valkey/reference/rest).
deny contains msg if {
	some r in resources("google_memorystore_instance")
	some p in r.after.persistence_config
	some a in p.aof_config
	not a.append_fsync in {"ALWAYS", "EVERY_SEC"}
	msg := sprintf("%s: append_fsync is %v; the API knows EVERY_SEC and ALWAYS, and NEVER loses a minute", [r.address, a.append_fsync])
}

# Tags that can be moved, or images of somebody else's.
deny contains msg if {
	some r in resources("google_artifact_registry_repository")
	not immutable(r.after)
	msg := sprintf("%s: a tag could be moved to another image", [r.address])
}

immutable(repository) if repository.docker_config[_].immutable_tags == true

deny contains msg if {
	some r in resources("google_artifact_registry_repository")
	not object.get(r.after, "mode", null) in {null, "STANDARD_REPOSITORY"}
	msg := sprintf("%s: hands on what others push", [r.address])
}

deny contains msg if {
	some r in resources("google_project_iam_audit_config")
	r.after.service == "cloudkms.googleapis.com"
	not reads_logged(r.after)
	msg := sprintf("%s: nobody could tell who signed", [r.address])
}

reads_logged(config) if config.audit_log_config[_].log_type == "DATA_READ"

# Events go where they were sent, as they were: nothing changes them on their way, nobody
# else's come in, and nobody's key outside of the project is needed to read them.
deny contains msg if {
	some r in resources("google_pubsub_topic")
	not regex.match(`^[a-z][a-z0-9-]*-events$`, object.get(r.after, "name", ""))
	msg := sprintf("%s: %v is no topic of the service", [r.address, object.get(r.after, "name", "a topic without a name")])
}

deny contains msg if {
	some r in resources("google_pubsub_topic")
	some key in ["ingestion_data_source_settings", "message_transforms"]
	count(object.get(r.after, key, [])) > 0
	msg := sprintf("%s: %s lets others write events, or changes them", [r.address, key])
}

deny contains msg if {
	some r in resources("google_pubsub_topic")
	not object.get(r.after, "kms_key_name", null) in {null, ""}
	not in_plan(split(r.after.kms_key_name, "/")[1])
	msg := sprintf("%s: somebody else has the key", [r.address])
}

deny contains msg if {
	some r in resources("google_secret_manager_secret_version")
	msg := sprintf("%s: a secret's value must not pass through a plan; add it with gcloud", [r.address])
}
