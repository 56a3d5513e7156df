#!/usr/bin/env bash
# Checks the written model of the protocol (proof/model) with spin:
#   1. with every guard in place no promise is broken, over all states;
#   2. every event that matters can happen, else the first says nothing;
#   3. without any one guard spin finds a broken promise.
# The first and the third hold for how usage is filed (usage.pml), too.
# Installs spin and a C compiler by apt where they are missing. Needs about
# 2 GB. JOBS (default: the number of processors, at most 2) runs go side by side.
#
#   proof/model/check.sh                 all of it
#   proof/model/check.sh trace NO_MARK   the counterexample without one guard
set -euo pipefail
cd "$(dirname "$0")/../.."

model=$PWD/proof/model/seats.pml
readonly usage=$PWD/proof/model/usage.pml
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
readonly jobs=${JOBS:-$((cores < 2 ? 1 : 2))}

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf 'model: %s\n' "$*" >&2; }

# as_root runs a command with the rights to install packages.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -n "${CI:-}" ]; then
		sudo -n "$@" # CI has nobody to type a password
	else
		sudo "$@"
	fi
}

need() {
	local tool=$1
	shift
	have "$tool" && return
	if have apt-get; then
		as_root apt-get update -q || say "apt-get update failed; trying with the lists there are"
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" || true
	fi
	have "$tool" || { say "$tool is missing; install $*"; exit 1; }
}
need spin spin >&2
need gcc gcc libc6-dev >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The whole space of each of these is searched. The words are -D options.
intact=(
	"loss-and-fault    BEAT_AFTER_RELEASE=1"
	"lagging-replica   FAULTS=0 EMPTY_LOSS=0 STALE_LOSS=1 BACK_LOSS=1"
	"clock             FAULTS=0 LOSSES=0 CLOCKS=2 BEAT_AFTER_RELEASE=1"
	"clock-and-loss    FAULTS=0 CLOCKS=1"
	"clock-and-fault   LOSSES=0 CLOCKS=1"
	"restored-record   FAULTS=0 LOSSES=0 RESTORES=1"
	"two-seats         FAULTS=0 SEATS=2"
	"three-holders     FAULTS=0 LOSSES=0 HOLDERS=3 SESSIONS=3"
	"sweep             FAULTS=0 SWEEP=1"
	"handover          FAULTS=0 HANDOVER=0"
	"handover-replica  FAULTS=0 EMPTY_LOSS=0 STALE_LOSS=1 HANDOVER=0"
	"handover-fault    LOSSES=0 HANDOVER=0"
	"handover-three    FAULTS=0 LOSSES=0 HOLDERS=3 SESSIONS=3 HANDOVER=1"
)

# Each guard, and the bounds within which its absence shows soonest.
guards=(
	"NO_ATOMIC_RESERVE       FAULTS=0 LOSSES=0"
	"NO_LIVING_BEAT          FAULTS=0 LOSSES=0"
	"NO_SERVER_CLOCK         FAULTS=0 LOSSES=0"
	"NO_END_FIRST            FAULTS=0"
	"NO_IDENTITY             FAULTS=0 EMPTY_LOSS=0 STALE_LOSS=1"
	"NO_REPLID               FAULTS=0 EMPTY_LOSS=0 BACK_LOSS=1"
	"NO_RECORD_FIRST         FAULTS=0"
	"NO_HELD_CREATE          FAULTS=0 LOSSES=0"
	"NO_FENCE_CREATE         FAULTS=0"
	"NO_FENCE_NONCE          FAULTS=0 LOSSES=0 RESTORES=1"
	"NO_FORGET               FAULTS=0"
	"NO_NONCE_ONCE           FAULTS=0 LOSSES=0"
	"NO_NONCE_CHECK          FAULTS=0"
	"NO_PROGRESS_NONCE       FAULTS=0 EMPTY_LOSS=0 STALE_LOSS=1"
	"NO_TOMBSTONE            FAULTS=0"
	"ONE_DOCUMENT_PER_HOLDER FAULTS=0 LOSSES=0"
	"NO_FENCE_END            FAULTS=0"
	"NO_ENDED_STAYS          FAULTS=0 LOSSES=0 SWEEP=1"
	"NO_OWN_FIRST            FAULTS=0 SEATS=2"
	"NO_TOKEN_TIME           FAULTS=0 LOSSES=0"
	"NO_BY_SESSION           FAULTS=0 LOSSES=0"
	"NO_COMPENSATION         LOSSES=0"
	"NO_ATTEMPTS             LOSSES=0"
	"NO_MARK                 LOSSES=0"
	"NO_MARK_STAYS           LOSSES=0 BEAT_AFTER_RELEASE=1"
	"NO_MARK_STAGE"
	"NO_STATE_STALE          FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_STATE_BEAT           FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_STATE_VISIT          FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_CLOCK_RESERVE        FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_CLOCK_VISIT          FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_CLOCK_BEAT           FAULTS=0 LOSSES=0 CLOCKS=1"
	"NO_FENCE_RELEASE        BEAT_AFTER_RELEASE=1"
	"NO_SPENT                FAULTS=0 LOSSES=0 HANDOVER=0"
	"NO_SPENT_REBUILT        FAULTS=0 HANDOVER=0"
	"NO_OWN_SPENT            FAULTS=0 LOSSES=0 HANDOVER=0"
)

