package main

import rego.v1

# told_so is a function's service that is told these variables.
told_so(function_name, variables) := {"address": sprintf("run.%s", [function_name]), "type": run, "change": {"after": object.union(service(title(function_name), function_name != "reaper"), {
	"name": sprintf("licenses-%s", [function_name]), "project": "acme-licenses", "location": "us-central1",
	"template": [{
		"service_account": sprintf("licenses-%s@acme-licenses.iam.gserviceaccount.com", [function_name]),
		"containers": [object.union(container(title(function_name)), {"env": array.concat(
			[{"name": "FUNCTION_TARGET", "value": title(function_name)}],
			[{"name": name, "value": value} | some name, value in variables],
		)})],
	}],
})}}

title(function_name) := concat("", [upper(substring(function_name, 0, 1)), substring(function_name, 1, -1)])

keys := {"KMS_KEY": key, "KMS_ENCRYPTION_KEY": delegation_key}

# Services and the grants of signing, as the module plans them for each value of
# token_signing; change replaces grants by name, null leaves one out.
signing_plan(public_ones, reaper, change) := {"resource_changes": array.concat(
	[in_project, told_so("acquire", public_ones), told_so("heartbeat", public_ones), told_so("reaper", reaper)],
	[{"address": name, "type": "google_kms_crypto_key_iam_binding", "change": {"after": after}} |
		some name, after in object.union(granted_by_default, change)
		after != null
	],
)}

granted_by_default := {name: agreed_grants[name][1] | some name in {"certifier", "encrypters", "decrypters", "public keys"}}

delegated(change) := signing_plan(object.union(keys, {"TOKEN_SIGNING": "delegated"}), object.union(keys, {"TOKEN_SIGNING": "delegated"}), change)

by_kms_alone(change) := signing_plan(
	{"KMS_KEY": key, "TOKEN_SIGNING": "kms"}, {"TOKEN_SIGNING": "kms"},
	object.union({"certifier": agreed_grants.signers[1], "encrypters": null, "decrypters": null}, change),
)

migrating(change) := signing_plan(
	object.union(keys, {"TOKEN_SIGNING": "kms"}), object.union(keys, {"TOKEN_SIGNING": "delegated"}),
	object.union({"certifier": {"members": [account("acquire"), account("heartbeat"), account("reaper")]}}, change),
)

test_each_way_to_sign_as_it_is if {
	every plan in [delegated({}), by_kms_alone({}), migrating({})] {
		count(deny) == 0 with input as plan
	}
}

test_the_step_between_is_told if {
	count(warn) == 2 with input as migrating({})
	count(warn) == 0 with input as delegated({})
	count(warn) == 0 with input as by_kms_alone({})
}

members_of(name, functions_named) := {name: object.union(agreed_grants[name][1], {"members": [account(f) | some f in functions_named]})}

# What a plan with delegations is refused for, and by which sentence.
hostile_delegated := {
	"heartbeat may sign": [members_of("certifier", ["reaper", "heartbeat"]), "heartbeat signs by delegations"],
	"acquire may sign": [members_of("certifier", ["acquire"]), "acquire signs by delegations"],
	"the reaper may decrypt": [members_of("decrypters", ["acquire", "reaper"]), "licenses-reaper@acme-licenses.iam.gserviceaccount.com may not have roles/cloudkms.cryptoKeyDecrypter"],
	"one account both encrypts and decrypts": [members_of("decrypters", ["reaper"]), "reaper may not have roles/cloudkms.cryptoKeyDecrypter beside roles/cloudkms.cryptoKeyEncrypter"],
	"one account both signs and decrypts": [members_of("certifier", ["reaper", "acquire"]), "acquire may not have roles/cloudkms.cryptoKeyDecrypter beside roles/cloudkms.signer"],
	"heartbeat may encrypt": [members_of("encrypters", ["reaper", "heartbeat"]), "licenses-heartbeat@acme-licenses.iam.gserviceaccount.com may not have roles/cloudkms.cryptoKeyEncrypter"],
	"the key of delegations is public": [{"decrypters": object.union(agreed_grants.decrypters[1], {"members": ["allUsers"]})}, "allUsers may not have"],
}

test_hostile_plans_with_delegations if {
	every _, hostile_plan in hostile_delegated {
		some msg in deny with input as delegated(hostile_plan[0])
		contains(msg, hostile_plan[1])
	}
}

# A variable that is left out means delegated, which is the code's default.
test_signing_is_delegated_unless_said if {
	some msg in deny with input as signing_plan(keys, keys, members_of("certifier", ["reaper", "acquire"]))
	contains(msg, "acquire signs by delegations")
}

test_hostile_plans_by_kms if {
	some msg in deny with input as by_kms_alone(members_of("certifier", ["acquire", "reaper"]))
	contains(msg, "the reaper makes no delegations")
	some other in deny with input as by_kms_alone(members_of("decrypters", ["acquire"]))
	contains(other, "acquire may not have roles/cloudkms.cryptoKeyDecrypter beside roles/cloudkms.signer")
}

# Before there are services, the grants tell: those of one way, never of both.
test_without_services if {
	every name in ["heartbeat", "acquire"] {
		some msg in deny with input as all_planned(object.union(
			{n: agreed_grants[n] | some n in {"encrypters", "decrypters"}},
			{"signer": ["google_kms_crypto_key_iam_binding", members_of("certifier", ["reaper", name]).certifier]},
		))
		contains(msg, sprintf("%s signs by delegations", [name]))
	}
}

test_functions_of_one_key if {
	other := object.union(keys, {"KMS_ENCRYPTION_KEY": "projects/acme-licenses/locations/europe-west1/keyRings/licenses/cryptoKeys/delegations"})
	some msg in deny with input as signing_plan(keys, other, {})
	contains(msg, "told different KMS_ENCRYPTION_KEY")
}
