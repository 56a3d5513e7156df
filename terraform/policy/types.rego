# What a plan may have at all. The types that the service is made of are judged by
# the other pages. Of the rest, whatever gives access, runs code or moves data is
# refused; anything else is told, because nobody has judged it.
package main

import rego.v1

service_types := {
	"google_artifact_registry_repository", "google_artifact_registry_repository_iam_member",
	"google_billing_budget",
	"google_certificate_manager_certificate", "google_certificate_manager_certificate_map",
	"google_certificate_manager_certificate_map_entry", "google_certificate_manager_dns_authorization",
	"google_cloud_run_v2_service", "google_cloud_run_v2_service_iam_binding", "google_cloud_run_v2_service_iam_member",
	"google_cloud_scheduler_job", "google_cloudbuild_trigger",
	"google_compute_backend_service", "google_compute_global_address", "google_compute_global_forwarding_rule",
	"google_compute_network", "google_compute_region_network_endpoint_group", "google_compute_security_policy",
	"google_compute_ssl_policy", "google_compute_subnetwork", "google_compute_target_https_proxy", "google_compute_url_map",
	"google_dns_managed_zone", "google_dns_record_set",
	"google_firestore_backup_schedule", "google_firestore_database", "google_firestore_field", "google_firestore_index",
	"google_identity_platform_config", "google_identity_platform_default_supported_idp_config", "google_identity_platform_tenant",
	"google_identity_platform_tenant_default_supported_idp_config",
	"google_kms_crypto_key", "google_kms_crypto_key_iam_binding", "google_kms_key_ring",
	"google_logging_metric", "google_logging_project_exclusion",
	"google_memorystore_instance",
	"google_monitoring_alert_policy", "google_monitoring_custom_service", "google_monitoring_dashboard",
	"google_monitoring_notification_channel", "google_monitoring_slo", "google_monitoring_uptime_check_config",
	"google_network_connectivity_service_connection_policy",
	"google_project_iam_audit_config", "google_project_iam_custom_role", "google_project_iam_member", "google_project_service",
	"google_pubsub_topic", "google_pubsub_topic_iam_binding",
	"google_secret_manager_secret", "google_secret_manager_secret_iam_member",
	"google_service_account", "google_service_account_iam_member",
	"google_storage_bucket", "google_storage_bucket_iam_member",
}

# What gives access, beside grants (iam.rego).
gives_access := concat("|", [
	`_iam_`, `^google_iam_`, `^google_iap_`, `service_account`, `hmac`, `_acls?$`, `access_control`, `_access_level`, `^google_access_context`,
	`workload_identity`, `workforce`, `federation`, `^google_apikeys_`, `api_key`, `_key$`, `_keys$`, `ssh`, `os_login`, `oslogin`,
	`^google_organization_`, `^google_org_policy`, `_organization_policy$`, `^google_folder`, `^google_project$`, `^google_project_default`,
	`^google_billing_(account_iam|subaccount)`, `^google_privileged_access`, `_dataset_access$`, `_authorized_`, `^google_kms_`, `^google_secret_manager_`,
	`^google_identity_platform_`, `^google_cloud_identity_`, `^google_firebaserules_`, `^google_firebase_`, `_lien$`, `_policy_rule$`,
])

# What runs code, takes traffic or opens a network.
runs_code := concat("|", [
	`^google_(app_engine|cloudfunctions|cloud_run_|cloudbuild|clouddeploy|cloud_tasks|container|gke|dataproc|dataflow|dataform|composer)`,
	`^google_(workflows|eventarc|notebooks|workbench|vertex|colab|scheduler|cloud_scheduler|batch|deployment_manager|pubsub|apigee|api_gateway|integration)`,
	`^google_compute_(instance|region_instance|autoscaler|router|route|vpn|ha_vpn|external_vpn|interconnect|network_peering|packet|shared_vpc|project_metadata)`,
	`^google_compute_(.*firewall_policy|service_attachment|network_attachment|.*forwarding_rule|.*target_|.*backend|.*endpoint|image|disk|snapshot|attached)`,
	`^google_(vpc_access|service_networking|network_services|network_security|dns_response|dns_policy|beyondcorp|tpu|vmwareengine)`,
	`^google_(sql|alloydb|spanner|bigtable|redis|memcache|filestore|bigquery|datastream|storage_transfer|data_fusion|backup_dr)`,
	`^google_logging_.*(sink|settings|bucket_config|linked_dataset|exclusion)`, `^google_(storage_bucket_object|storage_notification|firestore_document|datastore)`,
	`^(null_resource|terraform_data|external|local_|http|shell|archive_|docker_|kubernetes_|helm_|tls_|github_|aws_|azurerm_)`,
])

