#!/usr/bin/env bash
# publish.sh IMAGE:TAG DIGEST_FILE: pushes the image that was built and checked, and
# writes IMAGE@sha256:… to DIGEST_FILE.
#
# It is pushed here, under a tag of its own, because Cloud Build pushes what
# `images:` lists only after the last step, when it is long deployed. Provenance is
# made then, for the digest: the same, for it is the same image. A second tag,
# because tags of the repository cannot be pushed twice.
set -euo pipefail

usage='usage: publish.sh IMAGE:TAG DIGEST_FILE'
image=${1:?$usage} digest_file=${2:?$usage}
name=${image%:*}

fail() {
	printf 'publish: %s\n' "$*" >&2
	exit 1
}

docker tag "$image" "$image-release"
docker push "$image-release"

# The registry's digest; an image that was also pulled may have several.
digest=$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | grep -F "$name@sha256:") ||
	fail "docker knows no digest of $image after the push"
[ "$(wc -l <<<"$digest")" -eq 1 ] || fail "docker knows several digests of $image: $digest"

printf '%s\n' "$digest" >"$digest_file"
printf 'publish: %s\n' "$digest"
