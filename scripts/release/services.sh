#!/usr/bin/env bash
# services.sh: starts the step services of a build, which answer until it ends:
#   redis:6379      Valkey, configured as production is (noeviction)
#   firestore:8080  Google's Firestore emulator
# on Cloud Build's network, where the other steps reach them by these names
# (https://docs.cloud.google.com/build/docs/build-config-file-schema#network).
#
# Environment: VALKEY_IMAGE, EMULATOR_IMAGE; NETWORK for tests.
set -euo pipefail
: "${VALKEY_IMAGE:?}" "${EMULATOR_IMAGE:?}"
network=${NETWORK:-cloudbuild}

docker run --detach --network "$network" --name redis "$VALKEY_IMAGE" \
	valkey-server --maxmemory-policy noeviction --save ''
docker run --detach --network "$network" --name firestore "$EMULATOR_IMAGE" \
	gcloud emulators firestore start --host-port=0.0.0.0:8080