deny contains msg if {
	some r in input.resource_changes
	object.get(r, "mode", "managed") == "managed"
	r.change.after != null
	not r.type in service_types
	some family in [gives_access, runs_code]
	regex.match(family, r.type)
	msg := sprintf("%s: %s is no part of the service, and gives access, runs code or moves data; put it in a plan of its own", [r.address, r.type])
}

warn contains msg if {
	some r in input.resource_changes
	object.get(r, "mode", "managed") == "managed"
	r.change.after != null
	not r.type in service_types
	msg := sprintf("%s: %s is no part of the service; nobody has judged it", [r.address, r.type])
}

# Code that runs on the machine of whoever applies, and other providers, which are
# such code too.
deny contains msg if {
	some path, value
	walk(input.configuration, [path, value])
	path[count(path) - 1] == "provisioners"
	count(value) > 0
	msg := sprintf("%s: a provisioner runs code where the plan is applied", [concat(".", [sprintf("%v", [p]) | some p in path])])
}

deny contains msg if {
	some key, provider in input.configuration.provider_config
	full := object.get(provider, "full_name", provider.name)
	not regex.match(`(^|/)(hashicorp/google|builtin/terraform)$|^google$`, full)
	msg := sprintf("provider %s: %s is code that nobody has judged", [key, full])
}

# Reading a token, a key or a secret puts it into the state. Identity Platform takes the
# providers' secrets in no other way (identity.tf).
deny contains msg if {
	some path, value
	walk(input.configuration, [path, value])
	value.mode == "data"
	regex.match(`^google_(service_account_(access_token|id_token|jwt|key)|kms_secret|client_config|apikeys_key|storage_object_signed_url|storage_bucket_object_content|secret_manager_(regional_)?secret_version)`, value.type)
	not [value.type, value.name] == ["google_secret_manager_secret_version", "provider"]
	msg := sprintf("data.%s.%s: a credential would be in the state", [value.type, value.name])
}

# What protects is not taken away by the way. Procedures that need it
# (docs/operations.md) are not routine: whoever follows one sees these lines and
# knows why.
deny contains msg if {
	some r in input.resource_changes
	r.type in {
		"google_firestore_backup_schedule", "google_firestore_database", "google_kms_crypto_key", "google_kms_key_ring",
		"google_project_iam_audit_config",
	}
	"delete" in r.change.actions
	msg := sprintf("%s: would be deleted", [r.address])
}

deny contains msg if {
	some r in input.resource_changes
	r.type in {"google_cloud_run_v2_service", "google_compute_security_policy", "google_memorystore_instance"}
	r.change.actions == ["delete"]
	msg := sprintf("%s: would be deleted", [r.address])
}

deny contains msg if {
	some r in resources("google_memorystore_instance")
	r.after.deletion_protection_enabled == false
	msg := sprintf("%s: could be deleted", [r.address])
}

deny contains msg if {
	some r in resources("google_firestore_database")
	unprotected_record(r.after)
	msg := sprintf("%s: could be deleted", [r.address])
}

unprotected_record(database) if object.get(database, "delete_protection_state", "DISABLED, the default") != "DELETE_PROTECTION_ENABLED"

unprotected_record(database) if database.deletion_policy == "DELETE"

deny contains msg if {
	some r in resources("google_kms_crypto_key")
	r.after.deletion_policy in {"DELETE", "ABANDON"}
	msg := sprintf("%s: could be deleted", [r.address])
}

# A service is protected once it was ready, and stays so.
deny contains msg if {
	some r in input.resource_changes
	r.type == "google_cloud_run_v2_service"
	r.change.before.deletion_protection == true
	r.change.after.deletion_protection == false
	msg := sprintf("%s: could be deleted", [r.address])
}

# Until then it is told, so that nobody forgets.
warn contains msg if {
	some r in input.resource_changes
	r.type == "google_cloud_run_v2_service"
	r.change.after.deletion_protection == false
	not r.change.before.deletion_protection == true
	msg := sprintf("%s: can be deleted; once it is ready, set protect = { services = true }", [r.address])
}
