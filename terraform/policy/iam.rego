# Who may be given what, on what: every grant must be in this table, so that a role
# that was widened, moved to another account or bound on another resource is refused
# without anybody having thought of that very mistake. What cannot be seen before
# the apply cannot be judged, and is refused.
package main

import rego.v1

functions := {"acquire", "admin", "control", "deliver", "heartbeat", "reaper", "release"}

# Deliver calls addresses that customers chose: it has no way to the ledger, and no right
# there either.
ledger_functions := functions - {"deliver"}

# accounts are those of the service, by the last part of their name.
accounts := functions | {"build", "rotation", "scheduler"}

# role → type of the resource it may be bound by, accounts it may be given to, and
# what it may be bound on (bound below). Roles without a slash are custom ones of
# the service.
grants := {
	"roles/artifactregistry.writer": {"type": "google_artifact_registry_repository_iam_member", "to": {"build"}, "on": "images"},
	"roles/cloudkms.cryptoKeyDecrypter": {"type": "google_kms_crypto_key_iam_binding", "to": {"acquire", "heartbeat"}, "on": "delegation key"},
	"roles/cloudkms.cryptoKeyEncrypter": {"type": "google_kms_crypto_key_iam_binding", "to": {"reaper"}, "on": "delegation key"},
	"roles/cloudkms.publicKeyViewer": {"type": "google_kms_crypto_key_iam_binding", "to": {"acquire", "heartbeat", "reaper"}, "on": "key"},
	# Who of the three, and when: signing.rego. The same of keyVersionLister.
	"roles/cloudkms.signer": {"type": "google_kms_crypto_key_iam_binding", "to": {"acquire", "heartbeat", "reaper"}, "on": "key"},
	"roles/iam.serviceAccountUser": {"type": "google_service_account_iam_member", "to": {"build"}, "on": "account"},
	"roles/logging.logWriter": {"type": "google_project_iam_member", "to": {"build"}, "on": "project"},
	"roles/memorystore.dbConnectionUser": {"type": "google_project_iam_member", "to": ledger_functions, "on": "ledger"},
	"roles/memorystore.viewer": {"type": "google_project_iam_member", "to": ledger_functions, "on": "ledger"},
	"roles/pubsub.publisher": {"type": "google_pubsub_topic_iam_binding", "to": {"deliver"}, "on": "topic"},
	"roles/run.developer": {"type": "google_cloud_run_v2_service_iam_member", "to": {"build"}, "on": "service"},
	# Of control: people and programs that are no accounts of the service (may_be_staff below).
	"roles/run.invoker": {"type": "google_cloud_run_v2_service_iam_binding", "to": {"scheduler"}, "on": "scheduled"},
	"roles/secretmanager.secretAccessor": {"type": "google_secret_manager_secret_iam_member", "to": {"build", "acquire", "admin", "control", "deliver", "heartbeat", "release"}, "on": "own secret"},
	"roles/storage.objectViewer": {"type": "google_storage_bucket_iam_member", "to": {"build"}, "on": "source"},
	"keyRotator": {"type": "google_kms_crypto_key_iam_binding", "to": {"rotation"}, "on": "key"},
	"keyVersionLister": {"type": "google_kms_crypto_key_iam_binding", "to": {"acquire", "control", "heartbeat", "reaper"}, "on": "key"},
	# No resource has these, and no condition can narrow them.
	"metricReader": {"type": "google_project_iam_member", "to": {"build"}, "on": "project"},
	"revocationReader": {"type": "google_project_iam_member", "to": {"acquire", "admin"}, "on": "project"},
	"rulesPublisher": {"type": "google_project_iam_member", "to": {"build"}, "on": "project"},
	"recordDeleter": {"type": "google_project_iam_member", "to": {"control"}, "on": "record"},
	"recordUser": {"type": "google_project_iam_member", "to": functions, "on": "record"},
	# The two doors where people are administered, and no function that programs call.
	"userAdministrator": {"type": "google_project_iam_member", "to": {"admin", "control"}, "on": "project"},
	"machineSigner": {"type": "google_service_account_iam_member", "to": {"admin", "control"}, "on": "itself"},
}

# What custom roles may hold.
permissions := {
	"keyRotator": {"cloudkms.cryptoKeyVersions.create"},
	"keyVersionLister": {"cloudkms.cryptoKeyVersions.list"},
	"machineSigner": {"iam.serviceAccounts.signBlob"},
	"metricReader": {"monitoring.timeSeries.list"},
	"recordDeleter": {"datastore.entities.delete"},
	"recordUser": {
		"datastore.databases.get",
		"datastore.entities.create",
		"datastore.entities.get",
		"datastore.entities.list",
		"datastore.entities.update",
	},
	"revocationReader": {"firebaseauth.users.get"},
	"rulesPublisher": {
		"firebaserules.releases.create",
		"firebaserules.releases.get",
		"firebaserules.releases.update",
		"firebaserules.rulesets.create",
		"firebaserules.rulesets.get",
	},
	"userAdministrator": {
		"firebaseauth.users.create",
		"firebaseauth.users.delete",
		"firebaseauth.users.get",
		"firebaseauth.users.sendEmail",
		"firebaseauth.users.update",
	},
}

