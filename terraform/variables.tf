variable "project_id" {
  description = "Id of the Google Cloud project. One project per environment."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is not the id of a project: 6 to 30 lower-case letters, digits and hyphens, as `gcloud projects list` shows it."
  }
}

variable "region" {
  description = "Region of the functions, the ledger, the key and, unless record.location says otherwise, the record."
  type        = string
  default     = "us-central1"
}

variable "name" {
  description = "Prefix of the names of everything. It cannot be changed later without making everything anew."
  type        = string
  default     = "licenses"
  validation {
    # licenses-heartbeat is the id of a service account, which has at most 30 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "domain" {
  description = "Host name of the service. https://DOMAIN is the issuer of license tokens, which clients compare: choose it once."
  type        = string
  default     = "licenses.coditect.ai"
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a host name like licenses.example.com: lower-case, no scheme, no path, no dot at the end."
  }
}

variable "image" {
  description = "Image of the first revision, by digest. null until there is one: everything but the services, their load balancer and the reaper's schedule is made. Later releases are the pipeline's and are not undone by an apply."
  type        = string
  default     = null
  validation {
    condition     = var.image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name a digest (…@sha256:…): a tag can point to something else tomorrow."
  }
}

variable "size" {
  description = "What functions, ledger, record, edge and pipeline are given where their own variables say nothing: small (up to about 2,000 seats) or production (up to about 200,000); sizes.tf has both. From small to production nothing is made anew."
  type        = string
  default     = "small"
  nullable    = false
  validation {
    condition     = contains(["small", "production"], var.size)
    error_message = "size must be small or production; functions, ledger, record, edge and build override it one by one."
  }
}

variable "labels" {
  description = "Labels of everything that can have them."
  type        = map(string)
  default     = {}
}

