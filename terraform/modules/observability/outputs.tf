output "dashboard" {
  description = "Id of the dashboard."
  value       = google_monitoring_dashboard.this.id
}

output "alerts" {
  description = "Full name of each alert's policy."
  value       = { for key, policy in google_monitoring_alert_policy.this : key => policy.name }
}

output "playbooks" {
  description = "Page of each alert: in the repository, or where playbooks_url says."
  value       = { for key, page in local.pages : key => var.playbooks_url == null ? page : "${var.playbooks_url}/${basename(page)}" }
}

output "slos" {
  description = "Full name of each objective."
  value       = { for key, slo in google_monitoring_slo.this : key => slo.name }
}

output "metrics" {
  description = "Type of each metric made of log lines."
  value       = { for key, metric in google_logging_metric.this : key => "logging.googleapis.com/user/${metric.name}" }
}
