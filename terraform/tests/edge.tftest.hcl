# One way in, with TLS, limits and the contract's routes.
mock_provider "google" {
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = {
      dns_resource_record = [{ name = "_acme-challenge.licenses.acme.example.", type = "CNAME", data = "x.authorize.certificatemanager.goog." }]
    }
  }
}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
}

run "routes_of_the_contract" {
  command = plan
  assert {
    condition     = { for r in google_compute_url_map.edge["this"].path_matcher[0].route_rules : r.match_rules[0].path_template_match => r.service } == { "/api/v1/licenses/sessions/*/heartbeat" = google_compute_backend_service.function["heartbeat"].id, "/api/v1/licenses/sessions/*/release" = google_compute_backend_service.function["release"].id, "/api/v1/licenses/sessions/*" = google_compute_backend_service.function["release"].id, "/api/v1/licenses" = google_compute_backend_service.function["admin"].id, "/api/v1/licenses/sessions" = google_compute_backend_service.function["admin"].id, "/api/v1/admin/**" = google_compute_backend_service.function["admin"].id, "/ready" = google_compute_backend_service.function["acquire"].id, "/startup" = google_compute_backend_service.function["acquire"].id, "/internal/**" = google_compute_backend_service.function["acquire"].id, "/api/v1/control/**" = google_compute_backend_service.function["acquire"].id }
    error_message = "Heartbeats, releases and administration must go to their functions."
  }
  assert {
    condition     = { for r in google_compute_url_map.edge["this"].path_matcher[0].route_rules : r.match_rules[0].path_template_match => r.route_action[0].url_rewrite[0].path_template_rewrite if length(r.route_action) > 0 } == { for template in ["/ready", "/startup", "/internal/**", "/api/v1/control/**"] : template => "/not-routed" }
    error_message = "Probes, the reaper and the vendor's door are not for the world."
  }
  assert {
    condition     = google_compute_url_map.edge["this"].path_matcher[0].route_rules[0].priority < google_compute_url_map.edge["this"].path_matcher[0].route_rules[1].priority && google_compute_url_map.edge["this"].path_matcher[0].route_rules[0].match_rules[0].path_template_match == "/api/v1/licenses/sessions/*/heartbeat"
    error_message = "The longer path must be tried first."
  }
  assert {
    condition     = google_compute_url_map.edge["this"].default_service == google_compute_backend_service.function["acquire"].id && google_compute_url_map.edge["this"].path_matcher[0].default_service == google_compute_backend_service.function["acquire"].id
    error_message = "Whatever else is asked for must get a problem document."
  }
  assert {
    condition     = flatten([for h in google_compute_url_map.edge["this"].host_rule : h.hosts]) == ["licenses.acme.example"]
    error_message = "Routes are the domain's."
  }
}

run "one_group_and_backend_per_public_function" {
  command = plan
  assert {
    condition     = { for name, neg in google_compute_region_network_endpoint_group.function : name => neg.cloud_run[0].service } == { acquire = "licenses-acquire", admin = "licenses-admin", heartbeat = "licenses-heartbeat", release = "licenses-release" }
    error_message = "A group must name its service: a URL mask would expose others."
  }
  assert {
    condition     = alltrue([for b in google_compute_backend_service.function : b.security_policy == google_compute_security_policy.edge.id && b.load_balancing_scheme == "EXTERNAL_MANAGED"])
    error_message = "Every backend must be behind Cloud Armor."
  }
}

run "tls_and_nothing_else" {
  command = plan
  assert {
    condition     = toset([for f in google_compute_global_forwarding_rule.edge : f.port_range]) == toset(["443"]) && toset(keys(google_compute_global_forwarding_rule.edge)) == toset(["IPV4", "IPV6"])
    error_message = "There must be no listener but 443: a token sent in the clear is lost before a redirect."
  }
  assert {
    condition     = google_compute_ssl_policy.edge.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.edge.profile == "MODERN"
    error_message = "TLS 1.2 at least."
  }
  assert {
    condition     = google_certificate_manager_certificate.edge.managed[0].domains == tolist(["licenses.acme.example"]) && google_certificate_manager_certificate_map_entry.edge.hostname == "licenses.acme.example"
    error_message = "The certificate must be for the domain."
  }
}