variable "protect" {
  description = "Which kinds of thing refuse to be deleted. Turn one off, apply, then delete it. services: off until their first revisions are ready, because a service whose first revision is not has to be replaced, and a protected one cannot be; turn it on once https://DOMAIN/live answers 200."
  type = object({
    ledger      = optional(bool, true)
    record      = optional(bool, true)
    signing_key = optional(bool, true)
    services    = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "paused" {
  description = "For an incident: nobody comes in and nothing runs by itself. The load balancer answers 502 for every function, the schedules of the reaper and of deliver stand still, and nobody may invoke the vendor's door. docs/operations.md says when."
  type        = bool
  default     = false
  nullable    = false
}

variable "functions" {
  description = "What each function is given; null is what size says (sizes.tf). min_instances: kept warm. concurrency: requests of one instance at a time. timeout: of one request; above what the function itself allows. billing: requests (CPU while one is answered, and a fee for each) or instances (CPU for as long as an instance lives, no fee): docs/operations.md has the arithmetic."
  type = object({
    acquire = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    heartbeat = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    release = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    reaper = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    control = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    admin = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
    deliver = optional(object({
      min_instances = optional(number)
      max_instances = optional(number)
      concurrency   = optional(number)
      cpu           = optional(string)
      memory        = optional(string)
      timeout       = optional(string)
      billing       = optional(string)
    }), {})
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for f in values(var.functions) : coalesce(f.concurrency, 1) >= 1 && coalesce(f.concurrency, 1) <= 1000])
    error_message = "functions: concurrency must be 1 to 1000, Cloud Run's limit."
  }
  validation {
    condition     = alltrue([for f in values(var.functions) : contains(["requests", "instances"], coalesce(f.billing, "requests"))])
    error_message = "functions: billing must be requests or instances."
  }
}

variable "settings" {
  description = "Environment variables of all functions beside those set here: durations and limits of shared/config.Config, such as SESSION_TTL."
  type        = map(string)
  default     = {}
  validation {
    condition = alltrue([for name in keys(var.settings) : contains([
      "BACKEND_DEADLINE", "CIRCUIT_COOLDOWN", "CLOCK_TOLERANCE", "ENTITLEMENT_CACHE_TTL", "HEARTBEAT_INTERVAL", "IDENTITY_PROJECT",
      "KEY_ACTIVATION_DELAY", "LOG_LEVEL", "MAX_IN_FLIGHT", "RATE_LIMIT_PER_USER", "REAP_BUDGET", "REDIS_DEADLINE",
      "REQUEST_DEADLINE", "SESSION_TTL", "TOKEN_MIN", "TOKEN_TTL",
      "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
    ], name)])
    error_message = "settings has a name that is no setting, or one that other variables decide: see shared/config/config.go."
  }
  validation {
    condition     = contains(["debug", "info"], lower(lookup(var.settings, "LOG_LEVEL", "info")))
    error_message = "settings.LOG_LEVEL must be info or debug: metrics and alerts are made of the lines of requests, which are info."
  }
}

variable "staff" {
  description = "Who may open the vendor's door, where organizations and licenses are made and changed. invokers: whom Cloud Run's IAM check lets in, groups and service accounts, as group:… and serviceAccount:…. accounts: whose tokens the function itself takes then: e-mail addresses, or @ and the name of a Google Workspace domain. Somebody must be in both; both are required once there is an image."
  type = object({
    invokers = optional(set(string), [])
    accounts = optional(set(string), [])
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for member in var.staff.invokers : can(regex("^(group:[^@ ]+@([a-z0-9-]+[.])+[a-z]{2,}|serviceAccount:[a-z0-9-]+@[a-z0-9.-]+[.]iam[.]gserviceaccount[.]com)$", member))])
    error_message = "staff.invokers must be group:ADDRESS or serviceAccount:ADDRESS: never everybody, and people by a group, which has whoever leaves taken out in one place."
  }
  validation {
    condition     = alltrue([for account in var.staff.accounts : can(regex("^[a-z0-9._%+'-]*@([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}$", account)) && !contains(["@gmail.com", "@googlemail.com"], account)])
    error_message = "staff.accounts must be e-mail addresses in lower case, or @ and the name of your own domain."
  }
  validation {
    condition     = var.image == null || length(var.staff.invokers) > 0 && length(var.staff.accounts) > 0
    error_message = "Nobody could make an organization or a license. Set staff = { invokers = [\"serviceAccount:licensing@PROJECT.iam.gserviceaccount.com\"], accounts = [\"licensing@PROJECT.iam.gserviceaccount.com\"] }."
  }
}

variable "cors_origins" {
  description = "Origins (scheme://host[:port], in lower case) whose pages may take seats in a browser."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^[a-z][a-z0-9+.-]*://(\\[[0-9a-f:.]+\\]|[a-z0-9_.-]+)(:[1-9][0-9]{0,4})?$", origin))])
    error_message = "cors_origins must be origins as browsers send them, such as https://app.example.com: no path, no slash at the end, no wildcard."
  }
}

variable "log_key_version" {
  description = "Version of the secret NAME-log-key, once you have added one, that keys the digests of users in the log. null: each instance has a key of its own."
  type        = string
  default     = null
  validation {
    condition     = var.log_key_version == null ? true : can(regex("^[1-9][0-9]*$", var.log_key_version))
    error_message = "log_key_version must be a version's number: with latest, instances of one release could have different keys."
  }
}

