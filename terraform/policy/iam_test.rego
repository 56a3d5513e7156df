package main

import rego.v1

acquire := "serviceAccount:licenses-acquire@acme-licenses.iam.gserviceaccount.com"

release := "serviceAccount:licenses-release@acme-licenses.iam.gserviceaccount.com"

scheduler := "serviceAccount:licenses-scheduler@acme-licenses.iam.gserviceaccount.com"

record_grant := {"role": "projects/p/roles/licenses.recordUser", "member": acquire, "condition": [{"title": "t", "expression": "resource.name == \"projects/acme-licenses/databases/(default)\""}]}

test_agreed_grants_pass if {
	not denied("google_kms_crypto_key_iam_binding", {"role": "roles/cloudkms.signer", "members": [acquire]})
	not denied("google_cloud_run_v2_service_iam_binding", {"role": "roles/run.invoker", "members": [scheduler]})
	not denied("google_project_iam_member", record_grant)
	not denied("google_kms_crypto_key_iam_binding", {"role": "projects/p/roles/licenses.keyVersionLister", "members": [acquire]})
}

test_a_public_reaper if {
	every member in ["allUsers", "allAuthenticatedUsers", "domain:acme.example", "user:ann@acme.example"] {
		refused("google_cloud_run_v2_service_iam_binding", {"role": "roles/run.invoker", "members": [member]}, "may not have roles/run.invoker")
		denied("google_cloud_run_v2_service_iam_member", {"role": "roles/run.invoker", "member": member})
	}
}

test_a_second_invoker if denied("google_cloud_run_v2_service_iam_binding", {"role": "roles/run.invoker", "members": [scheduler, acquire]})

test_release_cannot_sign if refused("google_kms_crypto_key_iam_binding", {"role": "roles/cloudkms.signer", "members": [acquire, release]}, "licenses-release")

test_widened_roles if {
	every role in ["roles/owner", "roles/editor", "roles/datastore.owner", "roles/datastore.user", "roles/cloudkms.admin", "roles/run.admin", "roles/memorystore.admin"] {
		refused("google_project_iam_member", object.union(record_grant, {"role": role}), "may not be granted here")
	}
	denied("google_kms_crypto_key_iam_binding", {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [acquire]})
}

test_a_role_of_the_key_on_the_project if denied("google_project_iam_member", object.union(record_grant, {"role": "roles/cloudkms.signer"}))

test_a_role_of_the_key_on_the_ring if denied("google_kms_key_ring_iam_member", {"role": "roles/cloudkms.signer", "member": acquire})

test_a_grant_on_the_whole_project if refused("google_project_iam_member", object.remove(record_grant, ["condition"]), "on the whole project")

test_conditions_that_narrow_nothing if {
	every expression in ["true", "resource.name == \"projects/p/databases/d\" || true", "resource.name != \"projects/p/databases/d\"", "resource.name.startsWith(\"projects/\")"] {
		refused("google_project_iam_member", object.union(record_grant, {"condition": [{"title": "t", "expression": expression}]}), "on the whole project")
	}
}

test_an_exempt_member if refused("google_project_iam_audit_config", {"service": "cloudkms.googleapis.com", "audit_log_config": [{"log_type": "DATA_READ", "exempted_members": [acquire]}]}, "exempt")

test_a_whole_policy if denied("google_project_iam_policy", {"policy_data": "{}"})

test_the_same_name_in_another_project_is_not_ours if denied("google_kms_crypto_key_iam_binding", {"role": "roles/cloudkms.signer", "members": ["serviceAccount:licenses-acquire@evil-project.iam.gserviceaccount.com"]})

test_nobody_knows_who if refused("google_kms_crypto_key_iam_binding", {"role": "roles/cloudkms.signer"}, "nobody can see")

test_custom_roles if {
	not denied("google_project_iam_custom_role", {"role_id": "licenses.keyRotator", "permissions": ["cloudkms.cryptoKeyVersions.create"]})
	refused("google_project_iam_custom_role", {"role_id": "licenses.keyRotator", "permissions": ["cloudkms.cryptoKeyVersions.create", "cloudkms.cryptoKeyVersions.destroy"]}, "cryptoKeyVersions.destroy")
	refused("google_project_iam_custom_role", {"role_id": "licenses.somethingNew", "permissions": ["run.services.update"]}, "run.services.update")
}

test_keys_of_accounts if refused("google_service_account_key", {"service_account_id": "x"}, "no account has a key")
