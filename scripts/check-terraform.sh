#!/usr/bin/env bash
# Checks terraform/ with no cloud: format, schema and tests of the module, the
# policies' own tests, every example's plan against the policies, the functions'
# configuration and docs/operations.md; that a plan after an apply has nothing to
# do, and that a small installation grows into a large one with nothing made anew.
#
#   check-terraform.sh [--faults]
#
# --faults plants faults instead, one by one: each must be noticed.
#
# Where a provider registry is reached, the real provider says what is right, with
# the tofu on the path; it needs no account, because nothing is applied. Where none
# is, the checker beside the repository does ($TFCHECK, by default ../shared/tfcheck):
# it builds OpenTofu and a stand-in with the provider's schema. The first line says
# which. Only the stand-in can be applied, so only it shows what follows an apply.
#
# Cold, OpenTofu and conftest are built from their Go modules, which takes
# minutes; afterwards seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CONFTEST=github.com/open-policy-agent/conftest@v0.71.1
tfcheck=${TFCHECK:-../shared/tfcheck}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tfcheck
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'check-terraform: %s\n' "$*"; }

conftest() { CGO_ENABLED=0 go run "$CONFTEST" "$@"; }

# choose decides who knows the provider.
choose() {
  local registry=${TF_REGISTRY:-https://registry.opentofu.org}
  if command -v tofu >/dev/null && curl -sf --max-time 10 -o /dev/null "$registry/v1/providers/hashicorp/google/versions"; then
    tofu=tofu provider=registry
    say "with the real provider: $registry is reached"
  elif [ -f "$tfcheck/check.sh" ]; then
    tofu=$cache/tofu provider=checker
    say "with the checker in $tfcheck: no provider registry is reached, or there is no tofu on the path"
  else
    cat >&2 <<E
check-terraform: nobody here knows the provider. Do one of these:
  - install OpenTofu 1.10 or later (https://opentofu.org/docs/intro/install) where $registry can be reached
  - name the checker's folder: TFCHECK=/path/to/tfcheck $0
E
    exit 1
  fi
  export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
}

# in_folder DIR ARG...: tofu in a folder of the copy; what it says is shown if it fails.
in_folder() {
  local dir=$1
  shift
  (
    cd "$work/terraform/$dir"
    "$tofu" "$@" >"$work/tofu.log" 2>&1 || { code=$?; cat "$work/tofu.log" >&2; exit "$code"; }
  )
}

# modules DIR: what a folder needs before it can be planned.
modules() {
  if [ "$provider" = registry ]; then in_folder "$1" init -backend=false -no-color; else in_folder "$1" get; fi
}

# plan DIR OUT [ARG...]: the plan of a folder, as JSON.
plan() {
  local dir=$1 out=$2
  shift 2
  modules "$dir"
  in_folder "$dir" plan -refresh=false -lock=false -no-color -out="$work/p" "$@"
  (cd "$work/terraform/$dir" && "$tofu" show -json "$work/p") >"$out"
}

# A copy, so that nothing is left behind.
prepare() {
  rm -rf "$work/terraform" "$work/docs"
  cp -r terraform docs "$work/"
  find "$work/terraform" -name .terraform -type d -prune -exec rm -rf {} +
  if [ "$provider" = registry ]; then
    export GOOGLE_OAUTH_ACCESS_TOKEN=none # nobody is asked anything
    return
  fi
  # The stand-in that check.sh has built.
  cat >"$work/tofurc" <<R
disable_checkpoint = true
provider_installation {
  dev_overrides {
    "registry.opentofu.org/hashicorp/google" = "$cache/provider"
  }
  direct {}
}
R
  export TF_CLI_CONFIG_FILE=$work/tofurc
}

image=us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:$(printf '0%.0s' {1..64})
values=(-var=project_id=acme-licenses -var=domain=licenses.acme.example
  -var='staff={invokers=["group:licensing@acme.example"],accounts=["licensing@acme-licenses.iam.gserviceaccount.com"]}'
  -var='observability={emails=["oncall@acme.example"]}')

module() {
  if [ "$provider" = checker ]; then
    bash "$tfcheck/check.sh" terraform
    prepare
    return
  fi
  prepare
  modules .
  in_folder . fmt -check -diff -recursive
  in_folder . validate -no-color
  in_folder . test -no-color
}

examples() {
  plan examples/minimal "$work/minimal.json"
  plan examples/complete "$work/complete.json"
  for size in small production; do
    plan . "$work/$size.json" "${values[@]}" -var="image=$image" -var="size=$size"
  done
  for signing in kms migrating; do
    plan . "$work/$signing.json" "${values[@]}" -var="image=$image" -var="token_signing=$signing"
  done
  plan . "$work/paused.json" "${values[@]}" -var="image=$image" -var=paused=true -var='edge={armor=["acquire"]}'
}

# settled DIR [ARG...]: applied, a plan has nothing to do.
settled() {
  local dir=$1
  shift
  in_folder "$dir" apply -auto-approve -lock=false -no-color "$@"
  in_folder "$dir" plan -detailed-exitcode -lock=false -no-color "$@" || {
    say "a plan of $dir ($*) after its apply has something to do" >&2
    return 1
  }
}

# after_an_apply plays an installation's life with the stand-in, which answers with
# what it is sent. It knows no DNS authorization, whose record is entered in the
# zone of the complete example.
after_an_apply() {
  settled examples/minimal
  settled examples/complete -exclude=module.licenses.google_dns_record_set.this
  settled . "${values[@]}"
  settled . "${values[@]}" -var="image=$image" -var=size=small
  for signing in migrating kms migrating delegated; do
    settled . "${values[@]}" -var="image=$image" -var=size=small -var="token_signing=$signing"
  done
  plan . "$work/growth.json" "${values[@]}" -var="image=$image" -var=size=production
  "$work/plancheck" --growth "$work/growth.json"
  settled . "${values[@]}" -var="image=$image" -var=size=production
  plan . "$work/replaced.json" "${values[@]}" -var="image=$image" -var=size=production \
    '-replace=google_service_account.this["acquire"]'
  "$work/plancheck" --replaced acquire "$work/replaced.json"
  plan . "$work/generation.json" "${values[@]}" -var="image=$image" -var=size=production -var='ledger={generation=2}'
  "$work/plancheck" --generation "$work/generation.json"
  record_elsewhere
  region_lost
  say "nothing to do after an apply; grows, makes its ledger anew, takes another record and leaves its region, and keeps what it must"
}

# page NAME: a block of commands of docs/operations.md.
page() { sed -n "/<!-- $1:begin -->/,/<!-- $1:end -->/p" docs/operations.md | grep -v -e '^<!--' -e '^```'; }

# record_elsewhere follows docs/operations.md, "The record under another name", as far as
# the stand-in goes, which imports nothing: paused, the former record is forgotten with
# all that is its, and a plan with another changes nothing of it.
record_elsewhere() {
  local here=("${values[@]}" -var=size=production -var="image=$image" -var=paused=true)
  local there=("${here[@]}" -var='record={database="licenses-restored"}')
  settled . "${here[@]}"
  mkdir -p "$work/bin"
  ln -sf "$tofu" "$work/bin/tofu"
  (cd "$work/terraform" && PATH=$work/bin:$PATH bash -euo pipefail -c "$(cd "$OLDPWD" && page record-forget)" >"$work/forgotten")
  if ! grep -qP '^sessions status:ASCENDING license_id:ASCENDING part:ASCENDING acquired_at:DESCENDING\tgoogle_firestore_index\.live_sessions\["license"\]$' "$work/terraform/indexes.txt"; then
    say "what an index was of is not kept:" >&2
    cat "$work/terraform/indexes.txt" >&2
    return 1
  fi
  plan . "$work/restored.json" "${there[@]}"
  "$work/plancheck" --restored "$work/restored.json"
  settled . "${there[@]}"
  settled . "${there[@]}" -var=paused=false
}

# region_lost follows docs/operations.md, "Another region": the commands are the page's.
region_lost() {
  local forget here=("${values[@]}" -var=size=production -var='record={location="nam5"}') there
  there=("${here[@]}" -var=region=us-east4 -var='build={region="us-central1"}'
    -var='network={functions_cidr="10.21.0.0/22",ledger_cidr="10.21.128.0/28"}')
  forget=$(page region | tr -d '\\\n')
  settled . "${here[@]}" -var="image=$image"
  # shellcheck disable=SC2086 # words of a command
  in_folder . ${forget#tofu }
  plan . "$work/region.json" "${there[@]}"
  "$work/plancheck" --moved "$work/region.json"
  settled . "${there[@]}"
  settled . "${there[@]}" -var="image=${image/us-central1/us-east4}"
}

check() {
  choose
  module
  conftest fmt --check terraform/policy
  conftest verify --policy terraform/policy
  examples
  conftest test --policy terraform/policy "$work"/{minimal,complete,small,production,kms,migrating,paused}.json
  go -C proof build -o "$work/plancheck" ./deployment/plancheck
  "$work/plancheck" --doc docs/operations.md "$work/minimal.json"
  "$work/plancheck" "$work"/{complete,small,production,kms,migrating,paused}.json
  if [ "$provider" = checker ]; then after_an_apply; fi
}

# noticed [ENTITY] says what refuses the copy in $work/terraform, or NOTHING; with
# an entity, only its tests are run.
noticed() {
  if ! { modules . && in_folder . validate; } >/dev/null 2>&1; then
    echo schema
  elif ! in_folder . test ${1:+-filter="tests/$1.tftest.hcl"} >/dev/null 2>&1; then
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

# shellcheck disable=SC2016 # what is written in the files, not variables of ours
plant() {
  choose
  module >/dev/null
  if [ "$(noticed)" != NOTHING ]; then
    echo "the folder is refused without any fault: run this script without --faults" >&2
    exit 1
  fi
  fault schema "an argument that does not exist" ledger ledger.tf 'node_type      =' 'node_kind      ='
  fault schema "a value the provider does not have" ledger ledger.tf '"AOF"' '"AOFF"'
  fault tests "maxmemory-policy left at its default" ledger ledger.tf 'engine_configs = { "maxmemory-policy" = "noeviction" }' ''
  fault tests "a ledger anybody may enter" ledger ledger.tf '"IAM_AUTH"' '"AUTH_DISABLED"'
  fault tests "a ledger in the clear" ledger ledger.tf '"SERVER_AUTHENTICATION"' '"TRANSIT_ENCRYPTION_DISABLED"'
  fault tests "a public reaper, by the switch" functions modules/function/main.tf 'invoker_iam_disabled = local.public' 'invoker_iam_disabled = true'
  fault tests "a public reaper, by a binding" functions reaper.tf '[local.member["scheduler"]]' '["allUsers"]'
  fault tests "a reaper reachable from outside" functions modules/function/main.tf '"INGRESS_TRAFFIC_INTERNAL_ONLY"' '"INGRESS_TRAFFIC_ALL"'
  fault tests "a function around the load balancer" functions modules/function/main.tf 'default_uri_disabled = local.public' 'default_uri_disabled = false'
  fault tests "a vendor's door that only the project reaches" control modules/function/main.tf '"INGRESS_TRAFFIC_ALL"' '"INGRESS_TRAFFIC_INTERNAL_ONLY"'
  fault tests "a vendor's door that believes anybody's token" control functions.tf 'STAFF_ACCOUNTS    = join(",", sort(var.staff.accounts))' 'STAFF_ACCOUNTS    = "@acme.example"'
  fault tests "a vendor's door open to everybody" control variables.tf 'can(regex("^(group:' 'can(regex("^(all.*|group:'
  fault tests "a vendor's door behind the load balancer" edge edge.tf 'if f.callers == "users" && var.image' 'if f.callers != "scheduler" && var.image'
  fault tests "every function deletes" record record.tf '    "datastore.entities.update",' '    "datastore.entities.update",
    "datastore.entities.delete",'
  fault tests "an audit that is kept for ever" record record.tf 'toset(["audit", "deliveries",' 'toset(["deliveries",'
  fault policies "a function that sells" edge control.tf 'members  = var.staff.invokers' 'members  = [local.member["acquire"]]'
  fault tests "a widened role on the record" record record.tf 'local.role.record_user' '"roles/datastore.owner"'
  fault tests "a role on the whole project" build build.tf '"roles/run.developer"' '"roles/run.admin"'
  fault tests "release signs" token functions.tf 'release   = { target = "Release", signs = false' 'release   = { target = "Release", signs = true'
  fault tests "acquire adds key versions" token token.tf 'members       = [local.member["rotation"]]' 'members       = [local.member["rotation"], local.member["acquire"]]'
  fault tests "a custom role that grew" token token.tf '["cloudkms.cryptoKeyVersions.create"]' '["cloudkms.cryptoKeyVersions.create", "cloudkms.cryptoKeyVersions.destroy"]'
  fault tests "heartbeat may certify" token accounts.tf 'local.delegated ? [] : local.issuers' 'local.issuers'
  fault tests "the reaper decrypts" token delegations.tf 'members       = local.issuers' 'members       = concat(local.issuers, local.signers)'
  fault tests "a key of delegations that stays the same" token delegations.tf 'rotation_period            = "7776000s" # 90 days' ''
  fault tests "signing keys in an index" record record.tf 'field      = "delegations"' 'field      = "urgent"'
  fault tests "another algorithm" token token.tf 'RSA_SIGN_PKCS1_4096_SHA256' 'RSA_SIGN_PSS_4096_SHA256'
  fault tests "a record without a past" record record.tf 'var.record.point_in_time_recovery ?' 'false ?'
  fault tests "an index on a time" record record.tf '"acquired_at", ' ''
  fault tests "a time alone in an index of several fields" record record.tf '["status"], each.value, ["part"]' '["status"], each.value'
  fault tests "a backend without Cloud Armor" edge edge.tf 'contains(local.armored, each.key) ? google_compute_security_policy.edge.id : null' 'null'
  fault tests "a customers' door beside Cloud Armor" admin edge.tf 'setunion(var.edge.armor, ["admin"])' 'var.edge.armor'
  fault tests "administration without a limit of its own" admin armor.tf "request.path.startsWith('/api/v1/admin/')" "request.path == '/api/v1/admin/'"
  fault tests "administration that acquire answers" edge edge.tf '{ function = "admin", template = "/api/v1/admin/**" }' '{ function = "acquire", template = "/api/v1/admin/**" }'
  fault tests "a door that signs in as somebody" identity identity.tf '    "firebaseauth.users.update",' '    "firebaseauth.users.update",
    "firebaseauth.users.createSession",'
  fault tests "a customers' door with a say that nobody chose" identity variables.tf 'optional(set(string), ["control"])' 'optional(set(string), ["control", "admin"])'
  fault tests "a door that gets tokens" identity identity.tf '["iam.serviceAccounts.signBlob"]' '["iam.serviceAccounts.signBlob", "iam.serviceAccounts.getAccessToken"]'
  fault tests "a list that rests on merged indexes" record record.tf ', both = ["license_id", "user_id"]' ''
  fault policies "a customers' door with all of Identity Platform" edge identity.tf 'role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.user_administrator[0].role_id}"' 'role     = "roles/firebaseauth.admin"'
  fault policies "the customers' door signs as the vendor's" edge identity.tf 'service_account_id = "projects/${var.project_id}/serviceAccounts/${local.email[each.key]}"' 'service_account_id = "projects/${var.project_id}/serviceAccounts/${local.email["reaper"]}"'
  fault policies "acquire administers users" edge identity.tf 'for_each = var.identity.user_administrators' 'for_each = toset(["acquire"])'
  fault policies "a customers' door that signs" build accounts.tf 'local.member[name] if f.signs]' 'local.member[name] if f.signs || name == "admin"]'
  fault policies "a customers' door that sells" build record.tf 'member  = local.member["control"]' 'member  = local.member["admin"]'
  fault tests "a way from customers' addresses to the ledger" events functions.tf 'ledger    = false' 'ledger    = true'
  fault policies "the same, planned" edge functions.tf 'ledger    = false' 'ledger    = true'
  fault tests "a public deliver, by a binding" events events.tf '[local.member["scheduler"]]' '["allUsers"]'
  fault tests "a deliver that the reaper's token opens" events events.tf 'https://${var.domain}/internal/v1/deliver' 'https://${var.domain}/internal/v1/reap'
  fault tests "events that nobody tells" events variables.tf '!var.events.enabled || ' 'true || '
  fault tests "a reaper that keeps no events" events functions.tf 'var.events.enabled ? { EVENTS = "true" } : {}' '{}'
  fault policies "everybody publishes events" edge events.tf 'members = [local.member["deliver"]]' 'members = ["allAuthenticatedUsers"]'
  fault policies "acquire knows the key of webhooks" edge events.tf '["admin", "control", "deliver"], name)' '["acquire", "admin", "control", "deliver"], name)'
  fault policies "deliver deletes" edge record.tf 'member  = local.member["control"]' 'member  = local.member["deliver"]'
  fault tests "events that are indexed by their time" record record.tf '["part", "recorded_at", "seq"]' '["recorded_at", "part", "seq"]'
  fault tests "dead letters that nobody hears of" observability modules/observability/events.tf 'lines = ["jsonPayload.dead_letters>0"' 'lines = ["jsonPayload.dead_letters>9"'
  fault tests "a pause that heartbeats pass" paused edge.tf 'var.paused ? toset(keys(local.public)) : ' ''
  fault tests "a pause in which the reaper runs" paused reaper.tf 'paused           = var.paused' ''
  fault tests "a pause in which the vendor sells" paused control.tf ' || var.paused' ''
  fault tests "a listener in the clear" edge edge.tf '"443"' '"80"'
  fault tests "anonymous users" identity identity.tf 'enabled = false' 'enabled = true'
  fault tests "a change in every plan" identity identity.tf 'phone_number {
      enabled = false
    }' ''
  fault tests "a word that only Redis knows" ledger ledger.tf '"EVERY_SEC"' '"EVERYSEC"'
  fault tests "a service protected before it was ready" functions variables.tf 'services    = optional(bool, false)' 'services    = optional(bool, true)'
  fault tests "a ledger's range in the functions' way" ledger variables.tf '10.20.128.0/28' '10.20.3.0/28'
  fault tests "a ledger that is always of one name" ledger ledger.tf 'var.ledger.generation > 1 ?' 'false ?'
  fault tests "approval before the tests" build build.tf 'approval_required = local.size.build.approval' 'approval_required = false'
  fault policies "a signer on another key" build token.tf 'crypto_key_id = local.key_name' 'crypto_key_id = replace(local.key_name, "license-tokens", "other")'
  fault policies "acquire certifies and decrypts" build accounts.tf 'local.delegated ? [] : local.issuers' 'local.issuers'
  fault policies "delegations by another key" build delegations.tf 'crypto_key_id = local.delegation_key_name' 'crypto_key_id = local.key_name'
  fault policies "functions told of different keys" build functions.tf '{ reaper = local.delegates ? merge(local.keys, {' '{ reaper = local.delegates ? merge(local.keys, { KMS_ENCRYPTION_KEY = "${local.delegation_key_name}-2",'
  fault policies "builds read the state" edge build.tf 'bucket = google_storage_bucket.source.name' 'bucket = "${var.project_id}-terraform"'
  fault policies "a record by a part of its name" edge record.tf 'resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.record.name}\"' 'resource.name.startsWith(\"projects/${var.project_id}/d\")'
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
  fault tests "a budget of all that the account pays" budget budget.tf 'projects        = ["projects/${google_storage_bucket.source.project_number}"]' ''
  fault tests "a budget that speaks when it is spent" budget budget.tf '"FORECASTED_SPEND"' '"CURRENT_SPEND"'
  fault tests "a budget that pages" budget budget.tf 'sort(var.budget.channels)' 'sort(setunion(var.budget.channels, var.observability.channels))'
  fault tests "more channels than a budget takes" budget variables.tf 'length(var.budget.channels) <= 5' 'length(var.budget.channels) <= 50'
  fault tests "an API that nobody uses" budget apis.tf 'var.budget == null ? [] : ' ''
  fault tests "a line for every read of the record" audit variables.tf 'optional(set(string), ["ADMIN_READ"])' 'optional(set(string), ["ADMIN_READ", "DATA_READ"])'
  fault tests "secrets that are read unseen" audit variables.tf 'optional(set(string), ["ADMIN_READ", "DATA_READ"])' 'optional(set(string), ["ADMIN_READ"])'
  fault tests "acquire is exempt from the log" audit audit.tf 'log_type = audit_log_config.value' 'log_type         = audit_log_config.value
      exempted_members = [local.member["acquire"]]'
  fault policies "the same, planned" edge audit.tf 'log_type = audit_log_config.value' 'log_type         = audit_log_config.value
      exempted_members = [local.member["acquire"]]'
  fault policies "a budget of nobody in particular" edge budget.tf 'projects        = ["projects/${google_storage_bucket.source.project_number}"]' ''
  fault tests "a reaper that may be silent for an hour" observability modules/observability/variables.tf 'reaper_silent_minutes  = optional(number, 5)' 'reaper_silent_minutes  = optional(number, 60)'
  printf '%d faults, %d missed\n' "$faults" "$missed"
  [ "$missed" -eq 0 ]
}

case ${1:-} in
  '') check ;;
  --faults) plant ;;
  *) sed -n '2,19p' "$0" >&2; exit 2 ;;
esac
