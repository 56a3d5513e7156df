# Delegations: the keys of half a day that sign license tokens. The reaper makes the
# next when the newest has half of its life left; while it cannot, tokens go on until
# the newest ends. Nothing of this is watched where Cloud KMS signs each token.
locals {
  delegation_metrics = { for key, metric in {
    # 1. Of the reaper's runs.
    delegation_age_hours = {
      description = "Age of the newest delegation."
      filter      = ["jsonPayload.delegation_age_hours>=0"]
      labels      = {}
      value       = "EXTRACT(jsonPayload.delegation_age_hours)"
      unit        = "h"
      bounds      = [1, 3, 6, 7, 8, 9, 10, 11, 12]
    }
  } : key => metric if var.delegations != null }

  # What the audit log is searched for: the key, and accounts as one value.
  delegation_age = try(local.series.delegation_age_hours, "")
  delegation_key = try(var.delegations.key, "")
  delegation_accounts = { for who in ["makers", "readers"] : who =>
    join(" OR ", [for email in sort(try(var.delegations[who], [])) : "\"${email}\""])
  }

  delegation_alerts = { for key, alert in {
    delegation-old = {
      title    = "The newest delegation is older than ${var.thresholds.delegation_hours} hours"
      summary  = "The next is made after six hours, so the reaper fails at it. At twelve hours no token can be signed: acquires are refused, and programs work until their tokens end."
      page     = "delegation-old"
      look     = "${local.read_logs} 'jsonPayload.delegation_age_hours:*'"
      urgency  = "page"
      severity = "CRITICAL"
      # The mean of ten runs: one that is late says nothing.
      query    = "sum(increase(${local.delegation_age}_sum{${local.cloud_run}}[10m])) / sum(increase(${local.delegation_age}_count{${local.cloud_run}}[10m])) > ${var.thresholds.delegation_hours}"
      duration = "300s"
    }
    delegation-key-use = {
      title    = "Somebody else used the key that encrypts delegations"
      summary  = "An account that is neither acquire's nor heartbeat's decrypted with it, one that is not the reaper's encrypted, or somebody disabled or destroyed a version of it. Whoever can decrypt and read the record can sign license tokens for half a day."
      page     = "delegation-key-use"
      look     = "${local.read_logs} 'protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.resourceName:\"${local.delegation_key}\"'"
      urgency  = "page"
      severity = "CRITICAL"
      # Cloud KMS's own audit log; uses are in it if signing_key.audit is on.
      source = [
        "(log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/activity\"))",
        "protoPayload.serviceName=\"cloudkms.googleapis.com\"",
        "protoPayload.resourceName:\"${local.delegation_key}\"",
      ]
      lines = ["(${join(" OR ", [
        "(protoPayload.methodName=(\"Decrypt\" OR \"RawDecrypt\") AND NOT protoPayload.authenticationInfo.principalEmail=(${local.delegation_accounts.readers}))",
        "(protoPayload.methodName=(\"Encrypt\" OR \"RawEncrypt\") AND NOT protoPayload.authenticationInfo.principalEmail=(${local.delegation_accounts.makers}))",
        "protoPayload.methodName=(\"UpdateCryptoKeyVersion\" OR \"DestroyCryptoKeyVersion\" OR \"ImportCryptoKeyVersion\")",
      ])})"]
      labels = { principal = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" }
      again  = "3600s"
    }
  } : key => alert if var.delegations != null }
}
