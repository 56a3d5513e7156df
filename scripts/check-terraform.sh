#!/usr/bin/env bash
# Checks terraform/ with no cloud: format, schema and tests of the module, the
# policies' own tests, and every example's plan against the policies, the
# functions' configuration and docs/operations.md.
#
#   check-terraform.sh [--faults]
#
# --faults plants faults instead, one by one: each must be noticed.
#
# Cold, OpenTofu and conftest are built from their Go modules, which takes
# minutes; afterwards seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CONFTEST=github.com/open-policy-agent/conftest@v0.71.1
tfcheck=../shared/tfcheck
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tfcheck
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -x "$tfcheck/check.sh" ] && [ ! -f "$tfcheck/check.sh" ]; then
  echo "check-terraform: $tfcheck/check.sh is missing; it holds the provider's schema" >&2
  exit 1
fi

conftest() { CGO_ENABLED=0 go run "$CONFTEST" "$@"; }

# plan EXAMPLE OUT [ARG...]: the plan of a folder of $work/terraform, as JSON.
plan() {
  local dir=$1 out=$2
  shift 2
  (
    cd "$work/terraform/$dir"
    "$cache/tofu" get >/dev/null
    "$cache/tofu" plan -refresh=false -lock=false -input=false -no-color -out="$work/p" "$@" >"$work/plan.log" 2>&1 ||
      { cat "$work/plan.log" >&2; exit 1; }
    "$cache/tofu" show -json "$work/p"
  ) >"$out"
}

# A copy, so that nothing is left behind; the provider is the stub that
# check.sh has built.
prepare() {
  rm -rf "$work/terraform"
  cp -r terraform "$work/terraform"
  cat >"$work/tofurc" <<R
disable_checkpoint = true
provider_installation {
  dev_overrides {
    "registry.opentofu.org/hashicorp/google" = "$cache/provider"
  }
  direct {}
}
R
  export TF_CLI_CONFIG_FILE=$work/tofurc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
}

examples() {
  plan examples/minimal "$work/minimal.json"
  plan examples/complete "$work/complete.json"
  for size in small production; do
    plan . "$work/$size.json" -var-file="sizes/$size.tfvars" \
      -var=project_id=acme-licenses -var=domain=licenses.acme.example \
      -var="image=us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:$(printf '0%.0s' {1..64})"
  done
}

check() {
  bash "$tfcheck/check.sh" terraform
  conftest fmt --check terraform/policy
  conftest verify --policy terraform/policy
  prepare
  examples
  conftest test --policy terraform/policy "$work"/{minimal,complete,small,production}.json
  go -C proof build -o "$work/plancheck" ./deployment/plancheck
  "$work/plancheck" --doc docs/operations.md "$work/minimal.json"
  "$work/plancheck" "$work"/{complete,small,production}.json
}

# noticed [ENTITY] says what refuses the copy in $work/terraform, or NOTHING; with
# an entity, only its tests are run.
noticed() {
  if ! (cd "$work/terraform" && "$cache/tofu" get && "$cache/tofu" validate) >/dev/null 2>&1; then
    echo schema
  elif ! (cd "$work/terraform" && "$cache/tofu" test ${1:+-filter="tests/$1.tftest.hcl"}) >/dev/null 2>&1; then
    echo tests
  elif ! plan examples/complete "$work/fault.json" 2>/dev/null; then
    echo plan
  elif ! conftest test --policy terraform/policy "$work/fault.json" >/dev/null 2>&1; then
    echo policies
  else
    echo NOTHING
  fi
}

# fault BY NAME ENTITY FILE FROM TO: with FROM replaced by TO once in FILE, the
# copy must be refused by BY: schema, tests, plan or policies. (A fault that breaks the
# copy altogether would prove nothing.)
faults=0 missed=0
fault() {
  local want=$1 name=$2 entity=$3 file=$work/terraform/$4 by
  prepare
  python3 - "$file" "$5" "$6" <<'P'
import sys
path, old, new = sys.argv[1:]
text = open(path).read()
if text.count(old) < 1:
    sys.exit(f"{path} has no {old!r}: mend the fault")
open(path, "w").write(text.replace(old, new, 1))
P
  faults=$((faults + 1))
  by=$(noticed "$entity")
  [ "$by" = "$want" ] || missed=$((missed + 1))
  printf '%-48s noticed by %s\n' "$name" "$by"
}