is_grant(type) if regex.match(`_iam_(member|binding|policy|member_remove)$`, type)

# The projects that the plan is about: one, in any sane plan.
projects contains r.change.after.project if {
	some r in input.resource_changes
	r.type in {"google_project_service", "google_service_account", "google_cloud_run_v2_service", "google_firestore_database"}
	r.change.after.project
}

deny contains msg if {
	count(projects) > 1
	msg := sprintf("the plan is about several projects: %s", [concat(", ", sort(projects))])
}

# The regions it makes functions and keys in; none if it makes neither.
regions contains r.change.after.location if {
	some r in input.resource_changes
	r.type in {"google_kms_key_ring", "google_cloud_run_v2_service"}
	r.change.after.location
}

in_region(location) if count(regions) == 0

in_region(location) if location in regions

# Where a plan names no project by itself, a grant must be consistent: the account's
# project must be that of what it is bound on (bound).
in_plan(_) if count(projects) == 0

in_plan(project) if project in projects

# identity is a service account of this service: SERVICE-ACCOUNT@PROJECT….
identity(member) := {"service": parts[1], "account": parts[2], "project": parts[3]} if {
	parts := regex.find_all_string_submatch_n(`^serviceAccount:([a-z][a-z0-9-]*)-([a-z]+)@([a-z][a-z0-9-]+)\.iam\.gserviceaccount\.com$`, member, 1)[0]
	parts[2] in accounts
	in_plan(parts[3])
}

members(after) := {m | some m in after.members} if after.members

members(after) := {after.member} if not after.members

# name is how the table calls a role; custom roles must be the service's own.
name(role, _) := role if startswith(role, "roles/")

name(role, who) := parts[1] if {
	parts := regex.find_all_string_submatch_n(`^projects/[^/]+/roles/[a-z0-9_]+\.([A-Za-z]+)$`, role, 1)[0]
	role == sprintf("projects/%s/roles/%s.%s", [who.project, replace(who.service, "-", "_"), parts[1]])
	permissions[parts[1]]
}

# granted: this member may have this role on what it is bound on.
granted(r, member) if {
	who := identity(member)
	row := grants[name(r.change.after.role, who)]
	row.type == r.type
	who.account in row.to
	bound(row.on, r.change.after, who)
}

# Who may open the vendor's door: groups, and service accounts of programs. Never a
# function: whoever takes one over must not sell.
granted(r, member) if {
	r.type == "google_cloud_run_v2_service_iam_binding"
	r.change.after.role == "roles/run.invoker"
	control_service(r.change.after)
	may_be_staff(member)
}

control_service(after) if {
	in_plan(after.project)
	in_region(after.location)
	regex.match(`^[a-z][a-z0-9-]*-control$`, after.name)
	in_services(after.name)
}

services contains r.after.name if some r in resources("google_cloud_run_v2_service")

in_services(_) if count(services) == 0

in_services(name) if name in services

may_be_staff(member) if regex.match(`^group:[^@\s]+@([a-z0-9-]+\.)+[a-z]{2,}$`, member)

may_be_staff(member) if {
	regex.match(`^serviceAccount:[a-z0-9-]+@[a-z][a-z0-9-]+\.iam\.gserviceaccount\.com$`, member)
	not identity(member)
}

of_project(after, who) if after.project == who.project

bound("project", after, who) if of_project(after, who)

bound("key", after, who) if is_key(after.crypto_key_id, "license-tokens", who)

bound("delegation key", after, who) if is_key(after.crypto_key_id, "delegations", who)

is_key(id, key, who) if {
	parts := split(id, "/")
	in_region(parts[3])
	id == sprintf("projects/%s/locations/%s/keyRings/%s/cryptoKeys/%s", [who.project, parts[3], who.service, key])
}

bound("images", after, who) if {
	of_project(after, who)
	after.repository == who.service
	in_region(after.location)
}

bound("service", after, who) if {
	of_project(after, who)
	in_region(after.location)
	some f in functions
	after.name == sprintf("%s-%s", [who.service, f])
}

# What a schedule fires.
bound("scheduled", after, who) if {
	of_project(after, who)
	in_region(after.location)
	some f in {"deliver", "reaper"}
	after.name == sprintf("%s-%s", [who.service, f])
}

bound("topic", after, who) if {
	of_project(after, who)
	after.topic == sprintf("%s-events", [who.service])
}

