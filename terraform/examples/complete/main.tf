# Everything the module can do: providers, tenants, a zone, a trigger, another
# region for the record, alerts to people, sizes for many thousand seats. For your
# own copy, add a backend: the state holds secrets (../../root.tf.example).
#
# The first apply goes without image, providers and tenants: the providers' secrets
# are filled by hand once they are there (docs/operations.md, step 8).
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
  project               = "acme-licenses"
  region                = "europe-west1"
  user_project_override = true
  billing_project       = "acme-licenses"
}

module "licenses" {
  source     = "../.."
  project_id = "acme-licenses"
  region     = "europe-west1"
  domain     = "licenses.acme.example"
  image      = "europe-west1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  labels     = { environment = "production", cost-center = "licensing" }

  size = "production"

  # Over the size, one by one. Heartbeats come evenly, day and night: instances that
  # are billed as such cost less than a fee for each.
  functions = {
    heartbeat = { cpu = "2", memory = "1Gi", billing = "instances" }
  }
  # Tokens that end with the seats that expire; the module's default lets a program
  # work offline for an hour.
  settings = {
    TOKEN_TTL = "5m"
    LOG_LEVEL = "info"
  }

  network = { functions_cidr = "10.40.0.0/22", ledger_cidr = "10.40.128.0/28" }
  ledger = {
    mode   = "CLUSTER"
    shards = 3
    maintenance = {
      day      = "TUESDAY"
      hour_utc = 2
    }
  }
  record = {
    database = "licenses"
    location = "eur3" # survives the loss of a region
  }

  identity = {
    authorized_domains  = ["portal.acme.example"]
    email_sign_in       = false
    mfa                 = "MANDATORY"
    check_revoked       = true
    user_administrators = ["control", "admin"] # owners and admins invite their own people
    providers = {
      google = { client_id = "1234567890-abc.apps.googleusercontent.com" }
      github = { client_id = "Iv1.0123456789abcdef" }
    }
    tenants = {
      globex  = { email_sign_in = false, providers = ["google"] }
      initech = { email_sign_in = false, providers = ["google", "github"] }
    }
  }

  # Cloud Run lets in the group's accounts and the billing system's; of these the
  # function takes the two it is told of.
  staff = {
    invokers = ["group:licensing@acme.example", "serviceAccount:billing@acme-billing.iam.gserviceaccount.com"]
    accounts = ["billing@acme-billing.iam.gserviceaccount.com", "licensing@acme-licenses.iam.gserviceaccount.com"]
  }

  # Once the secret licenses-webhook-key has its first version (docs/operations.md).
  events = { enabled = true, webhook_key_version = "1" }

  edge = {
    dns_zone = { name = "licenses-acme-example", create = true }
    armor    = ["acquire"] # heartbeats and releases are limited by user
  }

  observability = {
    emails                = ["oncall@acme.example"]
    channels              = ["projects/acme-licenses/notificationChannels/1234567890"] # a pager, made by hand
    watched_organizations = ["globex", "initech"]
    playbooks_url         = "https://wiki.acme.example/licenses/playbooks"
    slo                   = { availability = 0.9995 }
  }

  # The record's writes too: who changed a license beside the vendor's door.
  audit_logs = { firestore = ["ADMIN_READ", "DATA_WRITE"] }

  # Of a billing account in euros; whoever applies may administer its costs.
  budget = {
    billing_account = "012345-6789AB-CDEF01"
    amount          = 2000
    currency        = "EUR"
    channels        = ["projects/acme-billing/notificationChannels/987654321"] # the finance department's address
    thresholds      = { current_percent = [50, 80, 100], forecast_percent = [100, 150] }
  }

  build = {
    repository = "projects/acme-licenses/locations/europe-west1/connections/github/repositories/coditect-licenses"
  }

  # Once their first revisions are ready.
  protect = { services = true }
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

output "control_url" {
  description = "Where the vendor's staff and programs make organizations and licenses."
  value       = module.licenses.control_url
}

output "control_audience" {
  description = "What their tokens are made for."
  value       = module.licenses.control_audience
}

output "events_topic" {
  description = "Where every event is published."
  value       = module.licenses.events_topic
}

output "name_servers" {
  description = "Enter these at the registrar of the domain."
  value       = module.licenses.name_servers
}

output "tenants" {
  description = "The organizations' ids in the record."
  value       = module.licenses.tenants
}