plant() {
  bash "$tfcheck/check.sh" terraform >/dev/null
  prepare
  if [ "$(noticed)" != NOTHING ]; then
    echo "the folder is refused without any fault: run this script without --faults" >&2
    exit 1
  fi
  fault schema "an argument that does not exist" ledger ledger.tf 'node_type      =' 'node_kind      ='
  fault schema "a value the provider does not have" ledger ledger.tf '"AOF"' '"AOFF"'
  fault tests "maxmemory-policy left at its default" ledger ledger.tf 'engine_configs = { "maxmemory-policy" = "noeviction" }' ''
  fault tests "a ledger anybody may enter" ledger ledger.tf '"IAM_AUTH"' '"AUTH_DISABLED"'
  fault tests "a ledger in the clear" ledger ledger.tf '"SERVER_AUTHENTICATION"' '"TRANSIT_ENCRYPTION_DISABLED"'
  fault tests "a public reaper, by the switch" functions modules/function/main.tf 'invoker_iam_disabled = var.public' 'invoker_iam_disabled = true'
  fault tests "a public reaper, by a binding" functions functions.tf '[local.member["scheduler"]]' '["allUsers"]'
  fault tests "a reaper reachable from outside" functions modules/function/main.tf '"INGRESS_TRAFFIC_INTERNAL_ONLY"' '"INGRESS_TRAFFIC_ALL"'
  fault tests "a function around the load balancer" functions modules/function/main.tf 'default_uri_disabled = var.public' 'default_uri_disabled = false'
  fault tests "a widened role on the record" record record.tf 'local.role.record_user' '"roles/datastore.owner"'
  fault tests "a role on the whole project" build build.tf '"roles/run.developer"' '"roles/run.admin"'
  fault tests "release signs" token functions.tf 'release   = { target = "Release", signs = false' 'release   = { target = "Release", signs = true'
  fault tests "acquire adds key versions" token token.tf 'members       = [local.member["rotation"]]' 'members       = [local.member["rotation"], local.member["acquire"]]'
  fault tests "a custom role that grew" token token.tf '["cloudkms.cryptoKeyVersions.create"]' '["cloudkms.cryptoKeyVersions.create", "cloudkms.cryptoKeyVersions.destroy"]'
  fault tests "another algorithm" token token.tf 'RSA_SIGN_PKCS1_4096_SHA256' 'RSA_SIGN_PSS_4096_SHA256'
  fault tests "a record without a past" record record.tf 'var.record.point_in_time_recovery ?' 'false ?'
  fault tests "an index on a time" record record.tf '"acquired_at", ' ''
  fault tests "a backend without Cloud Armor" edge edge.tf '  security_policy       = google_compute_security_policy.edge.id
' ''
  fault tests "a listener in the clear" edge edge.tf '"443"' '"80"'
  fault tests "anonymous users" identity identity.tf 'enabled = false' 'enabled = true'
  fault tests "a grant nobody has agreed to" grants build.tf '# What cloudbuild.yaml is told' '}
resource "google_project_iam_member" "extra" {
  project = local.project
  role    = "roles/editor"
  member  = local.member["build"]
}
locals {
  # What'
  fault tests "an alert that reaches nobody" observability modules/observability/alerts.tf 'notification_channels = var.notification_channels' 'notification_channels = []'
  fault tests "an alert without a playbook" observability modules/observability/alerts.tf '.page}.md' '.page}.txt'
  fault tests "a reaper that may be silent for an hour" observability modules/observability/variables.tf 'reaper_silent_minutes = optional(number, 5)' 'reaper_silent_minutes = optional(number, 60)'
  printf '%d faults, %d missed\n' "$faults" "$missed"
  [ "$missed" -eq 0 ]
}

case ${1:-} in
  '') check ;;
  --faults) plant ;;
  *) sed -n '2,12p' "$0" >&2; exit 2 ;;
esac