variable "events" {
  description = "What happens to seats and licenses, told to customers' webhooks and to a topic of Pub/Sub. webhook_key_version: version of the secret NAME-webhook-key, once you have added one, that webhooks' secrets are derived from; with it there is the function deliver, which tells. enabled: functions keep events from now on. Off, deliver tells what was kept before. topic: every event is also published to the topic NAME-events; retention_days: for how long it can be read there again."
  type = object({
    enabled             = optional(bool, false)
    webhook_key_version = optional(string)
    topic               = optional(bool, true)
    retention_days      = optional(number, 7)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.events.webhook_key_version == null ? true : can(regex("^[1-9][0-9]*$", var.events.webhook_key_version))
    error_message = "events.webhook_key_version must be a version's number: with another value every receiver would need a new secret, so it must not change by itself."
  }
  validation {
    condition     = !var.events.enabled || var.events.webhook_key_version != null
    error_message = "events are kept, but there is nobody to tell them: add a version to the secret NAME-webhook-key (docs/operations.md), then set events.webhook_key_version to its number."
  }
  validation {
    condition     = var.events.retention_days >= 1 && var.events.retention_days <= 31 && floor(var.events.retention_days) == var.events.retention_days
    error_message = "events.retention_days must be 1 to 31 days, Pub/Sub's most."
  }
}

variable "network" {
  description = "Address ranges, the same for every size. functions_cidr: one address per instance, twice as many during a release; it can grow in place to 10.20.0.0/17, about 16,000 instances. ledger_cidr: the ledger's endpoints; it can never be changed while the ledger is there, so it lies outside of every such growth."
  type = object({
    functions_cidr = optional(string, "10.20.0.0/22")
    ledger_cidr    = optional(string, "10.20.128.0/28")
  })
  default  = {}
  nullable = false
  validation {
    condition     = can(cidrhost(var.network.functions_cidr, 0)) && can(tonumber(split("/", var.network.functions_cidr)[1])) && try(tonumber(split("/", var.network.functions_cidr)[1]) <= 26, false)
    error_message = "network.functions_cidr must be a range of at least 64 addresses (/26), Cloud Run's least."
  }
  validation {
    condition     = can(cidrhost(var.network.ledger_cidr, 0)) && try(tonumber(split("/", var.network.ledger_cidr)[1]) <= 29, false)
    error_message = "network.ledger_cidr must be a range of at least 8 addresses (/29), Google's least for a subnetwork."
  }
  validation {
    # Two ranges overlap if they are one when both are cut to the shorter prefix.
    condition = try(
      cidrhost("${split("/", var.network.functions_cidr)[0]}/${min(split("/", var.network.functions_cidr)[1], split("/", var.network.ledger_cidr)[1])}", 0) !=
      cidrhost("${split("/", var.network.ledger_cidr)[0]}/${min(split("/", var.network.functions_cidr)[1], split("/", var.network.ledger_cidr)[1])}", 0),
    true)
    error_message = "network.functions_cidr and network.ledger_cidr overlap: Google refuses the second of them. Choose a ledger_cidr that the functions' range can never grow into."
  }
}

variable "ledger" {
  description = "The seat ledger. node_type, replicas: null is what size says; docs/operations.md has a table by seats. mode CLUSTER is for more than one shard and makes another instance. generation: a part of the instance's name; one more makes the ledger anew, beside the old one, which goes once the functions have left it. maintenance: when Google may update it."
  type = object({
    mode           = optional(string, "CLUSTER_DISABLED")
    node_type      = optional(string)
    shards         = optional(number, 1)
    replicas       = optional(number)
    generation     = optional(number, 1)
    engine_version = optional(string, "VALKEY_8_0")
    maintenance = optional(object({
      day      = optional(string, "SUNDAY")
      hour_utc = optional(number, 3)
    }), {})
  })
  default  = {}
  nullable = false
  validation {
    condition     = contains(["CLUSTER", "CLUSTER_DISABLED"], var.ledger.mode)
    error_message = "ledger.mode must be CLUSTER_DISABLED (one shard) or CLUSTER."
  }
  validation {
    condition = contains([
      "SHARED_CORE_NANO", "CUSTOM_PICO", "CUSTOM_MICRO", "CUSTOM_MINI", "STANDARD_SMALL", "STANDARD_LARGE",
      "HIGHCPU_MEDIUM", "HIGHMEM_MEDIUM", "HIGHMEM_XLARGE", "HIGHMEM_2XLARGE",
    ], coalesce(var.ledger.node_type, "CUSTOM_PICO"))
    error_message = "ledger.node_type must be SHARED_CORE_NANO (trials only: no SLA), CUSTOM_PICO, CUSTOM_MICRO or CUSTOM_MINI (one shard only), STANDARD_SMALL, STANDARD_LARGE, HIGHCPU_MEDIUM, HIGHMEM_MEDIUM, HIGHMEM_XLARGE or HIGHMEM_2XLARGE."
  }
  validation {
    condition     = coalesce(var.ledger.replicas, 1) >= 0 && coalesce(var.ledger.replicas, 1) <= 5
    error_message = "ledger.replicas must be 0 to 5; with 0 every maintenance is an outage and a rebuild."
  }
  validation {
    condition     = var.ledger.generation >= 1 && floor(var.ledger.generation) == var.ledger.generation
    error_message = "ledger.generation must be 1, 2, 3 and so on; never an earlier one again while its instance is there."
  }
}

variable "record" {
  description = "The record. database: its name, one per environment. location: a region, or nam5 or eur3 for a record that survives a region, which cannot be changed later; null is the region. Backups: how long daily ones (at most 98 days) and weekly ones (at most 14 weeks) are kept; null is what size says."
  type = object({
    database               = optional(string, "(default)")
    location               = optional(string)
    point_in_time_recovery = optional(bool, true)
    daily_backup_days      = optional(number)
    weekly_backup_weeks    = optional(number)
  })
  default  = {}
  nullable = false
  validation {
    condition     = coalesce(var.record.daily_backup_days, 7) >= 1 && coalesce(var.record.daily_backup_days, 7) <= 98 && coalesce(var.record.weekly_backup_weeks, 14) >= 1 && coalesce(var.record.weekly_backup_weeks, 14) <= 14
    error_message = "record: Firestore keeps a backup 1 day to 14 weeks."
  }
}

variable "token_signing" {
  description = "How license tokens are signed. delegated: by keys of half a day that the reaper makes and the key of license tokens certifies. kms: each by the key of license tokens itself, at a price and a quota for each. migrating: as kms, while everything that delegated needs is made ready: the step between the two, in either direction (docs/operations.md)."
  type        = string
  default     = "delegated"
  nullable    = false
  validation {
    condition     = contains(["delegated", "kms", "migrating"], var.token_signing)
    error_message = "token_signing must be delegated or kms, or migrating on the way from one to the other."
  }
}

variable "signing_key" {
  description = "The key of license tokens, and the one that encrypts delegations. protection_level HSM or SOFTWARE, of both: docs/operations.md has the price. rotation_schedule: when a version is added, in cron's form, UTC; at most every 100 days, or an alert goes off. audit: keep a log of every use of either."
  type = object({
    protection_level  = optional(string, "HSM")
    rotation_schedule = optional(string, "0 3 1 1,4,7,10 *")
    audit             = optional(bool, true)
  })
  default  = {}
  nullable = false
  validation {
    condition     = contains(["HSM", "SOFTWARE"], var.signing_key.protection_level)
    error_message = "signing_key.protection_level must be HSM or SOFTWARE."
  }
}

variable "audit_logs" {
  description = "Which of Google's logs of access to data are kept, of ADMIN_READ, DATA_READ and DATA_WRITE; an empty list leaves the service's as they are. firestore: DATA_WRITE is a line for each grant and each end, and names users by their ids; DATA_READ one for every read. identity_platform: DATA_WRITE is a line for each account that is made, changed or deleted; DATA_READ, with identity.check_revoked, one for each acquire. secret_manager: DATA_READ is a line for each secret that an instance starts with. docs/operations.md has what each costs."
  type = object({
    firestore         = optional(set(string), ["ADMIN_READ"])
    identity_platform = optional(set(string), ["ADMIN_READ", "DATA_WRITE"])
    secret_manager    = optional(set(string), ["ADMIN_READ", "DATA_READ"])
  })
  default  = {}
  nullable = false
  validation {
    condition     = length(setsubtract(setunion(var.audit_logs.firestore, var.audit_logs.identity_platform, var.audit_logs.secret_manager), ["ADMIN_READ", "DATA_READ", "DATA_WRITE"])) == 0
    error_message = "audit_logs may have ADMIN_READ, DATA_READ and DATA_WRITE; what administrators write (ADMIN_WRITE) is always logged."
  }
}

variable "identity" {
  description = "Identity Platform. authorized_domains: where sign-in may come back to, beside the domain. email_sign_in: by e-mail and password. providers: google and github, each with the client id given there; the secret goes into Secret Manager first. tenants: organizations with users of their own, by display name. mfa: DISABLED, ENABLED or MANDATORY (TOTP), of the project: the provider cannot set it for tenants, so with MANDATORY their users sign in by providers alone. check_revoked: ask at every acquire, and at every request of an organization's administration, whether the user's tokens were revoked. user_administrators: which doors may list, invite, change and delete users, and make machine users: control, the vendor's, and admin, the customers', where owners and admins then administer those of their organization; none where another program of yours does."
  type = object({
    authorized_domains = optional(set(string), [])
    email_sign_in      = optional(bool, true)
    providers          = optional(map(object({ client_id = string })), {})
    tenants = optional(map(object({
      email_sign_in = optional(bool, true)
      providers     = optional(set(string), [])
    })), {})
    mfa                 = optional(string, "ENABLED")
    check_revoked       = optional(bool, false)
    user_administrators = optional(set(string), ["control"])
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for p in keys(var.identity.providers) : contains(["google", "github"], p)])
    error_message = "identity.providers may have google and github."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.identity.tenants) : [for p in t.providers : contains(keys(var.identity.providers), p)]]))
    error_message = "identity.tenants names a provider that identity.providers has no client id for."
  }
  validation {
    condition     = length(setsubtract(var.identity.user_administrators, ["control", "admin"])) == 0
    error_message = "identity.user_administrators may have control and admin: no other function has a say in who somebody is."
  }
  validation {
    condition     = contains(["DISABLED", "ENABLED", "MANDATORY"], var.identity.mfa)
    error_message = "identity.mfa must be DISABLED, ENABLED or MANDATORY."
  }
  validation {
    condition     = var.identity.mfa != "MANDATORY" || alltrue([for t in values(var.identity.tenants) : !t.email_sign_in])
    error_message = "identity.mfa is MANDATORY, but a tenant signs in by e-mail, where no second factor can be asked for from here: set email_sign_in = false for it, or mfa = \"ENABLED\"."
  }
}

