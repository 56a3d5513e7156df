#!/usr/bin/env bash
# rollback.sh IMAGE@sha256:DIGEST: gives all traffic of the services to their
# newest revisions of an image that they ran before. Without an argument it shows
# which those are.
#
# A service that has no such revision keeps its traffic, and so do all others:
# revisions are looked up before anything moves. Then each service gets a revision
# of that image as its newest, without traffic, so that what Terraform changes
# later is made of it. The services stay pinned until the next release, or until
# `gcloud run services update-traffic … --to-latest`.
#
# Environment: PROJECT, REGION, SERVICES (what their names begin with).
set -euo pipefail
: "${PROJECT:?}" "${REGION:?}" "${SERVICES:?}"

functions=(acquire heartbeat release reaper control admin)
# Deliver is there where events are. Without an answer nothing is done: a service that is
# forgotten would stay on the image that is left.
deliver=$(gcloud run services list --project="$PROJECT" --region="$REGION" --quiet \
	--filter="metadata.name=$SERVICES-deliver" --format='value(metadata.name)')
[ -z "$deliver" ] || functions+=(deliver)
readonly functions
declare -A revision

revisions() {
	gcloud run revisions list --service="$SERVICES-$1" --project="$PROJECT" --region="$REGION" --quiet \
		--sort-by=~metadata.creationTimestamp "${@:2}"
}

if [ $# -eq 0 ]; then
	for f in "${functions[@]}"; do
		revisions "$f" --limit=10 --format='table(metadata.name,metadata.creationTimestamp.date(),spec.containers[0].image)'
	done
	exit
fi

image=$1
for f in "${functions[@]}"; do
	revision[$f]=$(revisions "$f" --limit=1 --filter="spec.containers.image=\"$image\"" --format='value(metadata.name)')
	if [ -z "${revision[$f]}" ]; then
		printf 'rollback: %s has no revision of %s; nothing was changed\n' "$SERVICES-$f" "$image" >&2
		exit 1
	fi
done
failed=0
for f in "${functions[@]}"; do
	gcloud run services update-traffic "$SERVICES-$f" --project="$PROJECT" --region="$REGION" --quiet \
		--to-revisions="${revision[$f]}=100" || failed=1
done
for f in "${functions[@]}"; do
	gcloud run services update "$SERVICES-$f" --project="$PROJECT" --region="$REGION" --quiet \
		--image="$image" --no-traffic || failed=1
done
exit "$failed"
