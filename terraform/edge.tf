# The way in: a global load balancer at the service's name. There is no listener
# on port 80: a token that is sent in the clear is known to others before a
# redirect can say so.
locals {
  # The functions behind it exist once there is an image.
  edge   = var.image == null ? {} : { this = true }
  public = { for name, f in local.functions : name => f if f.callers == "users" && var.image != null }
  # Few people administer, and a page of theirs costs as much as a hundred heartbeats: what
  # Cloud Armor asks for a request is nothing beside it. A pause is a rule of Cloud Armor's,
  # so while it lasts every function is behind it.
  armored = var.paused ? toset(keys(local.public)) : setunion(var.edge.armor, ["admin"])

  # The contract's paths (api.md), tried in this order. Whatever else is asked for
  # goes to acquire, which answers 404 as a problem document.
  routes = [
    { function = "heartbeat", template = "/api/v1/licenses/sessions/*/heartbeat" },
    { function = "release", template = "/api/v1/licenses/sessions/*/release" },
    { function = "release", template = "/api/v1/licenses/sessions/*" },
    { function = "admin", template = "/api/v1/licenses" },
    { function = "admin", template = "/api/v1/licenses/sessions" },
    { function = "admin", template = "/api/v1/admin/**" },
    # What is ready is the platform's to know, and the paths of the reaper, of deliver and
    # of the vendor's door have no business here: asked from outside, each is a 404 like any path
    # that is not there.
    { function = "acquire", template = "/ready", rewrite = "/not-routed" },
    { function = "acquire", template = "/startup", rewrite = "/not-routed" },
    { function = "acquire", template = "/internal/**", rewrite = "/not-routed" },
    { function = "acquire", template = "/api/v1/control/**", rewrite = "/not-routed" },
  ]
  # Checked by Google whenever the routes change.
  route_tests = {
    "/api/v1/licenses/acquire"                                                                                         = "acquire"
    "/api/v1/licenses/sessions/0199aaaa-0000-7000-8000-000000000000/heartbeat"                                         = "heartbeat"
    "/api/v1/licenses/sessions/0199aaaa-0000-7000-8000-000000000000/release"                                           = "release"
    "/api/v1/licenses/sessions/0199aaaa-0000-7000-8000-000000000000"                                                   = "release"
    "/api/v1/licenses"                                                                                                 = "admin"
    "/api/v1/licenses/sessions"                                                                                        = "admin"
    "/api/v1/admin/sessions"                                                                                           = "admin"
    "/api/v1/admin/sessions/0199aaaa-0000-7000-8000-000000000000"                                                      = "admin"
    "/api/v1/administrators"                                                                                           = "acquire"
    "/.well-known/jwks.json"                                                                                           = "acquire"
    "/openapi.json"                                                                                                    = "acquire"
    "/live"                                                                                                            = "acquire"
    "/ready"                                                                                                           = "acquire"
    "/startup"                                                                                                         = "acquire"
    "/internal/v1/reap"                                                                                                = "acquire"
    "/internal/v1/deliver"                                                                                             = "acquire"
    "/internal/v1/organizations/0199aaaa-0000-7000-8000-000000000000/rebuild"                                          = "acquire"
    "/api/v1/control/organizations"                                                                                    = "acquire"
    "/api/v1/control/organizations/0199aaaa-0000-7000-8000-000000000000/sessions/0199aaaa-0000-7000-8000-000000000000" = "acquire"
  }
}

resource "google_compute_global_address" "edge" {
  for_each   = toset(["IPV4", "IPV6"])
  project    = local.project
  name       = "${var.name}-${lower(each.value)}"
  ip_version = each.value
}

# By name and service, never by a URL mask: that would expose any service whose
# name fits.
resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = local.public
  project               = local.project
  name                  = "${var.name}-${each.key}"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = module.functions[each.key].name
  }
}

resource "google_compute_backend_service" "function" {
  for_each              = local.public
  project               = local.project
  name                  = "${var.name}-${each.key}"
  description           = "The ${each.key} function."
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = contains(local.armored, each.key) ? google_compute_security_policy.edge.id : null
  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }
  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "edge" {
  for_each        = local.edge
  project         = local.project
  name            = var.name
  default_service = google_compute_backend_service.function["acquire"].id

  host_rule {
    hosts        = [var.domain]
    path_matcher = "api"
  }
  path_matcher {
    name            = "api"
    default_service = google_compute_backend_service.function["acquire"].id
    dynamic "route_rules" {
      for_each = local.routes
      content {
        priority = route_rules.key + 1
        service  = google_compute_backend_service.function[route_rules.value.function].id
        match_rules {
          path_template_match = route_rules.value.template
        }
        dynamic "route_action" {
          for_each = try([route_rules.value.rewrite], [])
          content {
            url_rewrite {
              path_template_rewrite = route_action.value
            }
          }
        }
      }
    }
  }

  dynamic "test" {
    for_each = local.route_tests
    content {
      host    = var.domain
      path    = test.key
      service = google_compute_backend_service.function[test.value].id
    }
  }
}

# A certificate that Google renews. It is proven by a DNS record, so it can be
# ready before any traffic comes here.
resource "google_certificate_manager_dns_authorization" "edge" {
  project = local.project
  name    = var.name
  domain  = var.domain
  labels  = local.labels
}

resource "google_certificate_manager_certificate" "edge" {
  project = local.project
  name    = var.name
  labels  = local.labels
  managed {
    domains            = [var.domain]
    dns_authorizations = [google_certificate_manager_dns_authorization.edge.id]
  }
}

resource "google_certificate_manager_certificate_map" "edge" {
  project = local.project
  name    = var.name
  labels  = local.labels
}

resource "google_certificate_manager_certificate_map_entry" "edge" {
  project      = local.project
  name         = var.name
  map          = google_certificate_manager_certificate_map.edge.name
  hostname     = var.domain
  certificates = [google_certificate_manager_certificate.edge.id]
  labels       = local.labels
}

resource "google_compute_ssl_policy" "edge" {
  project         = local.project
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "edge" {
  for_each        = local.edge
  project         = local.project
  name            = var.name
  url_map         = google_compute_url_map.edge[each.key].id
  certificate_map = "//certificatemanager.googleapis.com/${google_certificate_manager_certificate_map.edge.id}"
  ssl_policy      = google_compute_ssl_policy.edge.id
}

resource "google_compute_global_forwarding_rule" "edge" {
  for_each              = var.image == null ? {} : google_compute_global_address.edge
  project               = local.project
  name                  = each.value.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_protocol           = "TCP"
  port_range            = "443"
  ip_address            = each.value.id
  target                = google_compute_target_https_proxy.edge["this"].id
  labels                = local.labels
}