variable "edge" {
  description = "The load balancer. dns_zone: a Cloud DNS zone of the domain, made here if create is true; null: you enter the records of output dns_records yourself. Limits are per address and minute, null is what size says; behind one address may be a whole office, whose seats send a heartbeat every two minutes. armor: the functions behind Cloud Armor, which costs by the request; acquire must be, admin is in any case, heartbeat and release limit by user themselves."
  type = object({
    dns_zone = optional(object({
      name   = string
      create = optional(bool, false)
    }))
    requests_per_minute       = optional(number)
    acquires_per_minute       = optional(number)
    admin_requests_per_minute = optional(number)
    armor                     = optional(set(string), ["acquire", "heartbeat", "release"])
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for limit in [var.edge.requests_per_minute, var.edge.acquires_per_minute, var.edge.admin_requests_per_minute] : coalesce(limit, 1) >= 1])
    error_message = "edge: limits must be at least 1 request a minute."
  }
  validation {
    condition     = contains(var.edge.armor, "acquire") && length(setsubtract(var.edge.armor, ["acquire", "heartbeat", "release"])) == 0
    error_message = "edge.armor must have acquire, which anybody can make expensive, and may have heartbeat and release."
  }
}

variable "build" {
  description = "The pipeline. repository: projects/P/locations/REGION/connections/C/repositories/R of Cloud Build, connected by hand once; null: no trigger, builds are submitted by hand. branch: a regular expression. approval: whether a person lets each release go once its image is built and tested; null is what size says. region: where builds run, of the connection or else the region; new projects may build in a few regions only (docs/operations.md)."
  type = object({
    repository = optional(string)
    branch     = optional(string, "^main$")
    approval   = optional(bool)
    region     = optional(string)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.build.repository == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.build.repository))
    error_message = "build.repository must be projects/P/locations/REGION/connections/C/repositories/R, as `gcloud builds repositories list` shows it."
  }
  validation {
    condition     = var.build.repository == null || var.build.region == null ? true : split("/", var.build.repository)[3] == var.build.region
    error_message = "build.region is not where build.repository is connected; a trigger must be where its repository is. Leave build.region out, or connect the repository there."
  }
}

