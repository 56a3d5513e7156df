package main

import rego.v1

account(name) := sprintf("serviceAccount:licenses-%s@acme-licenses.iam.gserviceaccount.com", [name])

key := "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"

delegation_key := "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"

narrowed(expression) := [{"title": "t", "expression": expression}]

only_record := narrowed(`resource.name == "projects/acme-licenses/databases/(default)"`)

ledger_name := "projects/acme-licenses/locations/us-central1/instances/licenses"

# Every row of the table, as the module binds it.
agreed_grants := {
	"images": ["google_artifact_registry_repository_iam_member", {"project": "acme-licenses", "location": "us-central1", "repository": "licenses", "role": "roles/artifactregistry.writer", "member": account("build")}],
	"signers": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "roles/cloudkms.signer", "members": [account("acquire"), account("heartbeat")]}],
	"certifier": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "roles/cloudkms.signer", "members": [account("reaper")]}],
	"encrypters": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": delegation_key, "role": "roles/cloudkms.cryptoKeyEncrypter", "members": [account("reaper")]}],
	"decrypters": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": delegation_key, "role": "roles/cloudkms.cryptoKeyDecrypter", "members": [account("acquire"), account("heartbeat")]}],
	"public keys": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "roles/cloudkms.publicKeyViewer", "members": [account("acquire"), account("heartbeat")]}],
	"versions": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "projects/acme-licenses/roles/licenses.keyVersionLister", "members": [account("reaper"), account("control")]}],
	"rotation": ["google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "projects/acme-licenses/roles/licenses.keyRotator", "members": [account("rotation")]}],
	"acts as": ["google_service_account_iam_member", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-reaper@acme-licenses.iam.gserviceaccount.com", "role": "roles/iam.serviceAccountUser", "member": account("build")}],
	"logs": ["google_project_iam_member", {"project": "acme-licenses", "role": "roles/logging.logWriter", "member": account("build")}],
	"metrics": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.metricReader", "member": account("build")}],
	"rules": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.rulesPublisher", "member": account("build")}],
	"revocation at the customers' door": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.revocationReader", "member": account("admin")}],
	"users at the vendor's door": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.userAdministrator", "member": account("control")}],
	"users": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.userAdministrator", "member": account("admin")}],
	"machines at the vendor's door": ["google_service_account_iam_member", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-control@acme-licenses.iam.gserviceaccount.com", "role": "projects/acme-licenses/roles/licenses.machineSigner", "member": account("control")}],
	"machines": ["google_service_account_iam_member", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-admin@acme-licenses.iam.gserviceaccount.com", "role": "projects/acme-licenses/roles/licenses.machineSigner", "member": account("admin")}],
	"record of the customers' door": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.recordUser", "member": account("admin"), "condition": only_record}],
	"ledger of the customers' door": ["google_project_iam_member", {"project": "acme-licenses", "role": "roles/memorystore.dbConnectionUser", "member": account("admin"), "condition": narrowed(sprintf(`resource.name == "%s"`, [ledger_name]))}],
	"log key of the customers' door": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-log-key", "role": "roles/secretmanager.secretAccessor", "member": account("admin")}],
	"releases of the customers' door": ["google_cloud_run_v2_service_iam_member", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-admin", "role": "roles/run.developer", "member": account("build")}],
	"acts as the customers' door": ["google_service_account_iam_member", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-admin@acme-licenses.iam.gserviceaccount.com", "role": "roles/iam.serviceAccountUser", "member": account("build")}],
	"revocation": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.revocationReader", "member": account("acquire")}],
	"record": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.recordUser", "member": account("release"), "condition": only_record}],
	"ledger": ["google_project_iam_member", {"project": "acme-licenses", "role": "roles/memorystore.dbConnectionUser", "member": account("reaper"), "condition": narrowed(sprintf(`resource.name == "%s" || resource.name.startsWith("%s/") || resource.name.startsWith("%s-")`, [ledger_name, ledger_name, ledger_name]))}],
	"ledger, one instance": ["google_project_iam_member", {"project": "acme-licenses", "role": "roles/memorystore.viewer", "member": account("acquire"), "condition": narrowed(sprintf(`resource.name == "%s" || resource.name.startsWith("%s/")`, [ledger_name, ledger_name]))}],
	"releases": ["google_cloud_run_v2_service_iam_member", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-acquire", "role": "roles/run.developer", "member": account("build")}],
	"invoker": ["google_cloud_run_v2_service_iam_binding", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-reaper", "role": "roles/run.invoker", "members": [account("scheduler")]}],
	"staff": ["google_cloud_run_v2_service_iam_binding", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-control", "role": "roles/run.invoker", "members": ["group:licensing@acme.example", "serviceAccount:billing@acme-billing.iam.gserviceaccount.com", account("billing")]}],
	"deletions": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.recordDeleter", "member": account("control"), "condition": only_record}],
	"canary": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-canary", "role": "roles/secretmanager.secretAccessor", "member": account("build")}],
	"log key of the vendor's door": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-log-key", "role": "roles/secretmanager.secretAccessor", "member": account("control")}],
	"log key": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-log-key", "role": "roles/secretmanager.secretAccessor", "member": account("release")}],
	"record of deliver": ["google_project_iam_member", {"project": "acme-licenses", "role": "projects/acme-licenses/roles/licenses.recordUser", "member": account("deliver"), "condition": only_record}],
	"topic": ["google_pubsub_topic_iam_binding", {"project": "acme-licenses", "topic": "licenses-events", "role": "roles/pubsub.publisher", "members": [account("deliver")]}],
	"invoker of deliver": ["google_cloud_run_v2_service_iam_binding", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-deliver", "role": "roles/run.invoker", "members": [account("scheduler")]}],
	"webhook key": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-webhook-key", "role": "roles/secretmanager.secretAccessor", "member": account("deliver")}],
	"webhook key of the vendor's door": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-webhook-key", "role": "roles/secretmanager.secretAccessor", "member": account("control")}],
	"webhook key of the customers' door": ["google_secret_manager_secret_iam_member", {"project": "acme-licenses", "secret_id": "licenses-webhook-key", "role": "roles/secretmanager.secretAccessor", "member": account("admin")}],
	"releases of deliver": ["google_cloud_run_v2_service_iam_member", {"project": "acme-licenses", "location": "us-central1", "name": "licenses-deliver", "role": "roles/run.developer", "member": account("build")}],
	"acts as deliver": ["google_service_account_iam_member", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-deliver@acme-licenses.iam.gserviceaccount.com", "role": "roles/iam.serviceAccountUser", "member": account("build")}],
	"source": ["google_storage_bucket_iam_member", {"bucket": "acme-licenses-licenses-source", "role": "roles/storage.objectViewer", "member": account("build")}],
}

# Each of the two ways to sign has its own (signing_test.rego), and all else is the same.
by_delegations := {"certifier", "encrypters", "decrypters"}

test_agreed_grants_pass if {
	every others in [by_delegations, {"signers"}] {
		kept_grants := object.remove(agreed_grants, others)
		passed(kept_grants) == object.keys(kept_grants)
	}
}

# The whole table at once: nothing is agreed that no test has.
test_every_row_is_tested if {
	{row | some row, _ in grants} == {bare(grant[1].role) | some _, grant in agreed_grants}
}

changed(name, change) := object.union(agreed_grants[name][1], change)

# hostile are grants that differ from an agreed one in what is named.
hostile(changes) := {name: [agreed_grants[change[0]][0], changed(change[0], change[1])] | some name, change in changes}

# Bound on something else.
bound_elsewhere := {
	"signer on another key": ["signers", {"crypto_key_id": "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/backups"}],
	"signer on another ring": ["signers", {"crypto_key_id": "projects/acme-licenses/locations/us-central1/keyRings/payments/cryptoKeys/license-tokens"}],
	"signer on a key of another project": ["signers", {"crypto_key_id": "projects/acme-payments/locations/us-central1/keyRings/licenses/cryptoKeys/license-tokens"}],
	"signer on a key not known": ["signers", {"crypto_key_id": null}],
	"encrypts with the key of license tokens": ["encrypters", {"crypto_key_id": key}],
	"decrypts with the key of license tokens": ["decrypters", {"crypto_key_id": key}],
	"signs with the key of delegations": ["certifier", {"crypto_key_id": delegation_key}],
	"decrypts with another key": ["decrypters", {"crypto_key_id": "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/backups"}],
	"decrypts for another project": ["decrypters", {"crypto_key_id": "projects/acme-payments/locations/us-central1/keyRings/licenses/cryptoKeys/delegations"}],
	"rotation of the key of delegations": ["rotation", {"crypto_key_id": delegation_key}],
	"rotation of another key": ["rotation", {"crypto_key_id": "projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/x"}],
	"images of another repository": ["images", {"repository": "base-images"}],
	"images of another project": ["images", {"project": "acme-shared"}],
	"acts as the default account": ["acts as", {"service_account_id": "projects/acme-licenses/serviceAccounts/123-compute@developer.gserviceaccount.com"}],
	"acts as the rotation": ["acts as", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-rotation@acme-licenses.iam.gserviceaccount.com"}],
	"acts as whole project": ["acts as", {"service_account_id": "projects/acme-licenses"}],
	"reads the state": ["source", {"bucket": "acme-licenses-terraform"}],
	"reads another bucket": ["source", {"bucket": "acme-payments-licenses-source"}],
	"reads a sign-in secret": ["canary", {"secret_id": "licenses-google-client-secret"}],
	"a function reads the canary's account": ["log key", {"secret_id": "licenses-canary"}],
	"a build reads the log's key": ["canary", {"secret_id": "licenses-log-key"}],
	"the reaper reads the log's key": ["log key", {"member": account("reaper")}],
	"releases another service": ["releases", {"name": "billing"}],
	"invokes a public function": ["invoker", {"name": "licenses-acquire"}],
	"the scheduler invokes the customers' door": ["invoker", {"name": "licenses-admin"}],
	"staff invoke the customers' door": ["staff", {"name": "licenses-admin"}],
	"the customers' door reads the canary's account": ["log key of the customers' door", {"secret_id": "licenses-canary"}],
	"the customers' door reads a sign-in secret": ["log key of the customers' door", {"secret_id": "licenses-google-client-secret"}],
	"users of another project": ["users", {"project": "acme-payments"}],
	"the scheduler opens the vendor's door": ["invoker", {"name": "licenses-control"}],
	"staff invoke the reaper": ["staff", {"name": "licenses-reaper"}],
	"staff invoke something else": ["staff", {"name": "billing"}],
	"staff of another project": ["staff", {"project": "acme-payments"}],
	"logs of another project": ["logs", {"project": "acme-audit"}],
	"deliver publishes to another topic": ["topic", {"topic": "payments-events"}],
	"deliver publishes to a topic that only begins so": ["topic", {"topic": "licenses-events-2"}],
	"deliver publishes to a topic of another project": ["topic", {"project": "acme-payments"}],
	"deliver publishes to a topic not known": ["topic", {"topic": null}],
	"deliver reads the log's key": ["webhook key", {"secret_id": "licenses-log-key"}],
	"deliver reads the canary's account": ["webhook key", {"secret_id": "licenses-canary"}],
	"deliver reads a sign-in secret": ["webhook key", {"secret_id": "licenses-google-client-secret"}],
	"deliver reads another service's key": ["webhook key", {"secret_id": "payments-webhook-key"}],
	"staff invoke deliver": ["staff", {"name": "licenses-deliver"}],
}

test_bound_elsewhere if passed(hostile(bound_elsewhere)) == set()

# Conditions that narrow nothing, or something else.
narrowed_too_little := {
	"no condition": ["record", {"condition": []}],
	"deletes everywhere": ["deletions", {"condition": []}],
	"a condition that holds": ["record", {"condition": narrowed("true")}],
	"or true": ["record", {"condition": narrowed(`resource.name == "projects/acme-licenses/databases/(default)" || true`)}],
	"anything but": ["record", {"condition": narrowed(`resource.name != "projects/acme-licenses/databases/(default)"`)}],
	"names that begin so": ["record", {"condition": narrowed(`resource.name.startsWith("projects/acme-licenses/d")`)}],
	"every database": ["record", {"condition": narrowed(`resource.name.startsWith("projects/acme-licenses/databases/")`)}],
	"another project's database": ["record", {"condition": narrowed(`resource.name == "projects/acme-payments/databases/(default)"`)}],
	"by type": ["record", {"condition": narrowed(`resource.type == "firestore.googleapis.com/Database"`)}],
	"by time": ["record", {"condition": narrowed(`request.time < timestamp("2030-01-01T00:00:00Z")`)}],
	"by name's end": ["record", {"condition": narrowed(`resource.name.endsWith("(default)")`)}],
	"by expression": ["record", {"condition": narrowed(`resource.name.matches(".*")`)}],
	"a comment after it": ["record", {"condition": narrowed("resource.name == \"projects/acme-licenses/databases/(default)\" || true //\"")}],
	"two conditions": ["record", {"condition": array.concat(only_record, only_record)}],
	"every instance": ["ledger", {"condition": narrowed(`resource.name.startsWith("projects/acme-licenses/locations/us-central1/instances/")`)}],
	"instances that begin so": ["ledger", {"condition": narrowed(`resource.name.startsWith("projects/acme-licenses/locations/us-central1/instances/lic")`)}],
	"the customers' door at another instance": ["ledger of the customers' door", {"condition": narrowed(`resource.name == "projects/acme-licenses/locations/us-central1/instances/payments"`)}],
	"the customers' door at every instance": ["ledger of the customers' door", {"condition": []}],
	"the customers' door in another database": ["record of the customers' door", {"condition": narrowed(`resource.name == "projects/acme-payments/databases/(default)"`)}],
	"the customers' door in every database": ["record of the customers' door", {"condition": []}],
	"deliver in every database": ["record of deliver", {"condition": []}],
	"deliver in another database": ["record of deliver", {"condition": narrowed(`resource.name == "projects/acme-payments/databases/(default)"`)}],
	"another instance": ["ledger", {"condition": narrowed(`resource.name == "projects/acme-licenses/locations/us-central1/instances/payments"`)}],
	"one way is too wide": ["ledger", {"condition": narrowed(sprintf(`resource.name == "%s" || resource.name.startsWith("projects/")`, [ledger_name]))}],
}

test_narrowed_too_little if passed(hostile(narrowed_too_little)) == set()

# Given to somebody else.
given_elsewhere := {
	"everybody": ["releases", {"member": "allUsers"}],
	"everybody with an account": ["source", {"member": "allAuthenticatedUsers"}],
	"a person": ["canary", {"member": "user:eve@acme.example"}],
	"a group": ["images", {"member": "group:dev@acme.example"}],
	"a domain": ["logs", {"member": "domain:acme.example"}],
	"owners of a project": ["source", {"member": "projectOwner:acme-licenses"}],
	"anybody of a workload pool": ["acts as", {"member": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*"}],
	"one of a workload pool": ["acts as", {"member": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/x"}],
	"a deleted account": ["canary", {"member": "deleted:serviceAccount:licenses-build@acme-licenses.iam.gserviceaccount.com?uid=1"}],
	"everybody decrypts delegations": ["decrypters", {"members": ["allUsers"]}],
	"everybody with an account decrypts delegations": ["decrypters", {"members": ["allAuthenticatedUsers"]}],
	"everybody encrypts delegations": ["encrypters", {"members": [account("reaper"), "allUsers"]}],
	"a person decrypts delegations": ["decrypters", {"members": [account("acquire"), "user:eve@acme.example"]}],
	"the reaper decrypts delegations": ["decrypters", {"members": [account("acquire"), account("reaper")]}],
	"release decrypts delegations": ["decrypters", {"members": [account("release")]}],
	"acquire encrypts delegations": ["encrypters", {"members": [account("reaper"), account("acquire")]}],
	"the rotation signs": ["certifier", {"members": [account("rotation")]}],
	"the build certifies": ["certifier", {"members": [account("reaper"), account("build")]}],
	"another function": ["signers", {"members": [account("acquire"), account("release")]}],
	"everybody opens the vendor's door": ["staff", {"members": ["group:licensing@acme.example", "allUsers"]}],
	"everybody with an account opens it": ["staff", {"members": ["allAuthenticatedUsers"]}],
	"a person opens it": ["staff", {"members": ["user:eve@acme.example"]}],
	"a domain opens it": ["staff", {"members": ["domain:acme.example"]}],
	"a workload pool opens it": ["staff", {"members": ["principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*"]}],
	"a function opens it": ["staff", {"members": [account("acquire")]}],
	"itself opens it": ["staff", {"members": [account("control")]}],
	"the build opens it": ["staff", {"members": [account("build")]}],
	"the default account opens it": ["staff", {"members": ["serviceAccount:123-compute@developer.gserviceaccount.com"]}],
	"nobody opens it": ["staff", {"members": []}],
	"release deletes": ["deletions", {"member": account("release")}],
	"the customers' door deletes": ["deletions", {"member": account("admin")}],
	"the customers' door signs": ["signers", {"members": [account("acquire"), account("admin")]}],
	"the customers' door certifies": ["certifier", {"members": [account("reaper"), account("admin")]}],
	"the customers' door encrypts delegations": ["encrypters", {"members": [account("admin")]}],
	"the customers' door decrypts delegations": ["decrypters", {"members": [account("acquire"), account("admin")]}],
	"the customers' door reads public keys": ["public keys", {"members": [account("acquire"), account("admin")]}],
	"the customers' door lists versions": ["versions", {"members": [account("reaper"), account("admin")]}],
	"the customers' door adds versions": ["rotation", {"members": [account("admin")]}],
	"the customers' door opens the vendor's": ["staff", {"members": [account("admin")]}],
	"the customers' door fires the reaper": ["invoker", {"members": [account("scheduler"), account("admin")]}],
	"the customers' door releases itself": ["releases of the customers' door", {"member": account("admin")}],
	"the customers' door acts as the vendor's": ["acts as", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-control@acme-licenses.iam.gserviceaccount.com", "member": account("admin")}],
	"everybody releases the customers' door": ["releases of the customers' door", {"member": "allUsers"}],
	"everybody acts as the customers' door": ["acts as the customers' door", {"member": "allAuthenticatedUsers"}],
	"everybody administers users": ["users", {"member": "allUsers"}],
	"heartbeat administers users": ["users", {"member": account("heartbeat")}],
	"the reaper administers users": ["users", {"member": account("reaper")}],
	"a person administers users": ["users", {"member": "user:eve@acme.example"}],
	"another service's door administers users": ["users", {"member": "serviceAccount:payments-admin@acme-licenses.iam.gserviceaccount.com"}],
	"the customers' door signs as the vendor's": ["machines at the vendor's door", {"member": account("admin")}],
	"the vendor's door signs as the build": ["machines at the vendor's door", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-build@acme-licenses.iam.gserviceaccount.com"}],
	"acquire signs machines in": ["machines", {"service_account_id": "projects/acme-licenses/serviceAccounts/licenses-acquire@acme-licenses.iam.gserviceaccount.com", "member": account("acquire")}],
	"everybody signs machines in": ["machines", {"member": "allUsers"}],
	"acquire administers users": ["users", {"member": account("acquire")}],
	"the build administers users": ["users", {"member": account("build")}],
	"deliver connects to the ledger": ["ledger of the customers' door", {"member": account("deliver")}],
	"deliver finds the ledger": ["ledger, one instance", {"member": account("deliver")}],
	"deliver deletes": ["deletions", {"member": account("deliver")}],
	"deliver signs": ["signers", {"members": [account("acquire"), account("deliver")]}],
	"deliver certifies": ["certifier", {"members": [account("reaper"), account("deliver")]}],
	"deliver encrypts delegations": ["encrypters", {"members": [account("deliver")]}],
	"deliver decrypts delegations": ["decrypters", {"members": [account("acquire"), account("deliver")]}],
	"deliver reads public keys": ["public keys", {"members": [account("acquire"), account("deliver")]}],
	"deliver administers users": ["users", {"member": account("deliver")}],
	"deliver looks at users": ["revocation", {"member": account("deliver")}],
	"deliver fires the reaper": ["invoker", {"members": [account("scheduler"), account("deliver")]}],
	"deliver fires itself": ["invoker of deliver", {"members": [account("deliver")]}],
	"deliver opens the vendor's door": ["staff", {"members": [account("deliver")]}],
	"deliver releases itself": ["releases of deliver", {"member": account("deliver")}],
	"everybody fires deliver": ["invoker of deliver", {"members": [account("scheduler"), "allUsers"]}],
	"everybody with an account fires deliver": ["invoker of deliver", {"members": ["allAuthenticatedUsers"]}],
	"a person fires deliver": ["invoker of deliver", {"members": [account("scheduler"), "user:eve@acme.example"]}],
	"everybody publishes": ["topic", {"members": [account("deliver"), "allUsers"]}],
	"acquire publishes": ["topic", {"members": [account("deliver"), account("acquire")]}],
	"the vendor's door publishes": ["topic", {"members": [account("control")]}],
	"another service's deliver publishes": ["topic", {"members": ["serviceAccount:payments-deliver@acme-licenses.iam.gserviceaccount.com"]}],
	"nobody publishes": ["topic", {"members": []}],
	"acquire reads the webhooks' key": ["webhook key", {"member": account("acquire")}],
	"the reaper reads the webhooks' key": ["webhook key", {"member": account("reaper")}],
	"the build reads the webhooks' key": ["webhook key", {"member": account("build")}],
	"everybody reads the webhooks' key": ["webhook key", {"member": "allUsers"}],
	"release looks at users": ["revocation", {"member": account("release")}],
	"a second invoker": ["invoker", {"members": [account("scheduler"), account("acquire")]}],
	"another service's account": ["signers", {"members": ["serviceAccount:payments-acquire@acme-licenses.iam.gserviceaccount.com"]}],
	"the default account": ["signers", {"members": ["serviceAccount:123-compute@developer.gserviceaccount.com"]}],
	"the same name elsewhere": ["signers", {"members": ["serviceAccount:licenses-acquire@evil-project.iam.gserviceaccount.com"]}],
	"a name that only ends so": ["signers", {"members": ["serviceAccount:licenses-evil-acquire@acme-licenses.iam.gserviceaccount.com"]}],
	"a service agent": ["canary", {"member": "serviceAccount:service-1@gcp-sa-cloudbuild.iam.gserviceaccount.com"}],
	"nobody yet": ["signers", {"members": []}],
}

test_given_elsewhere if passed(hostile(given_elsewhere)) == set()

# Another role.
other_roles := {
	"more than signing": ["signers", {"role": "roles/cloudkms.admin"}],
	"signing and verifying": ["signers", {"role": "roles/cloudkms.signerVerifier"}],
	"encrypting and decrypting": ["encrypters", {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter"}],
	"decrypting, by delegation of another service": ["decrypters", {"role": "roles/cloudkms.cryptoKeyDecrypterViaDelegation"}],
	"operating both keys": ["decrypters", {"role": "roles/cloudkms.cryptoOperator"}],
	"writing the source": ["source", {"role": "roles/storage.objectAdmin"}],
	"tokens of an account": ["acts as", {"role": "roles/iam.serviceAccountTokenCreator"}],
	"tokens of itself": ["machines", {"role": "roles/iam.serviceAccountTokenCreator"}],
	"keys of an account": ["acts as", {"role": "roles/iam.serviceAccountKeyAdmin"}],
	"who may call": ["releases", {"role": "roles/run.admin"}],
	"owner": ["logs", {"role": "roles/owner"}],
	"editor": ["logs", {"role": "roles/editor"}],
	"viewer": ["logs", {"role": "roles/viewer"}],
	"browser": ["logs", {"role": "roles/browser"}],
	"all of Firestore": ["record", {"role": "roles/datastore.owner"}],
	"all of Firebase's users and configuration": ["users", {"role": "roles/firebaseauth.admin"}],
	"all of Identity Platform": ["users", {"role": "roles/identityplatform.admin"}],
	"all of Identity Toolkit": ["users", {"role": "roles/identitytoolkit.admin"}],
	"who may call the customers' door": ["releases of the customers' door", {"role": "roles/run.admin"}],
	"calling the customers' door by a grant of its own": ["releases of the customers' door", {"role": "roles/run.invoker", "member": "allUsers"}],
	"more than publishing": ["topic", {"role": "roles/pubsub.editor"}],
	"all of Pub/Sub": ["topic", {"role": "roles/pubsub.admin"}],
	"reading the topic": ["topic", {"role": "roles/pubsub.subscriber"}],
	"publishing to every topic": ["logs", {"role": "roles/pubsub.publisher", "member": account("deliver")}],
	"adding versions of the webhooks' key": ["webhook key", {"role": "roles/secretmanager.secretVersionManager"}],
	"who else may come, by staff": ["staff", {"role": "roles/run.admin"}],
	"a custom role of another project": ["record", {"role": "projects/evil-project/roles/licenses.recordUser"}],
	"a custom role of another service": ["record", {"role": "projects/acme-licenses/roles/payments.recordUser"}],
	"a custom role of the organization": ["record", {"role": "organizations/1/roles/licenses.recordUser"}],
	"a custom role without a service": ["record", {"role": "projects/acme-licenses/roles/recordUser"}],
	"a role without a kind": ["record", {"role": "recordUser"}],
	"a role not known": ["record", {"role": null}],
	"signing for the whole project": ["logs", {"role": "roles/cloudkms.signer", "member": account("acquire")}],
}

test_other_roles if passed(hostile(other_roles)) == set()

# Grants by resources that are not in the table: all of them, however they are called.
other_grants := {
	"google_project_iam_binding", "google_project_iam_policy", "google_project_iam_member_remove",
	"google_kms_key_ring_iam_member", "google_kms_crypto_key_iam_member", "google_kms_crypto_key_iam_policy",
	"google_storage_bucket_iam_binding", "google_storage_bucket_iam_policy",
	"google_service_account_iam_binding", "google_service_account_iam_policy",
	"google_cloud_run_v2_service_iam_policy", "google_secret_manager_secret_iam_binding",
	"google_artifact_registry_repository_iam_binding", "google_cloud_run_service_iam_member",
	"google_organization_iam_member", "google_organization_iam_binding", "google_organization_iam_policy",
	"google_folder_iam_member", "google_folder_iam_policy", "google_billing_account_iam_member",
	"google_pubsub_topic_iam_member", "google_pubsub_topic_iam_policy", "google_pubsub_subscription_iam_member", "google_compute_subnetwork_iam_member", "google_iap_web_iam_member",
}

granting(after) := {type: [type, object.union({"project": "acme-licenses", "crypto_key_id": key, "member": account("acquire")}, after)] | some type in other_grants}

test_other_resources_grant_no_key if passed(granting({"role": "roles/cloudkms.signer"})) == set()

test_other_resources_grant_no_project if passed(granting({"role": "roles/logging.logWriter"})) == set()

test_other_resources_grant_no_policy if passed({type: [type, {"policy_data": "{}"}] | some type in other_grants}) == set()

test_nobody_knows_who if {
	refused("google_kms_crypto_key_iam_binding", {"crypto_key_id": key, "role": "roles/cloudkms.signer"}, "nobody can see")
	refused("google_project_iam_member", {"project": "acme-licenses", "role": "roles/logging.logWriter", "member": null}, "nobody can see")
}

test_says_what_is_wrong if {
	refused("google_kms_crypto_key_iam_binding", changed("signers", {"members": [account("release")]}), "licenses-release@acme-licenses.iam.gserviceaccount.com may not have roles/cloudkms.signer")
	refused("google_storage_bucket_iam_member", changed("source", {"bucket": "acme-licenses-terraform"}), "bucket acme-licenses-terraform")
	refused("google_project_iam_member", changed("logs", {"role": "roles/owner"}), "may not be granted here")
}

# The record that is planned, and the region: grants must be about them.
planned_with(others, type, after) := object.union(planned(type, after), {"resource_changes": array.concat(planned(type, after).resource_changes, others)})

test_of_the_planned_database if {
	database := [{"address": "d", "type": "google_firestore_database", "change": {"after": {"project": "acme-licenses", "name": "licenses", "type": "FIRESTORE_NATIVE", "point_in_time_recovery_enablement": "POINT_IN_TIME_RECOVERY_ENABLED", "delete_protection_state": "DELETE_PROTECTION_ENABLED"}}}]
	count(deny) == 1 with input as planned_with(database, "google_project_iam_member", agreed_grants.record[1])
	count(deny) == 0 with input as planned_with(database, "google_project_iam_member", changed("record", {"condition": narrowed(`resource.name == "projects/acme-licenses/databases/licenses"`)}))
}

test_of_the_planned_service if {
	control := [{"address": "s", "type": run, "change": {"after": door("STAFF_ACCOUNTS", "@acme.example")}}]
	count(deny) == 0 with input as planned_with(control, agreed_grants.staff[0], agreed_grants.staff[1])
	every change in [{"name": "payments-control"}, {"project": "acme-payments"}] {
		count(deny) > 0 with input as planned_with(control, agreed_grants.staff[0], changed("staff", change))
	}
}

test_of_the_planned_region if {
	ring := [{"address": "r", "type": "google_kms_key_ring", "change": {"after": {"location": "europe-west1"}}}]
	every name in ["signers", "images", "ledger", "releases"] {
		count(deny) > 0 with input as planned_with(ring, agreed_grants[name][0], agreed_grants[name][1])
	}
}

test_an_exempt_member if refused("google_project_iam_audit_config", {"service": "cloudkms.googleapis.com", "audit_log_config": [{"log_type": "DATA_READ", "exempted_members": [account("acquire")]}]}, "exempt")

custom := "google_project_iam_custom_role"

test_custom_roles if {
	agreed_roles := {name: [custom, {"role_id": sprintf("licenses.%s", [name]), "permissions": held_permissions}] | some name, held_permissions in permissions}
	passed(agreed_roles) == object.keys(agreed_roles)
	refused(custom, {"role_id": "licenses.keyRotator", "permissions": ["cloudkms.cryptoKeyVersions.create", "cloudkms.cryptoKeyVersions.destroy"]}, "cryptoKeyVersions.destroy")
	refused("google_organization_iam_custom_role", {"role_id": "recordUser", "permissions": ["datastore.entities.get"]}, "no part of the service")
}

test_custom_roles_that_grew if {
	passed({permission: [custom, {"role_id": role_id, "permissions": ["datastore.entities.get", permission]}] |
		some permission in ["run.services.update", "run.services.setIamPolicy", "iam.serviceAccounts.getAccessToken", "iam.roles.update", "resourcemanager.projects.setIamPolicy"]
		some role_id in ["licenses.recordUser"]
	}) == set()
	passed({permission: [custom, {"role_id": "licenses.userAdministrator", "permissions": ["firebaseauth.users.get", permission]}] |
		some permission in ["firebaseauth.users.createSession", "firebaseauth.configs.get", "firebaseauth.configs.getSecret", "firebaseauth.configs.update", "firebaseauth.configs.getHashConfig", "identitytoolkit.tenants.setIamPolicy"]
	}) == set()
	passed({permission: [custom, {"role_id": "licenses.machineSigner", "permissions": ["iam.serviceAccounts.signBlob", permission]}] |
		some permission in ["iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt", "iam.serviceAccountKeys.create"]
	}) == set()
	passed({"new": [custom, {"role_id": "licenses.somethingNew", "permissions": ["run.services.get"]}], "unknown": [custom, {"role_id": "licenses.recordUser"}], "none": [custom, {"role_id": "licenses.recordUser", "permissions": []}]}) == set()
}

test_accounts if {
	passed({name: ["google_service_account", {"project": "acme-licenses", "account_id": sprintf("licenses-%s", [name])}] | some name in accounts}) == accounts
	refused("google_service_account", {"project": "acme-licenses", "account_id": "helper"}, "no account of the service")
}

test_several_projects if count(deny) == 1 with input as {"resource_changes": [in_project_x("a"), in_project_x("b")]}

in_project_x(project) := {"address": project, "type": "google_project_service", "change": {"after": {"project": project}}}