# Those of the other model, usage.pml.
usage_guards=(NO_GREATEST NO_ABSOLUTE NO_CLOSED NO_FILED_FIRST NO_DEAD_FILED NO_GENERATION)

# Events that must be found, by their numbers in the model.
events=(
	"1   FAULTS=0               a seat granted after a loss"
	"2   FAULTS=0,LOSSES=0      an end answered (410)"
	"3   FAULTS=0,LOSSES=0      an expired session in the way of a grant"
	"4   FAULTS=0               a second epoch loaded"
	"5   FAULTS=0               a create refused by its epoch"
	"6   FAULTS=0               an end refused by its epoch"
	"7   FAULTS=0               a ledger whose epoch has passed, forgotten"
	"8   LOSSES=0               a release that the record missed"
	"9   LOSSES=0               a create that lands late"
	"10  LOSSES=0               a late create that meets a tombstone"
	"11  FAULTS=0,LOSSES=0      a holder's second acquire, same session"
	"12  FAULTS=0               a rebuild that was overtaken"
	"13  FAULTS=0               a heartbeat that succeeds after a loss"
	"14  FAULTS=0,LOSSES=0      an acquire whose session has ended meanwhile"
	"15  LOSSES=0               a failed grant taken back"
	"16  FAULTS=0,EMPTY_LOSS=0,STALE_LOSS=1  a lagging replica takes over"
	"17  FAULTS=0,EMPTY_LOSS=0,BACK_LOSS=1   and back, under the same run_id"
	"19  FAULTS=0,SWEEP=1       a record without a session, swept"
	"20  FAULTS=0,LOSSES=0,CLOCKS=1  an acquire refused for the clock"
	"21  FAULTS=0,LOSSES=0,CLOCKS=1  a heartbeat that succeeds under a wrong clock"
	"22  FAULTS=0,LOSSES=0,RESTORES=1  a record put back"
	"23  FAULTS=0,LOSSES=0,HANDOVER=0  an acquire refused for another's token"
)

# The long searches are worth a slow compiler, the short ones are not.
optimize=-O1
breadth= # -DBFS: search breadth first, which finds the shortest counterexample
slots=24 # of the hash table, as a power of two

# build NAME OPTION... makes $work/NAME/pan.
build() {
	local dir=$work/$1 options=()
	shift
	for o in "$@"; do options+=("-D$o"); done
	mkdir "$dir"
	(cd "$dir" && spin -a "${options[@]}" "$model" >spin.out 2>&1) || { cat "$dir/spin.out" >&2; return 1; }
	# shellcheck disable=SC2086 # empty is no option
	(cd "$dir" && gcc "$optimize" $breadth -w -DSAFETY -DNOFAIR -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c)
}

# check NAME OPTION... runs it and leaves in $work/NAME/result: errors, states,
# depth, seconds, and the broken promise.
check() {
	local name=$1 out=$work/$1/pan.out
	build "$@" || return
	(cd "$work/$name" && ./pan -n -m1000000 "-w$slots" >pan.out 2>&1) || true
	if grep -qE 'max search depth too small|out of memory|memory limit' "$out" || ! grep -q 'errors: ' "$out"; then
		say "$name: the search did not finish"
		cat "$out" >&2
		return 1
	fi
	{
		sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$out"
		sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$out"
		sed -n 's/.*depth reached \([0-9]*\).*/\1/p' "$out"
		sed -n 's/.*elapsed time \([0-9.]*\) seconds.*/\1/p' "$out"
		sed -n 's/.*assertion violated *!(\([a-z_]*\)).*/\1/p' "$out"
	} | paste -sd ' ' >"$work/$name/result"
	rm -f "$work/$name"/pan "$work/$name"/pan.[bchmpt]
}

