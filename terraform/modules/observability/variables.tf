variable "project_id" {
  description = "Id of the project that is watched."
  type        = string
}

variable "region" {
  description = "Region of the services."
  type        = string
}

variable "name" {
  description = "Prefix of the names of metrics, alerts and exclusions."
  type        = string
  default     = "licenses"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "domain" {
  description = "Host name of the service, which the uptime check calls."
  type        = string
}

variable "services" {
  description = "Cloud Run service of each function: acquire, heartbeat, release, reaper, control, admin; deliver, where there is one."
  type        = map(string)
  validation {
    condition     = setsubtract(keys(var.services), ["deliver"]) == toset(["acquire", "heartbeat", "release", "reaper", "control", "admin"])
    error_message = "services must name the Cloud Run service of acquire, heartbeat, release, reaper, control and admin, may name deliver's, and nothing else."
  }
}

variable "ledger_instance" {
  description = "Id of the Memorystore instance that is the seat ledger; not its full name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.ledger_instance))
    error_message = "ledger_instance is the instance's id alone, as in the last part of projects/P/locations/L/instances/ID."
  }
}

variable "kms_key" {
  description = "Full name of the key of license tokens."
  type        = string
  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "key_users" {
  description = "E-mail addresses of the accounts that may sign with the key; anybody else who does is an incident."
  type        = list(string)
}

variable "delegations" {
  description = "The keys that sign license tokens in the name of kms_key: full name of the key that encrypts them, e-mail addresses of the accounts that may encrypt (makers) and decrypt (readers). null: kms_key signs each token."
  type = object({
    key     = string
    makers  = list(string)
    readers = list(string)
  })
  default = null
  validation {
    condition     = var.delegations == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.delegations.key))
    error_message = "delegations.key must be projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
  validation {
    condition     = var.delegations == null ? true : length(setintersection(var.delegations.makers, var.delegations.readers)) == 0
    error_message = "delegations: whoever makes them must not be able to decrypt them."
  }
}

variable "record_database" {
  description = "Name of the record's Firestore database."
  type        = string
  default     = "(default)"
}

variable "max_instances" {
  description = "How many instances each public function may have."
  type        = map(number)
}

variable "build_region" {
  description = "Where builds run."
  type        = string
}

variable "scheduler_jobs" {
  description = "Names of the Cloud Scheduler jobs that fire the reaper, and deliver where there is one, and rotate the key; not their full names."
  type = object({
    reaper   = string
    deliver  = optional(string)
    rotation = string
  })
}

variable "notification_channels" {
  description = "Full names of the notification channels that every alert goes to."
  type        = list(string)
  validation {
    condition     = length(var.notification_channels) > 0
    error_message = "notification_channels is empty: incidents would be opened and nobody told."
  }
}

variable "watched_organizations" {
  description = "Organizations whose seats are charted by name. All others are seen by percentile alone: a name is a label of a metric, and labels cost."
  type        = set(string)
  default     = []
  validation {
    condition     = length(var.watched_organizations) <= 50
    error_message = "At most 50 organizations can be watched by name: each makes time series of its own."
  }
  validation {
    condition     = alltrue([for o in var.watched_organizations : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", o))])
    error_message = "watched_organizations has something that is no organization's id (a-z, 0-9 and hyphen, up to 63)."
  }
}

variable "playbooks_url" {
  description = "Where you publish the playbooks, for a link beside the page that each alert carries; null: no link."
  type        = string
  default     = null
  validation {
    condition     = var.playbooks_url == null ? true : can(regex("^https://.*[^/]$", var.playbooks_url))
    error_message = "playbooks_url must begin with https:// and not end with a slash."
  }
}

variable "slo" {
  description = "Objectives. availability: share of requests that are not answered with 5xx. latency: share of new grants answered within latency_ms, cold starts included. days: over how many."
  type = object({
    availability = optional(number, 0.999)
    latency      = optional(number, 0.99)
    latency_ms   = optional(number, 1000)
    days         = optional(number, 30)
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for goal in [var.slo.availability, var.slo.latency] : goal > 0.5 && goal < 1])
    error_message = "slo: a goal is a share above 0.5 and below 1, such as 0.999; 1 leaves no room for a single failure."
  }
  validation {
    condition     = var.slo.days >= 7 && var.slo.days <= 30
    error_message = "slo.days must be 7 to 30: the burn-rate alerts are made for that, and 30 is the longest that Cloud Monitoring rolls."
  }
  validation {
    condition     = var.slo.latency_ms > 0
    error_message = "slo.latency_ms must be positive."
  }
}

variable "thresholds" {
  description = "When the other alerts go off. pool_percent: a license or organization fuller than this. ledger_memory_percent: of the fullest node. signing_key_days: age of the version that signs or certifies. delegation_hours: age of the newest delegation, of twelve hours' life. tokens_per_seat: tokens that are good for each seat of the licenses that acquires are about; 1 + handover is the most there can be. kms_failures: of Cloud KMS in half an hour. control_failures, admin_failures: answers with 5xx of the vendor's door, and of the customers', in half an hour. reaper_silent_minutes, deliver_silent_minutes: without a finished run. event_wait_minutes: that the oldest event waited for deliver. backend_failures: of one backend in 5 minutes, for 5 minutes. rebuild_minutes: how long ledgers keep being rebuilt. quota_percent: of a quota used. instances_percent: of max_instances running. certificate_days: left of the certificate."
  type = object({
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
  })
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for p in [var.thresholds.pool_percent, var.thresholds.ledger_memory_percent, var.thresholds.quota_percent, var.thresholds.instances_percent] : p > 0 && p < 100])
    error_message = "thresholds: a percentage must be above 0 and below 100; at 100 it is too late."
  }
  validation {
    condition     = var.thresholds.reaper_silent_minutes >= 3 && floor(var.thresholds.reaper_silent_minutes) == var.thresholds.reaper_silent_minutes
    error_message = "thresholds.reaper_silent_minutes must be a whole number of at least 3: metrics of a run that just ended arrive two minutes late."
  }
  validation {
    condition     = alltrue([for n in [var.thresholds.deliver_silent_minutes, var.thresholds.event_wait_minutes] : n >= 3 && floor(n) == n])
    error_message = "thresholds: deliver_silent_minutes and event_wait_minutes must be whole numbers of at least 3: deliver runs every minute, and metrics arrive two minutes late."
  }
  validation {
    condition     = alltrue([for n in [var.thresholds.signing_key_days, var.thresholds.rebuild_minutes, var.thresholds.certificate_days] : n >= 1 && floor(n) == n]) && var.thresholds.backend_failures >= 0
    error_message = "thresholds: days and minutes must be whole and positive, backend_failures not negative."
  }
  validation {
    condition     = var.thresholds.delegation_hours > 6 && var.thresholds.delegation_hours < 12
    error_message = "thresholds.delegation_hours must be above 6, when the next is made, and below 12, when it is too late."
  }
  validation {
    condition     = var.thresholds.tokens_per_seat >= 1 && alltrue([for n in [var.thresholds.kms_failures, var.thresholds.control_failures, var.thresholds.admin_failures] : n >= 0])
    error_message = "thresholds: tokens_per_seat must be at least 1, which is no more than a token a seat; kms_failures, control_failures and admin_failures not negative."
  }
}
