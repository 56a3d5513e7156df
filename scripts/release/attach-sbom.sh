#!/usr/bin/env bash
# attach-sbom.sh IMAGE@sha256:DIGEST SBOM: attaches a bill of materials to the image
# that was published. A step of its own, because the command is a preview of Google's
# that no release may wait for.
#
# Environment: PROJECT, REGION, REPOSITORY.
set -euo pipefail

usage='usage: attach-sbom.sh IMAGE@sha256:DIGEST SBOM'
image=${1:?$usage} sbom=${2:?$usage}
: "${PROJECT:?}" "${REGION:?}" "${REPOSITORY:?}"

fail() {
	printf 'attach sbom: %s\n' "$*" >&2
	exit 1
}

[[ $image =~ ^[^@[:space:]]+@sha256:[0-9a-f]{64}$ ]] || fail "$image is not a digest"
[ -s "$sbom" ] || fail "$sbom is missing or empty"
digest=${image##*@sha256:}
gcloud artifacts attachments create "sbom-${digest:0:12}" --project="$PROJECT" --location="$REGION" --repository="$REPOSITORY" \
	--target="$image" --attachment-type=application/spdx+json --files="$sbom" --quiet
