#!/usr/bin/env bash
# check-coverage.sh PROFILE PERCENT: fails when the tests execute less than
# that part of the statements of functions/ and shared/ together.
#
# With -coverpkg every test binary writes every block, so one block has many
# lines; it counts as executed if any of them says so.
set -euo pipefail
profile=${1:?usage: check-coverage.sh PROFILE PERCENT}
minimum=${2:?usage: check-coverage.sh PROFILE PERCENT}

awk -v minimum="$minimum" '
	FNR == 1 { next } # the mode line
	$1 !~ /\/(functions|shared)\// { next }
	{
		statements[$1] = $2
		if ($3 > 0) executed[$1] = 1
		folder = $1
		sub(/\/[^\/]*$/, "", folder)
		folders[folder] = 1
		in_folder[$1] = folder
	}
	END {
		for (block in statements) {
			folder = in_folder[block]
			total[folder] += statements[block]
			all += statements[block]
			if (block in executed) {
				good[folder] += statements[block]
				all_good += statements[block]
			}
		}
		if (all == 0) {
			print "coverage: the profile holds nothing of functions/ or shared/"
			exit 1
		}
		for (folder in folders) {
			printf "%6.1f %%  %s\n", 100 * good[folder] / total[folder], folder | "sort -k3"
		}
		close("sort -k3")
		percent = 100 * all_good / all
		printf "%6.1f %%  functions/ and shared/ together, of %d statements; at least %s %% wanted\n", percent, all, minimum
		exit (percent < minimum)
	}
' "$profile"