run "limits" {
  command = plan
  assert {
    condition     = toset([for r in google_compute_security_policy.edge.rule : "${r.priority} ${r.action}"]) == toset(["1000 deny(403)", "2000 throttle", "2500 throttle", "3000 throttle", "2147483647 allow"])
    error_message = "Oversized bodies are refused; acquires, administration and everything else are throttled."
  }
  assert {
    condition     = one([for r in google_compute_security_policy.edge.rule : r.match[0].expr[0].expression if r.priority == 1000]) == "has(request.headers['content-length']) && int(request.headers['content-length']) > 65536"
    error_message = "What is far beyond the contract's 16 KiB must be refused at the edge; the functions answer 413 to the rest."
  }
  assert {
    condition     = { for r in google_compute_security_policy.edge.rule : r.priority => r.rate_limit_options[0].rate_limit_threshold[0].count if r.action == "throttle" } == { 2000 = 1200, 2500 = 600, 3000 = 6000 }
    error_message = "Limits must be those of var.edge."
  }
  assert {
    condition     = alltrue([for r in google_compute_security_policy.edge.rule : r.rate_limit_options[0].exceed_action == "deny(429)" && r.rate_limit_options[0].enforce_on_key == "IP" if r.action == "throttle"])
    error_message = "Too many requests of one address must be told so."
  }
  assert {
    condition     = google_compute_security_policy.edge.advanced_options_config[0].json_parsing == "STANDARD" && google_compute_security_policy.edge.advanced_options_config[0].request_body_inspection_size == "16KB"
    error_message = "JSON bodies must be parsed, whole."
  }
}

run "limits_of_another_size" {
  command = plan
  variables {
    size = "production"
    edge = { acquires_per_minute = 3000 }
  }
  assert {
    condition     = { for r in google_compute_security_policy.edge.rule : r.priority => r.rate_limit_options[0].rate_limit_threshold[0].count if r.action == "throttle" } == { 2000 = 3000, 2500 = 1200, 3000 = 30000 }
    error_message = "What was said must win over the size, and the size over nothing."
  }
}

run "armor_on_acquire_alone" {
  command = plan
  variables {
    edge = { armor = ["acquire"] }
  }
  assert {
    condition     = [for name, b in google_compute_backend_service.function : name if b.security_policy != null] == ["acquire", "admin"]
    error_message = "Heartbeats and releases must cost nothing at Cloud Armor, and administration stays behind it."
  }
}

run "no_armor_on_acquire" {
  command = plan
  variables {
    edge = { armor = ["heartbeat"] }
  }
  expect_failures = [var.edge]
}

run "no_limit_of_nothing" {
  command = plan
  variables {
    edge = { admin_requests_per_minute = 0 }
  }
  expect_failures = [var.edge]
}

run "dns_by_hand" {
  command = plan
  assert {
    condition     = length(google_dns_record_set.this) == 0 && keys(output.dns_records) == ["ipv4", "ipv6", "proof"]
    error_message = "Without a zone the records are an output."
  }
}

run "dns_in_a_zone_of_ours" {
  command = plan
  variables {
    edge = { dns_zone = { name = "licenses", create = true } }
  }
  assert {
    condition     = google_dns_managed_zone.this["this"].dns_name == "licenses.acme.example." && google_dns_managed_zone.this["this"].dnssec_config[0].state == "on"
    error_message = "The zone must be the domain's, and signed."
  }
  assert {
    condition     = { for k, r in google_dns_record_set.this : k => r.managed_zone } == { ipv4 = "licenses", ipv6 = "licenses", proof = "licenses" } && google_dns_record_set.this["ipv4"].type == "A" && google_dns_record_set.this["ipv6"].type == "AAAA"
    error_message = "Addresses and proof must be in it."
  }
}

run "dns_in_a_zone_that_is_there" {
  command = plan
  variables {
    edge = { dns_zone = { name = "acme-example" } }
  }
  assert {
    condition     = length(google_dns_managed_zone.this) == 0 && google_dns_record_set.this["proof"].managed_zone == "acme-example"
    error_message = "A zone that is there must be used, not made."
  }
}
