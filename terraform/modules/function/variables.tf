variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "name" {
  description = "Name of the Cloud Run service."
  type        = string
}

variable "target" {
  description = "FUNCTION_TARGET: which function of the image this is."
  type        = string
  validation {
    condition     = contains(["Acquire", "Heartbeat", "Release", "Reaper", "Control", "Admin", "Deliver"], var.target)
    error_message = "target names no function of the image: set Acquire, Heartbeat, Release, Reaper, Control, Admin or Deliver."
  }
}

variable "image" {
  description = "Image of the first revision, by digest. Later ones come from the pipeline. null: there is none yet, and no service."
  type        = string
  default     = null
}

variable "service_account" {
  description = "E-mail address of the account the function runs as."
  type        = string
}

variable "environment" {
  description = "Environment variables: fields of shared/config.Config."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Environment variables whose values are versions of secrets in Secret Manager, which the function's account may read."
  type = map(object({
    secret  = string
    version = string
  }))
  default = {}
}

variable "size" {
  description = "What the function is given. concurrency: requests of one instance at a time. timeout: of one request, as seconds with an s. billing: requests or instances."
  type = object({
    min_instances = number
    max_instances = number
    concurrency   = number
    cpu           = string
    memory        = string
    timeout       = string
    billing       = string
  })
  validation {
    condition     = var.size.min_instances >= 0 && var.size.max_instances >= 1 && var.size.min_instances <= var.size.max_instances
    error_message = "max_instances must be at least 1, and min_instances between 0 and max_instances: ${var.name} has ${var.size.min_instances} and ${var.size.max_instances}, with what var.size says where nothing was said."
  }
}

variable "callers" {
  description = "Who calls. users: through the load balancer, with tokens that the function checks. scheduler: from within the project, after IAM was asked. staff: the vendor's, from anywhere, after IAM was asked."
  type        = string
  validation {
    condition     = contains(["users", "scheduler", "staff"], var.callers)
    error_message = "callers must be users, scheduler or staff."
  }
}

variable "audiences" {
  description = "Audiences of ID tokens, beside its own address, that Cloud Run accepts for this service."
  type        = list(string)
  default     = []
}

variable "ledger" {
  description = "Whether the function works with the ledger, and so has a way into its network. Without, it has none into any."
  type        = bool
  default     = true
}

variable "network" {
  description = "Id of the network the ledger is in; null without a way into it."
  type        = string
  default     = null
}

variable "subnetwork" {
  description = "Id of the subnetwork that instances take addresses from; null without a way into the network."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of the service and its revisions."
  type        = map(string)
  default     = {}
}

variable "protect" {
  description = "Whether the service cannot be deleted. A service whose first revision does not become ready has to be replaced, which this forbids: turn it on afterwards."
  type        = bool
  default     = false
}
