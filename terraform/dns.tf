# The names of the service: its addresses, and the proof for its certificate. With
# edge.dns_zone unset they are an output, to be entered wherever the domain lives.
locals {
  zone = var.edge.dns_zone == null ? {} : { this = var.edge.dns_zone }
  # The zone's name, once it is there.
  zone_name = one(concat(
    [for z in google_dns_managed_zone.this : z.name],
    [for z in values(local.zone) : z.name if !z.create],
  ))

  # One record in fact; a list to the provider.
  proof = google_certificate_manager_dns_authorization.edge.dns_resource_record
  dns_records = {
    ipv4  = { name = "${var.domain}.", type = "A", data = google_compute_global_address.edge["IPV4"].address }
    ipv6  = { name = "${var.domain}.", type = "AAAA", data = google_compute_global_address.edge["IPV6"].address }
    proof = { name = one(local.proof[*].name), type = one(local.proof[*].type), data = one(local.proof[*].data) }
  }
}

resource "google_dns_managed_zone" "this" {
  for_each    = { for k, z in local.zone : k => z if z.create }
  project     = local.project
  name        = each.value.name
  dns_name    = "${var.domain}."
  description = "Names of ${var.domain}."
  labels      = local.labels
  dnssec_config {
    state = "on"
  }
}

resource "google_dns_record_set" "this" {
  for_each     = var.edge.dns_zone == null ? {} : local.dns_records
  project      = local.project
  managed_zone = local.zone_name
  name         = each.value.name
  type         = each.value.type
  ttl          = 300
  rrdatas      = [each.value.data]
}
