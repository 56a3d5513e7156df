# What is watched, and who is told: modules/observability has metrics, dashboard,
# objectives and alerts; docs/playbooks a page for each alert.
resource "google_monitoring_notification_channel" "email" {
  for_each     = var.observability.emails
  project      = local.project
  display_name = "${var.name}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

module "observability" {
  source   = "./modules/observability"
  for_each = local.edge # there is nothing to watch without services

  project_id      = local.project
  region          = var.region
  name            = var.name
  domain          = var.domain
  services        = { for name, f in module.functions : name => f.name }
  ledger_instance = google_memorystore_instance.ledger.instance_id
  kms_key         = local.key_name
  key_users       = [for member in local.signers : trimprefix(member, "serviceAccount:")]
  delegations = local.delegates ? {
    key     = local.delegation_key_name
    makers  = [local.email["reaper"]]
    readers = [for member in local.issuers : trimprefix(member, "serviceAccount:")]
  } : null
  record_database = google_firestore_database.record.name
  max_instances   = { for name, f in local.functions : name => local.function_size[name].max_instances if f.callers == "users" }
  build_region    = local.build_region
  scheduler_jobs = {
    reaper   = one(google_cloud_scheduler_job.reaper[*].name)
    deliver  = one(google_cloud_scheduler_job.deliver[*].name)
    rotation = google_cloud_scheduler_job.rotation.name
  }

  notification_channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    sort(var.observability.channels),
  )
  watched_organizations = var.observability.watched_organizations
  playbooks_url         = var.observability.playbooks_url
  slo                   = var.observability.slo
  thresholds            = var.observability.thresholds
}