variable "observability" {
  description = "Who is told and what is watched. emails: addresses that every alert goes to. channels: full names of notification channels made elsewhere (chat, pager). One of either there must be once there is an image. watched_organizations: charted by name, at most 50. playbooks_url: where you publish docs/playbooks, for a link; alerts carry their page anyway. slo, thresholds: modules/observability/variables.tf has each with its default."
  type = object({
    emails                = optional(set(string), [])
    channels              = optional(set(string), [])
    watched_organizations = optional(set(string), [])
    playbooks_url         = optional(string)
    slo = optional(object({
      availability = optional(number, 0.999)
      latency      = optional(number, 0.99)
      latency_ms   = optional(number, 1000)
      days         = optional(number, 30)
    }), {})
    thresholds = optional(object({
      pool_percent           = optional(number, 90)
      ledger_memory_percent  = optional(number, 80)
      signing_key_days       = optional(number, 100)
      delegation_hours       = optional(number, 9)
      tokens_per_seat        = optional(number, 11)
      kms_failures           = optional(number, 5)
      control_failures       = optional(number, 2)
      admin_failures         = optional(number, 5)
      reaper_silent_minutes  = optional(number, 5)
      deliver_silent_minutes = optional(number, 15)
      event_wait_minutes     = optional(number, 15)
      backend_failures       = optional(number, 5)
      rebuild_minutes        = optional(number, 15)
      quota_percent          = optional(number, 80)
      instances_percent      = optional(number, 80)
      certificate_days       = optional(number, 21)
    }), {})
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for address in var.observability.emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "observability.emails has something that is no e-mail address."
  }
  validation {
    condition     = var.image == null || length(var.observability.emails) + length(var.observability.channels) > 0
    error_message = "Nobody would be told of an alert. Set observability = { emails = [\"oncall@example.com\"] }, or channels with the full name of a notification channel of yours (gcloud beta monitoring channels list)."
  }
}

variable "budget" {
  description = "What the project may cost in a month; null: no budget. billing_account: its id, 000000-000000-000000, which whoever applies needs roles/billing.costsManager on (docs/operations.md). amount: whole units of currency, which must be the account's own and is so if left out. thresholds: at which percent of amount somebody is told, by what is spent (current_percent) and by what Google expects of the month (forecast_percent). observability.emails are told, and channels: full names of up to five channels in all, of type email, because a budget takes no others."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string)
    channels        = optional(set(string), [])
    thresholds = optional(object({
      current_percent  = optional(set(number), [50, 90, 100])
      forecast_percent = optional(set(number), [100])
    }), {})
  })
  default = null
  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must be an id like 012345-6789AB-CDEF01, as `gcloud billing projects describe` shows it."
  }
  validation {
    condition     = var.budget == null ? true : var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    error_message = "budget.amount must be a whole number of at least 1."
  }
  validation {
    condition     = try(var.budget.currency, null) == null ? true : can(regex("^[A-Z]{3}$", var.budget.currency))
    error_message = "budget.currency must be three capital letters, like EUR: the currency of the billing account."
  }
  validation {
    condition     = var.budget == null ? true : length(setunion(var.budget.thresholds.current_percent, var.budget.thresholds.forecast_percent)) > 0 && alltrue([for p in setunion(var.budget.thresholds.current_percent, var.budget.thresholds.forecast_percent) : p >= 1 && p <= 1000 && floor(p) == p])
    error_message = "budget.thresholds must have at least one, each a whole percentage of 1 to 1000."
  }
  validation {
    condition     = var.budget == null ? true : length(var.observability.emails) + length(var.budget.channels) >= 1 && length(var.observability.emails) + length(var.budget.channels) <= 5
    error_message = "A budget tells one to five e-mail channels: observability.emails and budget.channels together."
  }
  validation {
    condition     = var.budget == null ? true : alltrue([for channel in var.budget.channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "budget.channels must be full names, projects/P/notificationChannels/ID, of channels of type email."
  }
}
