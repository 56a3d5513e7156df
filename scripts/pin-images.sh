#!/usr/bin/env bash
# pin-images.sh [--list] [FILE...]: names every image that builds use by its digest,
# beside its version: NAME:VERSION becomes NAME:VERSION@sha256:…, as the registry
# has it at this moment. An image that has a digest keeps it; take it off to have
# it written anew, for example with a new version.
#
# --list asks nobody: it prints the images without a digest.
#
# Images are what `name:` of a step, --builder=, …_IMAGE= and FROM name. The default
# files are those of this repository.
#
# Environment: REGISTRY_SCHEME for tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

list=
if [ "${1:-}" = --list ]; then
	list=yes
	shift
fi
[ $# -gt 0 ] || set -- cloudbuild.yaml scripts/release/deploy.yaml Dockerfile
scheme=${REGISTRY_SCHEME:-https}

# Of one platform's image and of lists for several, whichever there is.
readonly accept='Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'

fail() {
	printf 'pin images: %s\n' "$*" >&2
	exit 1
}

# unpinned FILE...: images with a version and no digest, each once.
unpinned() {
	sed -nE \
		-e 's/^[[:space:]]*(- )?name:[[:space:]]+([^[:space:]]+:[^[:space:]]+)$/\2/p' \
		-e 's/.*(--builder|_IMAGE)=([^[:space:]"]+:[^[:space:]"]+).*/\2/p' \
		-e 's/^FROM[[:space:]]+(--[^[:space:]]+[[:space:]]+)?([^[:space:]]+:[^[:space:]]+).*/\2/p' \
		"$@" | grep -v '@sha256:' | grep -v '[$]' | sort -u || true
}

# header NAME FILE: of the last answer, without its end of line.
header() { tr -d '\r' <"$2" | sed -n "s/^$1: *//Ip" | tail -n 1; }

# digest IMAGE: asks its registry (https://distribution.github.io/distribution/spec/api/),
# with a token for anybody where the registry wants one.
digest() {
	local name=${1%:*} version=${1##*:} registry answer challenge realm token
	case ${name%%/*} in
	*.* | *:* | localhost)
		registry=${name%%/*}
		name=${name#*/}
		;;
	*)
		registry='registry-1.docker.io'
		[[ $name == */* ]] || name=library/$name
		;;
	esac
	answer=$(mktemp)
	local url=$scheme://$registry/v2/$name/manifests/$version
	curl --silent --show-error --max-time 30 --head --header "$accept" --output "$answer" "$url" || return 1
	challenge=$(header www-authenticate "$answer")
	if [ -n "$challenge" ]; then
		realm=$(sed -n 's/.*realm="\([^"]*\)".*/\1/p' <<<"$challenge")
		token=$(curl --silent --show-error --fail --max-time 30 --get "$realm" \
			--data-urlencode "service=$(sed -n 's/.*service="\([^"]*\)".*/\1/p' <<<"$challenge")" \
			--data-urlencode "scope=repository:$name:pull" | sed -n 's/.*"\(access_\)\{0,1\}token"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\2/p')
		curl --silent --show-error --max-time 30 --head --header "$accept" --header "Authorization: Bearer $token" --output "$answer" "$url" || return 1
	fi
	header docker-content-digest "$answer"
	rm -f "$answer"
}

images=$(unpinned "$@")
if [ -n "$list" ]; then
	[ -z "$images" ] || printf '%s\n' "$images"
	exit
fi
for image in $images; do
	found=$(digest "$image") || fail "$image: its registry does not answer"
	[[ $found =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$image: the registry has no such image, or tells no digest"
	for file in "$@"; do
		# Not where a digest follows already; # is in no image's name.
		sed -E -i "s#${image//./\\.}([^A-Za-z0-9@._-]|\$)#$image@$found\\1#g" "$file"
	done
	printf '%s@%s\n' "$image" "$found"
done
