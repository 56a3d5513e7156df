# Who may be given what: every grant must be in this table, so that a role that was
# widened, moved to another account or bound on more than its resource is refused
# without anybody having thought of that very mistake.
package main

import rego.v1

# role → type of the resource it may be bound by → accounts it may be given to.
grants := {
	"roles/artifactregistry.writer": {"google_artifact_registry_repository_iam_member": {"build"}},
	"roles/cloudkms.publicKeyViewer": {"google_kms_crypto_key_iam_binding": {"acquire", "heartbeat"}},
	"roles/cloudkms.signer": {"google_kms_crypto_key_iam_binding": {"acquire", "heartbeat"}},
	"roles/iam.serviceAccountUser": {"google_service_account_iam_member": {"build"}},
	"roles/logging.logWriter": {"google_project_iam_member": {"build"}},
	"roles/memorystore.dbConnectionUser": {"google_project_iam_member": {"acquire", "heartbeat", "reaper", "release"}},
	"roles/memorystore.viewer": {"google_project_iam_member": {"acquire", "heartbeat", "reaper", "release"}},
	"roles/run.developer": {"google_cloud_run_v2_service_iam_member": {"build"}},
	"roles/run.invoker": {"google_cloud_run_v2_service_iam_binding": {"scheduler"}},
	"roles/secretmanager.secretAccessor": {"google_secret_manager_secret_iam_member": {"acquire", "heartbeat", "release"}},
	"roles/storage.objectViewer": {"google_storage_bucket_iam_member": {"build"}},
	"keyRotator": {"google_kms_crypto_key_iam_binding": {"rotation"}},
	"keyVersionLister": {"google_kms_crypto_key_iam_binding": {"acquire", "heartbeat"}},
	"recordUser": {"google_project_iam_member": {"acquire", "heartbeat", "reaper", "release"}},
	"revocationReader": {"google_project_iam_member": {"acquire"}},
	"rulesPublisher": {"google_project_iam_member": {"build"}},
}

# Roles of the project that no resource has, and no condition can narrow.
project_wide := {"revocationReader", "roles/logging.logWriter", "rulesPublisher"}

# What custom roles may hold.
permissions := {
	"keyRotator": {"cloudkms.cryptoKeyVersions.create"},
	"keyVersionLister": {"cloudkms.cryptoKeyVersions.list"},
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
}

is_grant(type) if regex.match(`_iam_(member|binding|policy|member_remove)$`, type)

# bare is a role without the prefix of a custom one: projects/P/roles/PREFIX.ROLE.
bare(role) := regex.replace(role, `^projects/[^/]+/roles/[^.]+\.`, "")

# The projects that the plan is about: one, in any sane plan.
projects contains r.change.after.project if {
	some r in input.resource_changes
	r.change.after.project
}

# account is the last part of the name of a service account of this project:
# SERVICE-ACCOUNT@PROJECT….
account(member) := parts[1] if {
	parts := regex.find_all_string_submatch_n(`^serviceAccount:[a-z0-9-]+-([a-z]+)@([a-z0-9-]+)\.iam\.gserviceaccount\.com$`, member, 1)[0]
	parts[2] in projects
}

# may is a rule of its own because what stands inside `not` must be defined.
may(member, accounts) if account(member) in accounts

members(after) := after.members

members(after) := {after.member} if not after.members

agreed(r) if grants[bare(r.change.after.role)][r.type]

deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	r.change.after != null
	not agreed(r)
	msg := sprintf("%s: %s may not be granted here; if it must be, add it to policy/iam.rego with the reason", [r.address, object.get(r.change.after, "role", "a whole policy")])
}

deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	allowed := grants[bare(r.change.after.role)][r.type]
	some m in members(r.change.after)
	not may(m, allowed)
	msg := sprintf("%s: %s may not have %s", [r.address, m, r.change.after.role])
}

# A grant whose members are not known before the apply cannot be judged.
deny contains msg if {
	some r in input.resource_changes
	is_grant(r.type)
	r.change.after != null
	not r.change.after.member
	not r.change.after.members
	msg := sprintf("%s: nobody can see before the apply who is given this", [r.address])
}

deny contains msg if {
	some r in resources("google_project_iam_member")
	not bare(r.after.role) in project_wide
	not narrowed(r.after)
	msg := sprintf("%s: %s on the whole project; narrow it by a condition on the resource's name", [r.address, r.after.role])
}

# narrowed: every way in is by the name of one resource.
narrowed(grant) if {
	some c in grant.condition
	every way in split(c.expression, " || ") {
		regex.match(`^resource\.name( == |\.startsWith\()"projects/[^/"]+/[^"]+"\)?$`, way)
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
	role := regex.replace(r.after.role_id, `^[^.]+\.`, "")
	extra := {p | some p in r.after.permissions} - object.get(permissions, role, set())
	count(extra) > 0
	msg := sprintf("%s: permissions that were not agreed: %s", [r.address, concat(", ", sort([p | some p in extra]))])
}

deny contains msg if {
	some r in resources("google_service_account_key")
	msg := sprintf("%s: no account has a key; keys get lost", [r.address])
}
