output "address" {
  description = "Where clients find the service, once DNS and certificate are ready."
  value       = "https://${var.domain}"
  depends_on  = [google_compute_global_forwarding_rule.edge]
}

output "dns_records" {
  description = "Records the domain needs: its addresses, and the proof for the certificate. Entered already if edge.dns_zone is set."
  value       = local.dns_records
}

output "name_servers" {
  description = "Name servers of a zone made here, to be entered at the domain's registrar; empty otherwise."
  value       = flatten([for z in google_dns_managed_zone.this : z.name_servers])
}

output "repository" {
  description = "Where images are pushed: REGION-docker.pkg.dev/PROJECT/REPOSITORY."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "substitutions" {
  description = "Substitutions for `gcloud builds submit`."
  value       = local.substitutions
}

output "source_bucket" {
  description = "Bucket that `gcloud builds submit` uploads source to."
  value       = google_storage_bucket.source.name
}

output "build_service_account" {
  description = "Name of the account that builds run as."
  value       = google_service_account.this["build"].name
}

output "build_region" {
  description = "Where builds run: `gcloud builds submit --region`."
  value       = local.build_region
}

output "services" {
  description = "Cloud Run service of each function."
  value       = { for name, f in module.functions : name => f.name }
}

output "service_accounts" {
  description = "E-mail address of each account: the functions', build, rotation and scheduler."
  value       = local.email
}

output "control_url" {
  description = "Address of the vendor's door, or null while there is no image. Only invokers of var.staff are let in."
  value       = module.functions["control"].uri
}

output "control_audience" {
  description = "What tokens for the vendor's door are made for."
  value       = local.staff_audience
}

output "signing_key" {
  description = "Name of the key of license tokens: programs that pin a key pin this one's."
  value       = local.key_name
}

output "delegation_key" {
  description = "Name of the key that encrypts delegations."
  value       = local.delegation_key_name
}

output "events_topic" {
  description = "Topic of Pub/Sub where deliver publishes every event; null without one."
  value       = one(google_pubsub_topic.events[*].id)
}

output "ledger" {
  description = "Name of the seat ledger's instance."
  value       = local.ledger_name
}

output "record" {
  description = "Name of the record's database."
  value       = google_firestore_database.record.name
}

output "provider_secrets" {
  description = "Secret that holds each sign-in provider's client secret; add a version before you name the provider in var.identity."
  value       = { for name, s in google_secret_manager_secret.provider : name => s.id }
}

output "tenants" {
  description = "Identity Platform's id of each tenant: the organization's id in the record."
  value       = { for name, t in google_identity_platform_tenant.this : name => t.name }
}

output "dashboard" {
  description = "Id of the dashboard, or null while there are no services."
  value       = one([for o in module.observability : o.dashboard])
}

output "playbooks" {
  description = "Page of each alert."
  value       = merge([for o in module.observability : o.playbooks]...)
}
