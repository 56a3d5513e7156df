# What runs by itself, and as whom: the three schedules and the two triggers.
package main

import rego.v1

deny contains msg if {
	some r in resources("google_cloud_scheduler_job")
	not agreed_schedule(r.after)
	msg := sprintf("%s: may only fire the reaper or deliver as the scheduler, or add a version to the key as the rotation", [r.address])
}

# acts says which account of this service an e-mail address is.
acts(email) := identity(sprintf("serviceAccount:%s", [email]))

agreed_schedule(job) if {
	some t in job.http_target
	some token in t.oidc_token
	who := acts(token.service_account_email)
	who.account == "scheduler"
	count(object.get(t, "oauth_token", [])) == 0
	some f, path in fired
	to_function(t, who, f, path)
	regex.match(sprintf(`^https://[^/]+%s$`, [path]), token.audience)
	job.project == who.project
}

# What the scheduler fires, each by a token for itself.
fired := {"deliver": "/internal/v1/deliver", "reaper": "/internal/v1/reap"}

# A function's address is not known before it is there.
to_function(t, _, _, _) if not t.uri

to_function(t, who, f, path) if {
	some r in resources("google_cloud_run_v2_service")
	r.after.name == sprintf("%s-%s", [who.service, f])
	t.uri == sprintf("%s%s", [r.after.uri, path])
}

to_function(t, who, f, path) if regex.match(sprintf(`^https://%s-%s-[a-z0-9.-]+\.run\.app%s$`, [who.service, f, path]), t.uri)

agreed_schedule(job) if {
	some t in job.http_target
	some token in t.oauth_token
	who := acts(token.service_account_email)
	who.account == "rotation"
	count(object.get(t, "oidc_token", [])) == 0
	parts := split(t.uri, "/")
	in_region(parts[7])
	t.uri == sprintf("https://cloudkms.googleapis.com/v1/projects/%s/locations/%s/keyRings/%s/cryptoKeys/license-tokens/cryptoKeyVersions", [who.project, parts[7], who.service])
	job.project == who.project
}

deny contains msg if {
	some r in resources("google_cloudbuild_trigger")
	not agreed_trigger(r.after)
	msg := sprintf("%s: may only run the repository's own pipeline, as the build account, when a branch moves or by hand", [r.address])
}

agreed_trigger(trigger) if {
	parts := regex.find_all_string_submatch_n(`^projects/([^/]+)/serviceAccounts/(.+)$`, trigger.service_account, 1)[0]
	who := acts(parts[2])
	who.account == "build"
	who.project == parts[1]
	who.project == trigger.project
	own_pipeline(trigger)
	one_source(trigger, who.project)
	every how in ["bitbucket_server_trigger_config", "build", "developer_connect_event_config", "github", "pubsub_config", "trigger_template", "webhook_config"] {
		object.get(trigger, how, []) in {null, []}
	}
	every event in object.get(trigger, "repository_event_config", []) {
		object.get(event, "pull_request", []) in {null, []}
		every push in event.push {
			object.get(push, "tag", "") in {null, ""}
		}
	}
}

# One repository, connected in the project: a pipeline and what it builds are not of
# two, and no address leads past the connection.
one_source(trigger, project) if {
	sources := {object.get(s, "repository", "none") |
		some key in ["git_file_source", "repository_event_config", "source_to_build"]
		some s in trigger[key]
	}
	count(sources) == 1
	some source in sources
	startswith(source, sprintf("projects/%s/", [project]))
	every key in ["git_file_source", "source_to_build"] {
		every s in object.get(trigger, key, []) {
			object.get(s, "uri", "") in {null, ""}
		}
	}
}

own_pipeline(trigger) if trigger.filename == "cloudbuild.yaml"

own_pipeline(trigger) if trigger.git_file_source[_].path == "scripts/release/deploy.yaml"
