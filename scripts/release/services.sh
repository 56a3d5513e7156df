#!/usr/bin/env bash
# services.sh: starts the step service of a build, which answers until it ends:
#   redis:6379  Valkey, configured as production is (noeviction)
# on Cloud Build's network, where the other steps reach it by this name
# (https://docs.cloud.google.com/build/docs/build-config-file-schema#network).
#
# Environment: VALKEY_IMAGE; NETWORK for tests.
set -euo pipefail
: "${VALKEY_IMAGE:?}"
network=${NETWORK:-cloudbuild}

docker run --detach --network "$network" --name redis "$VALKEY_IMAGE" \
	valkey-server --maxmemory-policy noeviction --save ''
