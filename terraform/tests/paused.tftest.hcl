# A pause stops every way in and everything that runs by itself, whatever Cloud Armor
# otherwise stands before.
mock_provider "google" {}

variables {
  project_id = "acme-licenses"
  domain     = "licenses.acme.example"
  image      = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  staff         = { invokers = ["group:licensing@acme.example"], accounts = ["licensing@acme-licenses.iam.gserviceaccount.com"] }
  observability = { emails = ["oncall@acme.example"] }
  edge          = { armor = ["acquire"] }
  events        = { enabled = true, webhook_key_version = "1" }
}

run "nobody_comes_in" {
  command = plan
  variables {
    paused = true
  }
  assert {
    condition     = { for name, b in google_compute_backend_service.function : name => b.security_policy == google_compute_security_policy.edge.id } == { acquire = true, admin = true, heartbeat = true, release = true }
    error_message = "Who is not behind Cloud Armor is not stopped by it."
  }
  assert {
    condition     = one([for r in google_compute_security_policy.edge.rule : "${r.action} ${one(one(r.match[*].config[*].src_ip_ranges[*])[0])}" if r.priority == min([for r in google_compute_security_policy.edge.rule : r.priority]...)]) == "deny(502) *"
    error_message = "Before any other rule, everybody must be told to come again later."
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_binding.staff) == 0
    error_message = "The vendor's door must be shut too."
  }
}

run "nothing_runs_by_itself" {
  command = plan
  variables {
    paused = true
  }
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].paused == true && google_cloud_scheduler_job.deliver[0].paused == true
    error_message = "The reaper ends sessions, and deliver tells: neither may while the record is changed."
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_binding.invokers) == 1 && alltrue([for f in module.functions : f.service != null])
    error_message = "Everything must be there to go on with."
  }
}

run "otherwise_nothing_is_stopped" {
  command = plan
  assert {
    condition     = alltrue([for r in google_compute_security_policy.edge.rule : r.action != "deny(502)"]) && { for name, b in google_compute_backend_service.function : name => b.security_policy != null } == { acquire = true, admin = true, heartbeat = false, release = false }
    error_message = "Without a pause nobody is refused, and Cloud Armor stands before those that were chosen."
  }
  assert {
    condition     = google_cloud_scheduler_job.reaper[0].paused == false && google_cloud_scheduler_job.deliver[0].paused == false && length(google_cloud_run_v2_service_iam_binding.staff) == 1
    error_message = "An apply without it must let everything go on, also what was paused by hand."
  }
}
