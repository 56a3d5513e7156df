#!/usr/bin/env bash
# firestore-rules.sh FILE: makes FILE the security rules of the record's database,
# by the API of Firebase Rules (https://firebase.google.com/docs/reference/rules/rest):
# a ruleset is made of it, and the database's release points to that. Where it
# does already, nothing is changed: the ruleset's file is named by what it holds.
#
# Environment: PROJECT, DATABASE ("(default)" or a name); RULES_API for tests.
set -euo pipefail

file=${1:?usage: firestore-rules.sh FILE}
: "${PROJECT:?}" "${DATABASE:?}"
api=${RULES_API:-https://firebaserules.googleapis.com}/v1

say() { printf 'firestore rules: %s\n' "$*" >&2; }

# The token goes to curl by its standard input: arguments are in the process list.
token=$(gcloud auth print-access-token)
[ -n "$token" ] || { say "gcloud gave no access token" && exit 1; }

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# call METHOD PATH [BODY] sets status; the body is in $answer.
call() {
	local data=()
	[ $# -lt 3 ] || data=(--header 'Content-Type: application/json' --data "$3")
	status=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
		curl --silent --show-error --max-time 30 --config - --request "$1" "${data[@]}" \
			--output "$answer" --write-out '%{http_code}' "$api/$2")
}

# wanted METHOD PATH [BODY] is call, or the end.
wanted() {
	call "$@"
	[ "$status" = 200 ] && return
	say "$1 $2: $status"
	cat "$answer" >&2
	exit 1
}

# ruleset: the ruleset that the answer names.
ruleset() { grep -oE '"projects/[^/"]+/rulesets/[^/"]+"' "$answer" | head -n 1 | tr -d '"'; }

release=cloud.firestore
[ "$DATABASE" = "(default)" ] || release=cloud.firestore/$DATABASE
release=projects/$PROJECT/releases/$release
name=firestore-$(sha256sum "$file" | cut -c1-64).rules

call GET "$release"
case $status in
200)
	exists=yes
	wanted GET "$(ruleset)"
	if grep -qF "\"$name\"" "$answer"; then
		say "$DATABASE has these rules"
		exit
	fi
	;;
404) exists= ;;
*)
	say "GET $release: $status"
	cat "$answer" >&2
	exit 1
	;;
esac

# A JSON string: backslashes, quotes, tabs, and the ends of lines.
content=$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' "$file" | awk '{ printf "%s\\n", $0 }')
wanted POST "projects/$PROJECT/rulesets" "{\"source\":{\"files\":[{\"name\":\"$name\",\"content\":\"$content\"}]}}"
pointer="{\"name\":\"$release\",\"rulesetName\":\"$(ruleset)\"}"
if [ -n "$exists" ]; then
	wanted PATCH "$release" "{\"release\":$pointer}"
else
	wanted POST "projects/$PROJECT/releases" "$pointer"
fi
say "$DATABASE has new rules"
