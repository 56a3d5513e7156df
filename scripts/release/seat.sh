#!/usr/bin/env bash
# seat.sh URL [ROUNDS]: takes a seat, keeps it with a heartbeat and gives it back, as
# a customer's program does, and fails at the first answer that is not the
# contract's. It signs in once, as the canary's user.
#
# The account is in the secret CANARY_SECRET, as JSON on one line:
#   {"api_key":"…","email":"canary@…","password":"…"}
# of a user whose organization has a license with a free seat
# (docs/operations.md, section 5). Neither it nor a token is printed, or an argument
# of a program.
#
# Environment: PROJECT, CANARY_SECRET; IDENTITY_API for tests.
set -euo pipefail
: "${PROJECT:?}" "${CANARY_SECRET:?}"

url=${1:?usage: seat.sh URL [ROUNDS]}
rounds=${2:-1}
url=${url%/}
identity=${IDENTITY_API:-https://identitytoolkit.googleapis.com}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077

fail() {
	printf 'seat: %s\n' "$*" >&2
	exit 1
}

# field NAME: the text of a member of the JSON object on standard input.
field() { sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"\\]*\)".*/\1/p' | head -n 1; }

gcloud secrets versions access latest --secret="$CANARY_SECRET" --project="$PROJECT" >"$work/account" 2>"$work/error" ||
	fail "the canary's account cannot be read: fill the secret $CANARY_SECRET (docs/operations.md), or set CANARY_SECRET to nothing. $(tail -n 1 "$work/error")"
key=$(field api_key <"$work/account")
email=$(field email <"$work/account")
password=$(field password <"$work/account")
if [ -z "$key" ] || [ -z "$email" ] || [ -z "$password" ]; then fail "the secret $CANARY_SECRET must hold api_key, email and password, as JSON on one line"; fi

# call METHOD URL [BODY] [TOKEN] prints the status; the answer is in $work/body.
# Secrets go to curl by its standard input: arguments are in the process list.
call() {
	local config="request = \"$1\"" quoted
	if [ -n "${3:-}" ]; then
		printf '%s' "$3" >"$work/request"
		config+=$'\nheader = "Content-Type: application/json"\ndata-binary = "@'"$work/request"'"'
	fi
	[ -z "${4:-}" ] || config+=$'\nheader = "Authorization: Bearer '"$4"'"'
	quoted=${2//\"/}
	: >"$work/body"
	printf 'url = "%s"\n%s\n' "$quoted" "$config" |
		curl --silent --show-error --max-time 20 --config - --output "$work/body" --write-out '%{http_code}' || printf 'nothing'
}

status=$(call POST "$identity/v1/accounts:signInWithPassword?key=$key" "{\"email\":\"$email\",\"password\":\"$password\",\"returnSecureToken\":true}")
[ "$status" = 200 ] || fail "the canary's user cannot sign in: $status"
token=$(tr -d '\n' <"$work/body" | field idToken)
[ -n "$token" ] || fail "signing in gave no token"

# expect STATUSES WHAT: the last answer.
expect() {
	case " $1 " in
	*" $status "*) return ;;
	esac
	fail "$2: got $status $(tr -d '\n' <"$work/body" | field code), want ${1// / or } (round $round)"
}

for ((round = 1; round <= rounds; round++)); do
	status=$(call POST "$url/api/v1/licenses/acquire" '{"hardware_id":"canary","client":{"name":"canary"}}' "$token")
	expect "200 201" acquire
	session=$(tr -d '\n' <"$work/body" | field session_id)
	[[ $session =~ ^[0-9a-f-]{36}$ ]] || fail "acquire: no session_id in the answer"
	[ -n "$(tr -d '\n' <"$work/body" | field license_token)" ] || fail "acquire: no license_token in the answer"
	status=$(call PATCH "$url/api/v1/licenses/sessions/$session/heartbeat" "" "$token")
	expect 200 heartbeat
	status=$(call DELETE "$url/api/v1/licenses/sessions/$session" "" "$token")
	expect 204 release
	status=$(call PATCH "$url/api/v1/licenses/sessions/$session/heartbeat" "" "$token")
	expect "404 410" "heartbeat of a seat that was given back"
done
printf 'seat: taken, kept and given back (%d times)\n' "$rounds"