# all KIND LINE... checks them side by side; a LINE is a name and its options.
all() {
	local line
	for line in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
		# shellcheck disable=SC2086 # words are options
		check $line &
	done
	wait
}

# result NAME sets errors, states, depth, seconds, promise.
result() {
	errors='?' states='' depth='' seconds='' promise=''
	[ ! -f "$work/$1/result" ] || read -r errors states depth seconds promise <"$work/$1/result" || true
}

if [ "${1:-}" = trace ]; then
	guard=${2:?which guard}
	for line in "${guards[@]}"; do
		# shellcheck disable=SC2086
		set -- $line
		[ "$1" = "$guard" ] || continue
		shift
		breadth=-DBFS
		build trace "$guard" "$@"
		cd "$work/trace"
		./pan -n >pan.out 2>&1 || true
		sed -n 's/.*assertion violated *!(\([a-z_]*\)).*/broken promise: \1/p' pan.out
		spin -t -k ./*.trail "-D$guard" "${@/#/-D}" "$model" | sed -n 's/^ *//; /^\(instance\|time\|Redis\|late\|the record\)/p'
		exit 0
	done
	say "no such guard: $guard"
	exit 1
fi

started=$SECONDS
failed=0

printf 'With every guard in place\n  %-18s %12s %7s %8s  %s\n' bounds states depth seconds 'broken promises'
all "${intact[@]}"
for line in "${intact[@]}"; do
	name=${line%% *}
	result "$name"
	printf '  %-18s %12s %7s %8s  errors: %s %s\n' "$name" "$states" "$depth" "$seconds" "$errors" "$promise"
	[ "$errors" = 0 ] || failed=1
done

optimize=-O0 slots=21
printf '\nEvents that can happen\n'
lines=()
for event in "${events[@]}"; do
	read -r n options _ <<<"$event"
	lines+=("event$n REACH=$n ${options//,/ }")
done
all "${lines[@]}"
reached=0
for event in "${events[@]}"; do
	read -r n _ what <<<"$event"
	result "event$n"
	if [ "$errors" = 1 ] && [ -z "$promise" ]; then
		reached=$((reached + 1)) verdict=reached
	else
		failed=1 verdict='NOT REACHED'
	fi
	printf '  %-52s %s\n' "$what" "$verdict"
done
printf '  reached %d / %d\n' "$reached" "${#events[@]}"

printf '\nWithout one guard\n  %-24s %10s %7s %8s  %s\n' guard states depth seconds 'broken promise'
lines=()
for line in "${guards[@]}"; do lines+=("${line%% *} ${line%% *} ${line#"${line%% *}"}"); done
all "${lines[@]}"
caught=0
for line in "${guards[@]}"; do
	guard=${line%% *}
	result "$guard"
	if [ "$errors" = 1 ] && [ -n "$promise" ]; then
		caught=$((caught + 1))
	else
		failed=1 promise='NOT CAUGHT'
	fi
	printf '  %-24s %10s %7s %8s  %s\n' "$guard" "$states" "$depth" "$seconds" "$promise"
done
printf '  caught %d / %d\n\n' "$caught" "${#guards[@]}"

printf 'Usage, with every guard in place and without one\n'
model=$usage
lines=("usage COUNTS=2 DEATHS=1")
for guard in "${usage_guards[@]}"; do lines+=("$guard $guard"); done
all "${lines[@]}"
for name in usage "${usage_guards[@]}"; do
	result "$name"
	want=1
	[ "$name" != usage ] || want=0
	[ "$errors" = "$want" ] || { failed=1; promise="$promise (errors: $errors, want $want)"; }
	printf '  %-24s %10s %7s %8s  %s\n' "$name" "$states" "$depth" "$seconds" "$promise"
done

say "$((SECONDS - started)) s"
exit "$failed"
