package main

import rego.v1

# What gives access, runs code or moves data beside grants.
no_part(types) if passed({type: [type, {"project": "acme-licenses"}] | some type in types}) == set()

test_no_part_keys_and_identities if no_part({
	"google_service_account_key",
	"google_storage_hmac_key",
	"google_apikeys_key",
	"google_storage_bucket_acl",
	"google_storage_bucket_access_control",
	"google_storage_default_object_acl",
	"google_storage_object_acl",
	"google_iam_workload_identity_pool",
	"google_iam_workload_identity_pool_provider",
	"google_iam_workforce_pool",
	"google_iam_deny_policy",
	"google_iam_oauth_client",
	"google_org_policy_policy",
	"google_project_organization_policy",
	"google_organization_policy",
	"google_folder",
	"google_folder_organization_policy",
	"google_project",
	"google_project_default_service_accounts",
})

test_no_part_organizations_and_code if no_part({
	"google_access_context_manager_access_level",
	"google_privileged_access_manager_entitlement",
	"google_bigquery_dataset_access",
	"google_bigquery_dataset_iam_member",
	"google_kms_crypto_key_version",
	"google_kms_key_ring_import_job",
	"google_kms_secret_ciphertext",
	"google_kms_ekm_connection",
	"google_secret_manager_secret_version",
	"google_secret_manager_regional_secret_version",
	"google_identity_platform_oauth_idp_config",
	"google_identity_platform_inbound_saml_config",
	"google_cloud_run_v2_job",
	"google_cloud_run_v2_worker_pool",
	"google_cloud_run_service",
	"google_cloud_run_domain_mapping",
	"google_cloudfunctions2_function",
	"google_cloudfunctions_function",
	"google_app_engine_standard_app_version",
})

test_no_part_networks if no_part({
	"google_compute_instance",
	"google_compute_instance_template",
	"google_compute_project_metadata",
	"google_compute_project_metadata_item",
	"google_compute_network_peering",
	"google_compute_vpn_tunnel",
	"google_compute_router_nat",
	"google_compute_firewall_policy_rule",
	"google_compute_network_firewall_policy",
	"google_compute_security_policy_rule",
	"google_compute_target_http_proxy",
	"google_compute_forwarding_rule",
	"google_compute_backend_bucket",
	"google_compute_backend_service_signed_url_key",
	"google_compute_shared_vpc_service_project",
	"google_compute_route",
	"google_container_cluster",
	"google_dataflow_job",
	"google_workflows_workflow",
})

test_no_part_data if no_part({
	"google_eventarc_trigger",
	"google_cloud_tasks_queue",
	"google_pubsub_subscription",
	"google_cloudbuild_worker_pool",
	"google_cloudbuildv2_connection",
	"google_logging_project_sink",
	"google_logging_organization_exclusion",
	"google_logging_project_bucket_config",
	"google_firestore_document",
	"google_firebaserules_release",
	"google_storage_bucket_object",
	"google_storage_transfer_job",
	"google_iap_client",
	"google_resource_manager_lien",
	"google_vpc_access_connector",
	"null_resource",
	"terraform_data",
	"local_file",
	"external",
})

test_anything_else_is_told if {
	not denied("google_essential_contacts_contact", {"email": "x"})
	count(warn) == 1 with input as planned("google_essential_contacts_contact", {"email": "x"})
}

test_what_is_only_read_is_not_made if count(deny) == 0 with input as {"resource_changes": [{"address": "data.x", "mode": "data", "type": "google_secret_manager_secret_version", "change": {"after": {"secret": "x"}}}]}

test_provisioners if {
	configured := {"resource_changes": [], "configuration": {"root_module": {"resources": [{"type": "google_service_account", "provisioners": [{"type": "local-exec"}]}]}}}
	count(deny) == 1 with input as configured
}

test_other_providers if {
	every provider in ["registry.opentofu.org/hashicorp/external", "registry.terraform.io/hashicorp/null", "registry.opentofu.org/evil/google"] {
		count(deny) == 1 with input as {"resource_changes": [], "configuration": {"provider_config": {"p": {"name": "p", "full_name": provider}}}}
	}
	count(deny) == 0 with input as {"resource_changes": [], "configuration": {"provider_config": {"google": {"name": "google", "full_name": "registry.opentofu.org/hashicorp/google"}}}}
}

test_credentials_that_are_read if {
	every type in ["google_service_account_access_token", "google_service_account_id_token", "google_service_account_key", "google_client_config", "google_secret_manager_secret_version", "google_secret_manager_secret_version_access", "google_secret_manager_regional_secret_version", "google_storage_bucket_object_content", "google_apikeys_key"] {
		count(deny) == 1 with input as {"resource_changes": [], "configuration": {"root_module": {"module_calls": {"m": {"module": {"resources": [{"mode": "data", "type": type, "name": "x"}]}}}}}}
	}
}

# kept are the addresses that a plan with these actions is not refused for.
kept(plan) := {r.address | some r in plan.resource_changes} - {r.address |
	some msg in deny with input as plan
	some r in plan.resource_changes
	msg == sprintf("%s: would be deleted", [r.address])
}

deleting(types, actions) := {"resource_changes": [{"address": type, "type": type, "change": {"actions": actions, "before": {}, "after": after_of(actions)}} | some type in types]}

after_of(actions) := null if not "create" in actions

after_of(actions) := {} if "create" in actions

must_stay := {"google_firestore_database", "google_kms_crypto_key", "google_kms_key_ring", "google_firestore_backup_schedule", "google_project_iam_audit_config"}

test_what_must_stay if {
	kept(deleting(must_stay | {"google_memorystore_instance", "google_cloud_run_v2_service", "google_compute_security_policy"}, ["delete"])) == set()
	kept(deleting(must_stay, ["delete", "create"])) == set()
	kept(deleting(must_stay, ["create", "delete"])) == set()
}

test_protection_taken_away if {
	refused(valkey, object.union(ledger, {"deletion_protection_enabled": false}), "could be deleted")
	refused("google_firestore_database", {"type": "FIRESTORE_NATIVE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_ENABLED", "delete_protection_state": "DELETE_PROTECTION_DISABLED"}, "could be deleted")
	refused("google_firestore_database", {"type": "FIRESTORE_NATIVE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_ENABLED"}, "could be deleted")
	refused("google_firestore_database", {"type": "FIRESTORE_NATIVE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_ENABLED", "delete_protection_state": "DELETE_PROTECTION_ENABLED", "deletion_policy": "DELETE"}, "could be deleted")
	refused("google_kms_crypto_key", {"version_template": [{"algorithm": "RSA_SIGN_PKCS1_4096_SHA256", "protection_level": "HSM"}], "deletion_policy": "DELETE"}, "could be deleted")
	some msg in deny with input as {"resource_changes": [{"address": "x", "type": run, "change": {"before": {"deletion_protection": true}, "after": object.union(service("Acquire", true), {"deletion_protection": false})}}]}
	contains(msg, "could be deleted")
}

test_protection_that_is_yet_to_come if {
	unprotected := object.union(service("Acquire", true), {"deletion_protection": false})
	not denied(run, unprotected)
	count(warn) == 1 with input as planned(run, unprotected)
}
