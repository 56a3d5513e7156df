# A heartbeat that succeeded is worth a count, not three stored lines: they would
# be nearly all of the log. What is kept tells enough: a warning or worse (no token
# could be signed), and every heartbeat that did not succeed. No alert
# matches a line that is excluded here; metrics count it all the same.
locals {
  succeeded = ["httpRequest.status>=200", "httpRequest.status<300"]

  exclusions = {
    # The function's own line.
    heartbeat-lines = concat([
      "resource.type=\"cloud_run_revision\"",
      "resource.labels.service_name=\"${var.services["heartbeat"]}\"",
      "log_id(\"run.googleapis.com/stdout\")",
      "jsonPayload.operation=\"heartbeat\"",
      "severity<WARNING",
    ], local.succeeded)
    # Cloud Run's.
    heartbeat-requests = concat([
      "resource.type=\"cloud_run_revision\"",
      "resource.labels.service_name=\"${var.services["heartbeat"]}\"",
      "log_id(\"run.googleapis.com/requests\")",
    ], local.succeeded)
    # The load balancer's. What Cloud Armor refused is no 2xx.
    heartbeat-edge = concat([
      "resource.type=\"http_load_balancer\"",
      "log_id(\"requests\")",
      "httpRequest.requestUrl=~\"^https://${replace(var.domain, ".", "[.]")}/api/v1/licenses/sessions/[^/]+/heartbeat\"",
    ], local.succeeded)
  }
}

resource "google_logging_project_exclusion" "this" {
  for_each    = local.exclusions
  project     = var.project_id
  name        = "${var.name}-${each.key}"
  description = "Heartbeats that succeeded; metrics count them all the same."
  filter      = join("\nAND ", each.value)
}
