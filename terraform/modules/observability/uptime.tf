# From outside, around the world: name, certificate, load balancer, Cloud Armor, the
# acquire function and its key. The key set rather than /live, because it costs no
# more and says more; being asked every minute also keeps the key's age told.
resource "google_monitoring_uptime_check_config" "this" {
  project      = var.project_id
  display_name = "${var.name}: https://${var.domain}"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "/.well-known/jwks.json"
    port         = 443
    use_ssl      = true
    validate_ssl = true
    accepted_response_status_codes {
      status_value = 200
    }
  }
  content_matchers {
    content = "\"kid\"" # a key set with at least one key
    matcher = "CONTAINS_STRING"
  }
  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = var.domain
    }
  }
}
