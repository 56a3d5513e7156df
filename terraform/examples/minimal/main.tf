# The least that works: a project, a domain, an image, somebody who sells, and
# somebody to tell.
# Everything else is the module's default, which suits up to 2,000 seats.
terraform {
  required_version = ">= 1.10"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.46"
    }
  }
}

provider "google" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id
}

module "licenses" {
  source     = "../.."
  project_id = var.project_id
  region     = var.region
  domain     = var.domain
  image      = var.image

  staff         = { invokers = ["serviceAccount:${var.staff_account}"], accounts = [var.staff_account] }
  observability = { emails = [var.alert_email] }
}

variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "domain" {
  description = "Host name of the service."
  type        = string
}

variable "staff_account" {
  description = "Service account that organizations and licenses are made as."
  type        = string
}

variable "alert_email" {
  description = "Who is told when something is wrong."
  type        = string
}

variable "image" {
  description = "Image by digest; null at the first apply, when there is none yet."
  type        = string
  default     = null
}

output "dns_records" {
  description = "Enter these where the domain lives."
  value       = module.licenses.dns_records
}

output "substitutions" {
  description = "For `gcloud builds submit`."
  value       = module.licenses.substitutions
}

output "source_bucket" {
  description = "Where `gcloud builds submit` uploads source."
  value       = module.licenses.source_bucket
}

output "build_service_account" {
  description = "Whom builds run as."
  value       = module.licenses.build_service_account
}
