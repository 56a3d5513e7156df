# A network for the functions and the seat ledger alone. Nothing in it listens
# to the internet: the functions use it to go out (Direct VPC egress), the ledger
# is reached through Private Service Connect.
resource "google_compute_network" "this" {
  project                 = local.project
  name                    = var.name
  description             = "Functions and seat ledger of ${var.name}."
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

# Every instance of a function takes an address, and twice as many while a
# revision replaces another (https://cloud.google.com/run/docs/configuring/vpc-direct-vpc).
resource "google_compute_subnetwork" "functions" {
  project                  = local.project
  name                     = "${var.name}-functions"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.network.functions_cidr
  private_ip_google_access = true
}

resource "google_compute_subnetwork" "ledger" {
  project                  = local.project
  name                     = "${var.name}-ledger"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.network.ledger_cidr
  private_ip_google_access = true
}

# Who may put endpoints into the network: Memorystore must find this policy
# before its instance is made.
resource "google_network_connectivity_service_connection_policy" "ledger" {
  project       = local.project
  name          = "${var.name}-ledger"
  location      = var.region
  description   = "Endpoints of the seat ledger."
  service_class = "gcp-memorystore"
  network       = google_compute_network.this.id
  psc_config {
    subnetworks = [google_compute_subnetwork.ledger.id]
  }
}
