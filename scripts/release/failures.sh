#!/usr/bin/env bash
# failures.sh REVISION...: asks Cloud Monitoring what revisions have answered in the
# last ten minutes, whoever asked, and fails if more than FAILURES_PERCENT of a
# revision's answers were 5xx.
#
# Cloud Run's metrics are up to four minutes late: it waits, METRIC_WAIT seconds at
# most, until each revision has answers to show. One that has none by then was asked
# for nothing, or metrics are late: that is no failure, and is said.
#
# Environment: PROJECT; FAILURES_PERCENT, METRIC_WAIT, METRIC_PERIOD (seconds);
# MONITORING_API for tests.
set -euo pipefail
: "${PROJECT:?}"

[ $# -gt 0 ] || {
	echo "usage: failures.sh REVISION..." >&2
	exit 2
}
api=${MONITORING_API:-https://monitoring.googleapis.com}/v1/projects/$PROJECT/location/global/prometheus/api/v1/query
limit=${FAILURES_PERCENT:-1}
wait=${METRIC_WAIT:-300}
period=${METRIC_PERIOD:-15}

say() { printf 'failures: %s\n' "$*" >&2; }

token=$(gcloud auth print-access-token)
[ -n "$token" ] || { say "gcloud gave no access token" && exit 1; }

# count REVISION [LABELS]: answers as a number, empty if there are none; the token
# goes to curl by its standard input.
count() {
	local answer
	answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
		curl --silent --show-error --fail --max-time 30 --config - --get "$api" --data-urlencode \
			"query=sum(increase(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",revision_name=\"$1\"${2:-}}[10m]))") || {
		say "Cloud Monitoring does not answer: the build's account needs monitoring.timeSeries.list"
		return 1
	}
	sed -n 's/.*"value"[[:space:]]*:[[:space:]]*\[[^,]*,[[:space:]]*"\([0-9.e+]*\)".*/\1/p' <<<"$(tr -d '\n' <<<"$answer")"
}

waited=0
for revision in "$@"; do
	all=$(count "$revision") || exit 1
	while [ -z "$all" ] && [ "$waited" -lt "$wait" ]; do
		sleep "$period"
		waited=$((waited + period))
		all=$(count "$revision") || exit 1
	done
	if [ -z "$all" ]; then
		say "$revision: no answers to show after $waited s"
		continue
	fi
	failed=$(count "$revision" ',response_code_class="5xx"') || exit 1
	awk -v revision="$revision" -v all="$all" -v failed="${failed:-0}" -v limit="$limit" 'BEGIN {
		printf "failures: %s: %d of %d answers were 5xx\n", revision, failed + 0.5, all + 0.5
		exit (failed * 100 > all * limit)
	}' >&2 || {
		say "more than $limit %"
		exit 1
	}
done
