# The six functions, and deliver where there are events: one image, told apart by
# FUNCTION_TARGET, each with an identity of its own that may do only what the function
# does.
locals {
  # What a function is, whether it works with the ledger, and who calls it: users, the
  # scheduler or the vendor's staff. What it is given (instances, memory) is
  # var.functions.
  functions = { for name, f in local.all_functions : name => f if name != "deliver" || local.delivers }
  all_functions = {
    acquire = {
      target    = "Acquire"
      signs     = true
      ledger    = true
      callers   = "users"
      revokable = var.identity.check_revoked
      env       = { CHECK_REVOKED = tostring(var.identity.check_revoked) }
    }
    heartbeat = { target = "Heartbeat", signs = true, ledger = true, callers = "users", revokable = false, env = {} }
    release   = { target = "Release", signs = false, ledger = true, callers = "users", revokable = false, env = {} }
    reaper    = { target = "Reaper", signs = false, ledger = true, callers = "scheduler", revokable = false, env = { REAPER_AUDIENCE = local.reaper_audience } }
    control   = { target = "Control", signs = false, ledger = true, callers = "staff", revokable = false, env = {} }
    # Whose account was disabled must not end others' sessions for an hour.
    admin = {
      target    = "Admin"
      signs     = false
      ledger    = true
      callers   = "users"
      revokable = var.identity.check_revoked
      env       = { CHECK_REVOKED = tostring(var.identity.check_revoked) }
    }
    # It calls addresses that customers chose: it has no way into the network, and nothing
    # to do with the ledger or a key.
    deliver = {
      target    = "Deliver"
      signs     = false
      ledger    = false
      callers   = "scheduler"
      revokable = false
      env       = merge({ REAPER_AUDIENCE = local.deliver_audience }, local.events_topic == null ? {} : { EVENTS_TOPIC = local.events_topic })
    }
  }

  # What a function is told of its callers. IAM is asked before the function is, and takes
  # the signature off the token.
  callers = {
    users = length(var.cors_origins) > 0 ? { CORS_ORIGINS = join(",", var.cors_origins) } : {}
    scheduler = {
      REAPER_SERVICE_ACCOUNT = local.email["scheduler"]
      REAPER_IAM_CHECKED     = "true"
    }
    staff = {
      STAFF_AUDIENCE    = local.staff_audience
      STAFF_ACCOUNTS    = join(",", sort(var.staff.accounts))
      STAFF_IAM_CHECKED = "true"
    }
  }
  # The audience that Cloud Run accepts beside a function's own address.
  audiences = {
    control = [local.staff_audience]
    deliver = [local.deliver_audience]
    reaper  = [local.reaper_audience]
  }

  # Of all functions; then of those that work with the ledger. Whoever writes the record
  # keeps events in it, so all are told whether there are any.
  environment = merge({
    GOOGLE_CLOUD_PROJECT = var.project_id
    FIRESTORE_DATABASE   = google_firestore_database.record.name
  }, var.events.enabled ? { EVENTS = "true" } : {})
  ledger_environment = {
    MEMORYSTORE_INSTANCE = local.ledger_name
    TOKEN_ISSUER         = "https://${var.domain}"
  }

  # How those that give out license tokens sign them, and what the reaper makes for it.
  keys = merge({ KMS_KEY = local.key_name }, local.delegates ? { KMS_ENCRYPTION_KEY = local.delegation_key_name } : {})
  signing = merge(
    { for name, f in local.functions : name => merge(local.keys, { TOKEN_SIGNING = local.delegated ? "delegated" : "kms" }) if f.signs },
    # It tells staff which version of the key there is, and how tokens are signed.
    { control = { KMS_KEY = local.key_name, TOKEN_SIGNING = local.delegated ? "delegated" : "kms" } },
    { reaper = local.delegates ? merge(local.keys, { TOKEN_SIGNING = "delegated" }) : { TOKEN_SIGNING = "kms" } },
  )
}

module "functions" {
  source   = "./modules/function"
  for_each = local.functions

  project_id      = local.project
  region          = var.region
  name            = "${var.name}-${each.key}"
  target          = each.value.target
  image           = var.image
  service_account = local.email[each.key]
  labels          = local.labels
  protect         = var.protect.services

  environment = merge(
    local.environment,
    each.value.ledger ? local.ledger_environment : {},
    lookup(local.signing, each.key, {}),
    local.callers[each.value.callers],
    lookup(local.user_administration, each.key, {}),
    var.settings,
    each.value.env,
  )
  secrets = merge(
    contains(keys(local.log_key_readers), each.key) ? {
      LOG_KEY = { secret = google_secret_manager_secret.log_key.secret_id, version = var.log_key_version }
    } : {},
    contains(keys(local.webhook_key_readers), each.key) ? {
      WEBHOOK_KEY = { secret = google_secret_manager_secret.webhook_key.secret_id, version = var.events.webhook_key_version }
    } : {},
  )
  size = local.function_size[each.key]

  # Users come through the load balancer alone; their functions check the token
  # themselves. Cloud Run would take its signature off if it looked at it first.
  callers   = each.value.callers
  audiences = lookup(local.audiences, each.key, [])

  # The ledger is all that is in the network.
  ledger     = each.value.ledger
  network    = each.value.ledger ? google_compute_network.this.id : null
  subnetwork = each.value.ledger ? google_compute_subnetwork.functions.id : null

  # A revision becomes ready when /startup answers 200: by then its account must be
  # let in everywhere.
  depends_on = [
    google_kms_crypto_key_iam_binding.decrypters,
    google_kms_crypto_key_iam_binding.encrypters,
    google_kms_crypto_key_iam_binding.public_key_viewers,
    google_kms_crypto_key_iam_binding.signers,
    google_kms_crypto_key_iam_binding.version_listers,
    google_project_iam_member.ledger_finder,
    google_project_iam_member.ledger_user,
    google_project_iam_member.record_deleter,
    google_project_iam_member.record_user,
    google_project_iam_member.revocation_reader,
    google_project_iam_member.user_administrator,
    google_pubsub_topic_iam_binding.publishers,
    google_secret_manager_secret_iam_member.log_key,
    google_service_account_iam_member.machine_signer,
    google_secret_manager_secret_iam_member.webhook_key,
  ]
}
