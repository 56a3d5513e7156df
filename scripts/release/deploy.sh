#!/usr/bin/env bash
# deploy.sh IMAGE@sha256:DIGEST: releases one image to the services: six, and deliver
# where there is one.
#
#   1. Each service gets a revision of the image, without traffic. Cloud Run starts
#      an instance of it (its deployment health check, on by default), and the
#      revision is ready only if its startup probe on /startup passes: with the service's own account, on its own network, it has
#      reached what it needs of Redis, Firestore and KMS. Before all are ready nothing else
#      happens.
#   2. Each gets CANARY_PERCENT of the traffic; the public address is asked
#      SMOKE_ROUNDS times over, and as often a seat is taken, kept and given back
#      (seat.sh), if CANARY_SECRET names the account. Of 45 rounds at 10 %, one
#      release in a hundred misses the new revision of a function that is asked once
#      a round. Then Cloud Run's own count says what the new revisions have
#      answered, everybody's requests included (failures.sh).
#   3. Each gets all of it, as "latest": what Terraform changes later then takes
#      the traffic too. The public address is asked again.
#
# If anything fails from 2 on, all get the traffic they had before.
#
# A revision without traffic cannot be called from a build: the services of users take
# requests from the load balancer alone and have no run.app address, which a tag
# would need. Before the reaper, deliver and control IAM asks, which lets no build in. Hence 1,
# and the small step 2.
#
# Two releases at once: whoever finds that a service is not as it left it stops
# before it moves traffic. (Two that look in the same second both go on; the one
# that moves traffic last wins, service by service. Run one at a time.)
#
# Environment: PROJECT, REGION, SERVICES (what their names begin with), URL,
# CANARY_PERCENT (0: none), CANARY_SECRET (empty: no seat is taken), DELIVER (true:
# there is deliver; Terraform knows, the build's account may not list), DEPLOY (other
# than true: only the digest is printed, for the first image of a project, which has
# no services yet, and where a person approves first); SMOKE_ROUNDS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

image=${1:?usage: deploy.sh IMAGE@sha256:DIGEST}
: "${PROJECT:?}" "${REGION:?}" "${SERVICES:?}" "${URL:?}" "${CANARY_PERCENT:?}"

functions=(acquire heartbeat release reaper control admin)
[ "${DELIVER:-false}" != true ] || functions+=(deliver)
readonly functions
readonly rounds=${SMOKE_ROUNDS:-45}
declare -A before after

# What a failure leaves behind.
readonly pinned="they stay on these revisions until the next release. Until then never --to-latest: the latest is the image that failed"

say() { printf 'deploy: %s\n' "$*" >&2; }
fail() {
	say "$*"
	exit 1
}

[[ $image =~ ^[^@[:space:]]+@sha256:[0-9a-f]{64}$ ]] ||
	fail "$image is not a digest: a tag could be another image tomorrow, or on the third service"
if [ "${DEPLOY:-true}" != true ]; then
	say "not deployed, as wanted. To release it, where there are services:"
	say "  gcloud builds triggers run $SERVICES-release --project=$PROJECT --region=REGION_OF_BUILDS --branch=main --substitutions=_DIGEST=${image##*@}"
	say "the image is"
	printf '%s\n' "$image"
	exit
fi
[[ $CANARY_PERCENT =~ ^[0-9]{1,2}$ ]] || fail "CANARY_PERCENT is $CANARY_PERCENT: a number from 0 to 99"

run() { gcloud run services "$@" --project="$PROJECT" --region="$REGION" --quiet; }

# traffic SERVICE: who serves it, as REVISION=PERCENT,…
traffic() {
	run describe "$1" --flatten='status.traffic[]' \
		--format='value[separator="="](status.traffic.revisionName,status.traffic.percent)' |
		grep -E '=[1-9][0-9]*$' | paste -sd, -
}

# newest SERVICE: its newest revision, the newest that is ready, the newest's image.
newest() {
	run describe "$1" --format='value[separator=" "](status.latestCreatedRevisionName,status.latestReadyRevisionName,spec.template.spec.containers[0].image)'
}

# roll_back gives every service what it had. It goes on after a failure: three
# services on old revisions are better than two.
roll_back() {
	local f lost=()
	say "FAILED: all traffic goes back to where it was"
	for f in "${functions[@]}"; do
		run update-traffic "$SERVICES-$f" --to-revisions="${before[$f]}" || lost+=("$f")
	done
	if [ ${#lost[@]} -eq 0 ]; then
		say "rolled back: all services have the traffic they had; $pinned"
		return
	fi
	{
		printf '\n****************************************************************\n'
		printf '  THE ROLLBACK FAILED TOO. These services may serve the new image:\n\n'
		for f in "${lost[@]}"; do
			printf '  gcloud run services update-traffic %s --project=%s --region=%s --to-revisions=%s\n' \
				"$SERVICES-$f" "$PROJECT" "$REGION" "${before[$f]}"
		done
		printf '\n  Run these lines by hand, now.\n'
		printf '****************************************************************\n\n'
	} >&2
}

# take_seats ROUNDS works as a customer's program would.
take_seats() {
	if [ -n "${CANARY_SECRET:-}" ]; then
		./seat.sh "$URL" "$1"
	else
		say "NO SEAT IS TAKEN: CANARY_SECRET is not set, so nobody has tried what customers do"
	fi
}

moving=
finish() {
	local code=$?
	trap - EXIT
	if [ "$code" -ne 0 ]; then
		if [ -n "$moving" ]; then roll_back; else say "FAILED: no traffic was moved; $pinned"; fi
	fi
	exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM INT # a build that is cancelled or out of time

for f in "${functions[@]}"; do
	before[$f]=$(traffic "$SERVICES-$f") || fail "$SERVICES-$f is not there, or serves nobody: terraform apply makes it"
done

for f in "${functions[@]}"; do
	# update, not deploy: that would make a service that is missing.
	run update "$SERVICES-$f" --image="$image" --no-traffic
	after[$f]=$(newest "$SERVICES-$f")
	read -r created ready runs <<<"${after[$f]}"
	[ "$runs" = "$image" ] || fail "$SERVICES-$f runs $runs: somebody else deploys too"
	[ "$created" = "$ready" ] || fail "$SERVICES-$f: $created is not ready"
done

for f in "${functions[@]}"; do
	[ "$(traffic "$SERVICES-$f")" = "${before[$f]}" ] || fail "$SERVICES-$f has other traffic than before: somebody else deploys too"
	[ "$(newest "$SERVICES-$f")" = "${after[$f]}" ] || fail "$SERVICES-$f has a newer revision: somebody else deploys too"
done

moving=yes
if [ "$CANARY_PERCENT" -ne 0 ]; then
	for f in "${functions[@]}"; do
		run update-traffic "$SERVICES-$f" --to-revisions="${after[$f]%% *}=$CANARY_PERCENT"
	done
	say "$CANARY_PERCENT % of the traffic"
	./smoke.sh "$URL" "$rounds"
	take_seats "$rounds"
	revisions=()
	for f in acquire heartbeat release admin; do revisions+=("${after[$f]%% *}"); done # what customers call
	./failures.sh "${revisions[@]}"
fi
for f in "${functions[@]}"; do
	run update-traffic "$SERVICES-$f" --to-latest
	[ "$(traffic "$SERVICES-$f")" = "${after[$f]%% *}=100" ] || fail "$SERVICES-$f: latest is another revision by now"
done
say "all of the traffic"
./smoke.sh "$URL"
take_seats 1

say "released $image"
for f in "${functions[@]}"; do say "$SERVICES-$f: ${after[$f]%% *}, before: ${before[$f]}"; done
