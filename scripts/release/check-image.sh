#!/usr/bin/env bash
# check-image.sh IMAGE: runs the image that was built as each of the seven
# functions, beside the step service (services.sh), and asks from outside:
#   - with a bad configuration it names the faults and ends with 1;
#   - it answers /live, and /ready says that Redis is reached and can keep seats;
#   - each function answers at its own path, and refuses who has no token.
#
# Firestore, KMS and Identity Platform are Google's own and have no stand-in here: a
# deployed program takes no emulator. /ready says 503 for the project and the key,
# which do not exist; the credentials are the build's own. Everything else
# about the program is tested by `make test-proof` (proof/deployed); what is tested
# here is the image: that the buildpack's main and manifest are what we think.
#
# Environment: NETWORK for tests.
set -euo pipefail

image=${1:?usage: check-image.sh IMAGE}
network=${NETWORK:-cloudbuild}
session=/api/v1/licenses/sessions/00000000-0000-7000-8000-000000000000

work=$(mktemp -d)
finish() {
	local code=$?
	if [ "$code" -ne 0 ]; then
		for f in acquire heartbeat release reaper control admin deliver; do docker logs "image-$f" 2>&1 | tail -n 20 || true; done
	fi
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT

fail() {
	printf 'check image: %s\n' "$*" >&2
	exit 1
}

# ask NAME METHOD PATH prints "STATUS BODY"; an instance may need a while to start.
ask() {
	local status
	status=$(curl --silent --show-error --retry 60 --retry-delay 1 --retry-connrefused --max-time 20 \
		--request "$2" --output "$work/body" --write-out '%{http_code}' "http://image-$1:8080$3") || fail "$1: $2 $3: no answer"
	printf '%s %s\n' "$status" "$(tr -d ' \n' <"$work/body")"
}

# expect NAME METHOD PATH PATTERN: the answer has to match.
expect() {
	local got
	got=$(ask "$1" "$2" "$3")
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $4 ]] || fail "$1: $2 $3: got $got; want $4"
}

# ready NAME: waits until Redis is reached, whatever Firestore and KMS say.
ready() {
	local got
	for _ in {1..60}; do
		got=$(ask_once "$1" /ready)
		[[ $got == *'"redis":"ok"'* ]] && return
		sleep 1
	done
	fail "$1: /ready: $got; want redis ok"
}
ask_once() { curl --silent --max-time 20 "http://image-$1:8080$2" | tr -d ' \n' || true; }

# Nothing is set: every fault in one line, and the end.
if faults=$(docker run --rm --network "$network" --env FUNCTION_TARGET=Acquire "$image" 2>&1); then
	fail "it starts without a configuration"
fi
for variable in GOOGLE_CLOUD_PROJECT REDIS_ADDR KMS_KEY KMS_ENCRYPTION_KEY; do
	[[ $faults == *$variable* ]] || fail "without a configuration it does not speak of $variable: $faults"
done

for target in Acquire Heartbeat Release Reaper Control Admin Deliver; do
	docker run --detach --network "$network" --name "image-${target,,}" \
		--env "FUNCTION_TARGET=$target" \
		--env GOOGLE_CLOUD_PROJECT=image-check \
		--env REDIS_ADDR=redis:6379 \
		--env KMS_KEY=projects/image-check/locations/global/keyRings/none/cryptoKeys/none \
		--env KMS_ENCRYPTION_KEY=projects/image-check/locations/global/keyRings/none/cryptoKeys/none \
		--env REAPER_AUDIENCE=https://image-check.example \
		--env REAPER_SERVICE_ACCOUNT=nobody@image-check.iam.gserviceaccount.com \
		--env STAFF_AUDIENCE=https://image-check.example \
		--env STAFF_ACCOUNTS=nobody@image-check.iam.gserviceaccount.com \
		--env WEBHOOK_KEY=nobodys-key-of-the-check-of-the-image \
		"$image" >/dev/null
done
for f in acquire heartbeat release reaper control admin; do
	expect "$f" GET /live '200 *"status":"ok"*'
	ready "$f"
done
# Deliver has no way to Redis: what it needs, the record, is not there.
expect deliver GET /live '200 *"status":"ok"*'
expect deliver GET /ready '503 *"firestore":*'
refused='401 *"code":"unauthenticated"*'
expect acquire POST /api/v1/licenses/acquire "$refused"
expect acquire GET /openapi.json '200 *"openapi":"3.1*'
expect heartbeat PATCH "$session/heartbeat" "$refused"
expect release DELETE "$session" "$refused"
expect reaper POST / "$refused"
expect deliver POST /internal/v1/deliver "$refused"
expect control GET /api/v1/control/organizations "$refused"
expect admin GET /api/v1/licenses "$refused"
expect admin GET /api/v1/admin/sessions "$refused"
# One image, seven functions: none serves what is another's.
expect release POST /api/v1/licenses/acquire '404 *'
expect acquire GET /api/v1/control/organizations '404 *'
expect control GET /api/v1/admin/sessions '404 *'
expect admin GET /api/v1/control/organizations '404 *'
expect reaper POST /internal/v1/deliver '404 *'
expect deliver POST /internal/v1/reap '404 *'
printf 'check image: %s is the seven functions\n' "$image"
