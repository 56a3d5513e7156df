package main

import rego.v1

email(name) := sprintf("licenses-%s@acme-licenses.iam.gserviceaccount.com", [name])

versions_url := sprintf("https://cloudkms.googleapis.com/v1/%s/cryptoKeyVersions", [key])

fires := {"project": "acme-licenses", "http_target": [{"http_method": "POST", "oidc_token": [{"service_account_email": email("scheduler"), "audience": "https://licenses.acme.example/internal/v1/reap"}]}]}

tells := {"project": "acme-licenses", "http_target": [{"http_method": "POST", "oidc_token": [{"service_account_email": email("scheduler"), "audience": "https://licenses.acme.example/internal/v1/deliver"}]}]}

rotates := {"project": "acme-licenses", "http_target": [{"http_method": "POST", "uri": versions_url, "oauth_token": [{"service_account_email": email("rotation")}]}]}

job := "google_cloud_scheduler_job"

test_the_three_schedules if {
	not denied(job, fires)
	not denied(job, target_with(fires, {"uri": "https://licenses-reaper-abc123-uc.a.run.app/internal/v1/reap"}))
	not denied(job, tells)
	not denied(job, target_with(tells, {"uri": "https://licenses-deliver-abc123-uc.a.run.app/internal/v1/deliver"}))
	not denied(job, rotates)
}

target_with(schedule, change) := object.union(schedule, {"http_target": [object.union(schedule.http_target[0], change)]})

other_schedules := {
	"signs": target_with(rotates, {"uri": sprintf("https://cloudkms.googleapis.com/v1/%s/cryptoKeyVersions/1:asymmetricSign", [key])}),
	"another key": target_with(rotates, {"uri": "https://cloudkms.googleapis.com/v1/projects/acme-licenses/locations/us-central1/keyRings/licenses/cryptoKeys/other/cryptoKeyVersions"}),
	"as acquire": target_with(rotates, {"oauth_token": [{"service_account_email": email("acquire")}]}),
	"as the scheduler": target_with(rotates, {"oauth_token": [{"service_account_email": email("scheduler")}]}),
	"as the build": target_with(fires, {"oidc_token": [{"service_account_email": email("build"), "audience": "https://licenses.acme.example/internal/v1/reap"}]}),
	"somebody's address": target_with(fires, {"uri": "https://collector.evil.example/"}),
	"somebody's reaper": target_with(fires, {"uri": "https://collector.evil.example/internal/v1/reap"}),
	"another service's reaper": target_with(fires, {"uri": "https://payments-reaper-abc123-uc.a.run.app/internal/v1/reap"}),
	"deliver with the reaper's token": target_with(fires, {"uri": "https://licenses-deliver-abc123-uc.a.run.app/internal/v1/deliver"}),
	"the reaper with deliver's token": target_with(tells, {"uri": "https://licenses-reaper-abc123-uc.a.run.app/internal/v1/reap"}),
	"deliver at the reaper's path": target_with(tells, {"uri": "https://licenses-deliver-abc123-uc.a.run.app/internal/v1/reap"}),
	"somebody's deliver": target_with(tells, {"uri": "https://collector.evil.example/internal/v1/deliver"}),
	"another service's deliver": target_with(tells, {"uri": "https://payments-deliver-abc123-uc.a.run.app/internal/v1/deliver"}),
	"deliver as itself": target_with(tells, {"oidc_token": [{"service_account_email": email("deliver"), "audience": "https://licenses.acme.example/internal/v1/deliver"}]}),
	"two tokens": target_with(fires, {"oauth_token": [{"service_account_email": email("rotation")}]}),
	"a topic": {"project": "acme-licenses", "pubsub_target": [{"topic_name": "x"}]},
}

test_other_schedules if passed({name: [job, after] | some name, after in other_schedules}) == set()

repository := "projects/acme-licenses/locations/us-central1/connections/c/repositories/r"

trigger := {
	"project": "acme-licenses", "filename": "cloudbuild.yaml",
	"service_account": sprintf("projects/acme-licenses/serviceAccounts/%s", [email("build")]),
	"repository_event_config": [{"repository": repository, "push": [{"branch": "^main$", "tag": null}], "pull_request": []}],
}

by_hand := object.union(object.remove(trigger, ["filename", "repository_event_config"]), {"git_file_source": [{"path": "scripts/release/deploy.yaml", "repository": repository, "uri": null}], "source_to_build": [{"repository": repository}]})

builds := "google_cloudbuild_trigger"

test_the_two_triggers if {
	not denied(builds, trigger)
	not denied(builds, by_hand)
}

other_triggers := {
	"as acquire": {"service_account": "projects/acme-licenses/serviceAccounts/licenses-acquire@acme-licenses.iam.gserviceaccount.com"},
	"as the default account": {"service_account": "projects/acme-licenses/serviceAccounts/123-compute@developer.gserviceaccount.com"},
	"as nobody knows": {"service_account": null},
	"another file": {"filename": "evil.yaml"},
	"steps of its own": {"build": [{"step": [{"name": "bash"}]}]},
	"anybody's pull request": {"repository_event_config": [{"repository": "r", "pull_request": [{"branch": ".*"}]}]},
	"anybody's pull request, the old way": {"github": [{"pull_request": [{"branch": ".*"}]}]},
	"another's repository": {"repository_event_config": [{"repository": "projects/evil/locations/us-central1/connections/c/repositories/r", "push": [{"branch": "^main$"}]}]},
	"no repository": {"repository_event_config": []},
	"a tag": {"repository_event_config": [{"repository": repository, "push": [{"tag": ".*"}]}]},
	"an address": {"source_to_build": [{"uri": "https://github.com/evil/x", "repository": repository}]},
	"two repositories": {"source_to_build": [{"repository": "projects/acme-licenses/locations/us-central1/connections/c/repositories/others"}]},
	"a web hook": {"webhook_config": [{"secret": "s"}]},
	"a topic": {"pubsub_config": [{"topic": "t"}]},
}

test_other_triggers if {
	passed({name: [builds, object.union(trigger, change)] | some name, change in other_triggers}) == set()
	denied(builds, object.union(by_hand, {"git_file_source": [{"path": "other.yaml"}]}))
}
