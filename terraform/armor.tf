# What the load balancer turns away before a function sees it. The functions keep
# the same limits themselves; this saves what a flood would cost.
#
# The preconfigured attack signatures (SQL, script injection) are not used: bodies
# and paths here are short and strictly checked, and long base64 tokens set them off.
locals {
  # A rule that was added beside these by hand is taken away by the next apply: so a
  # pause is one of ours, and an apply that is made while it lasts keeps it.
  armor = { for name, rule in local.armor_rules : name => rule if name != "paused" || var.paused }
  # In order: the first that matches decides.
  armor_rules = {
    paused = {
      priority    = 1
      action      = "deny(502)"
      description = "Paused. Programs wait out a 502 and go on with their license tokens."
      expression  = null
      limit       = null
    }
    oversized = {
      priority    = 1000
      action      = "deny(403)"
      description = "Bodies over 64 KiB. Those over 16 KiB, the contract's limit, are the functions' to answer: 413."
      expression  = "has(request.headers['content-length']) && int(request.headers['content-length']) > 65536"
      limit       = null
    }
    acquire = {
      priority    = 2000
      action      = "throttle"
      description = "Acquire, per address: it costs a signature and a transaction."
      expression  = "request.path == '/api/v1/licenses/acquire'"
      limit       = local.size.edge.acquires_per_minute
    }
    admin = {
      priority    = 2500
      action      = "throttle"
      description = "Administration, per address: it reads a page of documents."
      expression  = "request.path.startsWith('/api/v1/admin/')"
      limit       = local.size.edge.admin_requests_per_minute
    }
    all = {
      priority    = 3000
      action      = "throttle"
      description = "Everything, per address. A customer's whole office may be one address."
      expression  = null
      limit       = local.size.edge.requests_per_minute
    }
  }
}

resource "google_compute_security_policy" "edge" {
  project     = local.project
  name        = var.name
  description = "Rate and size limits of ${var.domain}."
  type        = "CLOUD_ARMOR"

  # How bodies are read by rules that look into them. There are none of ours; a
  # rule that is added, or a preconfigured one, finds JSON parsed. Bodies without a length are
  # the functions' to cut off.
  advanced_options_config {
    json_parsing                 = "STANDARD"
    request_body_inspection_size = "16KB" # the contract's limit
    log_level                    = "NORMAL"
  }

  dynamic "rule" {
    for_each = local.armor
    content {
      priority    = rule.value.priority
      action      = rule.value.action
      description = rule.value.description
      match {
        versioned_expr = rule.value.expression == null ? "SRC_IPS_V1" : null
        dynamic "expr" {
          for_each = rule.value.expression[*]
          content {
            expression = expr.value
          }
        }
        dynamic "config" {
          for_each = rule.value.expression == null ? ["*"] : []
          content {
            src_ip_ranges = [config.value]
          }
        }
      }
      dynamic "rate_limit_options" {
        for_each = rule.value.limit == null ? [] : [rule.value.limit]
        content {
          conform_action = "allow"
          exceed_action  = "deny(429)"
          enforce_on_key = "IP"
          rate_limit_threshold {
            count        = rate_limit_options.value
            interval_sec = 60
          }
        }
      }
    }
  }

  rule {
    priority    = 2147483647
    action      = "allow"
    description = "Required by Cloud Armor; the rules above already matched everything."
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
