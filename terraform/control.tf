# The vendor's door: who may come to it. It is the only function with an address that
# the internet reaches beside the load balancer, so two ask who calls: Cloud Run's IAM
# check, by the grant below, and then the function itself, by STAFF_ACCOUNTS.
locals {
  # A name of our own, as the reaper has one: tokens are made for it, whatever address
  # Cloud Run gives the service, now and if it is ever made anew.
  staff_audience = "https://${var.domain}/api/v1/control"
}

# Authoritative: any other account that is made an invoker loses it at the next apply.
# Its members are people and programs of the vendor's; none of their accounts is made here.
# While the service is paused nobody is one: what they changed would be changed in a record
# that is about to be left.
resource "google_cloud_run_v2_service_iam_binding" "staff" {
  count    = var.image == null || var.paused ? 0 : 1
  project  = local.project
  location = var.region
  name     = module.functions["control"].name
  role     = "roles/run.invoker"
  members  = var.staff.invokers
}
