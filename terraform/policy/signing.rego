# Who signs license tokens, and who certifies the keys that do: two powers that no
# account has at once. Which of them an account has follows from what its function is
# told (TOKEN_SIGNING), where the plan has its service, and from the plan's other
# grants where it has not.
package main

import rego.v1

# With delegations, a function that answers requests cannot sign with the key that
# certifies: whoever takes it over has what it can decrypt, for half a day.
deny contains msg if {
	some role in {"roles/cloudkms.signer", "keyVersionLister"}
	some [r, who] in key_grants(role)
	who.account != "reaper"
	not by_kms(who)
	not may_tell(who, role)
	msg := sprintf("%s: %s signs by delegations, so it may not have %s", [r, who.account, role])
}

# Control signs nothing, and tells which versions there are.
may_tell(who, "keyVersionLister") if who.account == "control"

# Without, the reaper has nothing to certify.
deny contains msg if {
	some role in {"roles/cloudkms.signer", "roles/cloudkms.cryptoKeyEncrypter", "keyVersionLister"}
	some [r, who] in key_grants(role)
	who.account == "reaper"
	variable_of(who, "TOKEN_SIGNING") == {"kms"}
	msg := sprintf("%s: the reaper makes no delegations, so it may not have %s", [r, role])
}

# Whoever certifies cannot read what it has encrypted, and the other way round. Only
# a function that signs by KMS itself may read delegations too: it gains nothing by
# it, and is about to sign by them.
deny contains msg if {
	some [r, who] in key_grants("roles/cloudkms.cryptoKeyDecrypter")
	some role in {"roles/cloudkms.signer", "roles/cloudkms.cryptoKeyEncrypter"}
	some [_, other] in key_grants(role)
	other.account == who.account
	not migrates(who)
	msg := sprintf("%s: %s may not have roles/cloudkms.cryptoKeyDecrypter beside %s", [r, who.account, role])
}

warn contains msg if {
	some [r, who] in key_grants("roles/cloudkms.cryptoKeyDecrypter")
	migrates(who)
	msg := sprintf("%s: %s signs by KMS and may decrypt delegations; go on to token_signing = \"delegated\" or \"kms\"", [r, who.account])
}

# The grants of a role on a key, as pairs of address and account.
key_grants(role) := {[r.address, who] |
	some r in resources("google_kms_crypto_key_iam_binding")
	bare(r.after.role) == role
	some m in members(r.after)
	who := identity(m)
}

# by_kms: the function signs by KMS, as far as the plan tells.
by_kms(who) if variable_of(who, "TOKEN_SIGNING") == {"kms"}

by_kms(who) if {
	count(variable_of(who, "FUNCTION_TARGET")) == 0
	count(key_grants("roles/cloudkms.cryptoKeyEncrypter")) == 0
}

# migrates: it does, and knows the key of delegations already.
migrates(who) if {
	variable_of(who, "TOKEN_SIGNING") == {"kms"}
	count(variable_of(who, "KMS_ENCRYPTION_KEY")) == 1
}

# variable_of are the values of a variable of the account's service.
variable_of(who, variable) := {e.value |
	some r in resources("google_cloud_run_v2_service")
	r.after.name == sprintf("%s-%s", [who.service, who.account])
	some t in r.after.template
	some c in t.containers
	some e in c.env
	e.name == variable
}

# The functions of one plan agree: what the reaper makes is what the others use.
deny contains msg if {
	some r in resources("google_cloud_run_v2_service")
	some variable in {"KMS_KEY", "KMS_ENCRYPTION_KEY"}
	values := {e.value |
		some s in resources("google_cloud_run_v2_service")
		some t in s.after.template
		some c in t.containers
		some e in c.env
		e.name == variable
	}
	count(values) > 1
	msg := sprintf("%s: the functions are told different %s", [r.address, variable])
}