bound("account", after, who) if {
	some f in functions
	after.service_account_id == sprintf("projects/%s/serviceAccounts/%s-%s@%s.iam.gserviceaccount.com", [who.project, who.service, f, who.project])
}

# Whoever signs as another account is that one.
bound("itself", after, who) if {
	after.service_account_id == sprintf("projects/%s/serviceAccounts/%s-%s@%s.iam.gserviceaccount.com", [who.project, who.service, who.account, who.project])
}

bound("source", after, who) if after.bucket == sprintf("%s-%s-source", [who.project, who.service])

# Builds sign in as the canary; the functions that people call name them in the log by
# a key; those that make webhooks, and the one that sends to them, know their secrets.
bound("own secret", after, who) if {
	of_project(after, who)
	some secret in own_secrets[who.account]
	after.secret_id == sprintf("%s-%s", [who.service, secret])
}

own_secrets := {
	"acquire": {"log-key"}, "admin": {"log-key", "webhook-key"}, "build": {"canary"}, "control": {"log-key", "webhook-key"},
	"deliver": {"webhook-key"}, "heartbeat": {"log-key"}, "release": {"log-key"},
}

# Of a record's database, by its whole name: the one that is planned, if one is.
bound("record", after, who) if {
	of_project(after, who)
	some database in databases
	condition(after) == sprintf(`resource.name == "projects/%s/databases/%s"`, [who.project, database])
}

bound("record", after, who) if {
	of_project(after, who)
	count(databases) == 0
	regex.match(sprintf(`^resource\.name == "projects/%s/databases/(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])"$`, [who.project]), condition(after))
}

databases contains r.after.name if some r in resources("google_firestore_database")

# Of the ledger, whichever generation: the instance of the service's name, what is
# below it, and those whose names begin with it and a hyphen.
bound("ledger", after, who) if {
	of_project(after, who)
	parts := split(condition(after), "/")
	in_region(parts[3])
	base := sprintf("projects/%s/locations/%s/instances/%s", [who.project, parts[3], who.service])
	ways := {
		sprintf(`resource.name == "%s"`, [base]),
		sprintf(`resource.name.startsWith("%s/")`, [base]),
		sprintf(`resource.name.startsWith("%s-")`, [base]),
	}
	every way in split(condition(after), " || ") {
		way in ways
	}
}

# condition is the one condition of a grant.
condition(after) := after.condition[0].expression if count(after.condition) == 1

deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	r.change.after != null
	not agreed(r)
	msg := sprintf("%s: %s may not be granted here; if it must be, add it to policy/iam.rego with the reason", [r.address, object.get(r.change.after, "role", "a whole policy")])
}

# agreed: the role may be bound by a resource of this type, whoever has it.
agreed(r) if grants[bare(r.change.after.role)].type == r.type

bare(role) := regex.replace(role, `^projects/[^/]+/roles/[^.]+\.`, "")

deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	agreed(r)
	some m in members(r.change.after)
	not granted(r, m)
	msg := sprintf("%s: %s may not have %s on %s", [r.address, m, r.change.after.role, target(r.change.after)])
}

# target says on what, for people; the account or the role may be what is wrong.
target(after) := concat(", ", sort([sprintf("%s %v", [key, value]) |
	some key, value in after
	key in {"bucket", "crypto_key_id", "location", "name", "project", "repository", "secret_id", "service_account_id", "topic"}
	value != null
])) if not condition(after)

target(after) := condition(after)

# A grant whose members are not known before the apply cannot be judged.
deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	r.change.after != null
	not somebody(r.change.after)
	msg := sprintf("%s: nobody can see before the apply who is given this", [r.address])
}

somebody(after) if is_string(after.member)

somebody(after) if {
	count(after.members) > 0
	every m in after.members {
		is_string(m)
	}
}

deny contains msg if {
	some r in resources("google_project_iam_audit_config")
	some c in r.after.audit_log_config
	count(object.get(c, "exempted_members", [])) > 0
	msg := sprintf("%s: nobody is exempt from the audit log", [r.address])
}

deny contains msg if {
	some r in resources("google_project_iam_custom_role")
	not held(r.after)
	msg := sprintf("%s: permissions that were not agreed: %v", [r.address, object.get(r.after, "permissions", "unknown")])
}

held(role) if {
	agreed_permissions := permissions[regex.replace(role.role_id, `^[a-z0-9_]+\.`, "")]
	count(role.permissions) > 0
	every p in role.permissions {
		p in agreed_permissions
	}
}

deny contains msg if {
	some r in resources("google_service_account")
	not ours(r.after)
	msg := sprintf("%s: %v is no account of the service", [r.address, object.get(r.after, "account_id", "an account without a name")])
}

ours(account) if {
	some a in accounts
	regex.match(sprintf(`^[a-z][a-z0-9-]*-%s$`, [a]), account.account_id)
}
