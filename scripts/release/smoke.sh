#!/usr/bin/env bash
# smoke.sh URL [ROUNDS]: asks the public address what anybody may ask, and fails
# at the first answer that is not the contract's (docs/architecture.md,
# openapi.yaml). It needs no account: a call without a token must be refused as a
# problem document, which only the right function does at the right path.
#
# Nothing is tried again: an answer that fails once fails a customer.
#
# The reaper, deliver and control are not behind the public address. That their revisions
# started says that they reach what they need; alerts say if one of the first two does not
# run, and if the third fails.
set -euo pipefail

url=${1:?usage: smoke.sh URL [ROUNDS]}
rounds=${2:-1}
url=${url%/}

# A UUID that no session has.
readonly session=/api/v1/licenses/sessions/00000000-0000-7000-8000-000000000000
readonly json=application/json problem=application/problem+json keys=application/jwk-set+json

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect STATUS CONTENT_TYPE PATTERN METHOD PATH (JSON may have a space after a colon)
expect() {
	local status=$1 type=$2 text=$3 method=$4 path=$5 got
	: >"$work/body"
	got=$(curl --silent --show-error --max-time 20 --request "$method" --output "$work/body" \
		--write-out '%{http_code} %{content_type}' "$url$path") || got="nothing"
	case $got in
	"$status $type"*)
		if grep -qE -- "$text" "$work/body"; then return; fi
		got="$got, without $text"
		;;
	esac
	printf 'smoke: %s %s: got %s; want %s %s with %s\n' "$method" "$url$path" "$got" "$status" "$type" "$text" >&2
	return 1
}

for ((round = 1; round <= rounds; round++)); do
	expect 200 "$json" '"status": ?"ok"' GET /live
	expect 404 "$problem" '"code": ?"not_found"' GET /nothing-is-here
	expect 200 "$keys" '"alg": ?"(ES|RS)256"' GET /.well-known/jwks.json
	expect 200 "$json" '"openapi": ?"3[.]1' GET /openapi.json
	expect 401 "$problem" '"code": ?"unauthenticated"' POST /api/v1/licenses/acquire
	expect 401 "$problem" '"code": ?"unauthenticated"' PATCH "$session/heartbeat"
	expect 401 "$problem" '"code": ?"unauthenticated"' DELETE "$session"
	expect 401 "$problem" '"code": ?"unauthenticated"' GET /api/v1/licenses
	expect 401 "$problem" '"code": ?"unauthenticated"' GET /api/v1/admin/sessions
done
printf 'smoke: %s answers as it should (%d times)\n' "$url" "$rounds"
