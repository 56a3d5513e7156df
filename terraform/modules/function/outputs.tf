output "name" {
  description = "Name of the Cloud Run service. It is known before the service is there, but what uses it waits for it."
  value       = var.name
  depends_on  = [google_cloud_run_v2_service.this]
}

output "uri" {
  description = "Address of the service, or null while there is no image."
  value       = one(google_cloud_run_v2_service.this[*].uri)
}

output "service" {
  description = "The service as planned, for tests: null while there is no image."
  value       = one(google_cloud_run_v2_service.this)
}
