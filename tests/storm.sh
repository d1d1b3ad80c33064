#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Storms: processes that open, subscribe, publish, fork, exec and are killed,
# while CPUs go off and on, namespaces come and go, and the module is removed
# and loaded. What shows a fault is the kernel's complaint (tests/vm/run), and
# what is left when it is over. Nothing else may use the broker while this runs.
#
#	tests/storm.sh [SECONDS] [RELOADS]	[5 each, or from the environment,
#						STORM_SECONDS and STORM_RELOADS]
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

seconds=${1:-${STORM_SECONDS:-5}}
reloads=${2:-${STORM_RELOADS:-5}}
module=${BLIPMQ_BUILT:-build/$(uname -r)}/blipmq.ko
churn=
# What it did is told beside the results.
exec 3>&1
trap 'stop' EXIT

# The storm is in the background; its own words come when it has ended.
start() {
	build/tests/churn "$1" 6 >&3 & churn=$!
}
stop() {
	[ -n "$churn" ] || return 0
	kill "$churn" 2> /dev/null
	wait "$churn" 2> /dev/null
	churn=
}
ended() {
	wait "$churn"
	local status=$?
	churn=
	return $status
}

# Nobody is left of it, and nothing that it held.
is_calm() {
	build/tests/status --wait sockets 0 &&
	build/tests/status --wait topics 0 &&
	build/tests/status --wait memory-bytes 0 &&
	build/tests/status --wait ring-bytes 0 &&
	build/tests/status --law
}

alone() { start "$seconds" && ended; }

# All but the first, which cannot go.
with_cpus() {
	local cpu round=0
	start "$seconds"
	while kill -0 "$churn" 2> /dev/null; do
		for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do
			echo 0 > "$cpu" || return
			sleep 0.2
			echo 1 > "$cpu" || return
			sleep 0.2
		done
		round=$((round + 1))
	done
	echo "# $round rounds of all CPUs" >&3
	ended && [ $round -gt 0 ]
}

# Each with its own storm in it, deleted while that goes on.
with_namespaces() {
	local end=$((SECONDS + seconds)) n=0 name pids=() pid
	while [ $SECONDS -lt "$end" ]; do
		n=$((n + 1))
		name=storm-$$-$n
		ip netns add "$name" || return
		ip netns exec "$name" build/tests/churn 2 2 & pids+=($!)
		eventually is_program $! churn || return
		sleep 0.3
		ip netns del "$name" || return
		[ $((n % 4)) = 0 ] || continue
		for pid in "${pids[@]}"; do wait "$pid" || return; done
		pids=()
	done
	for pid in "${pids[@]}"; do wait "$pid" || return; done
	echo "# $n namespaces" >&3
	[ $n -gt 0 ]
}
is_program() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }

# In the middle of a storm it cannot go, or just so; when that ends, it goes while
# the last sockets do. socket() must not try to load it meanwhile.
with_reloads() {
	local status=0 modprobe
	modprobe=$(cat /proc/sys/kernel/modprobe)
	echo > /proc/sys/kernel/modprobe
	build/tests/reload "$module" "$reloads" build/tests/churn >&3 || status=$?
	echo "$modprobe" > /proc/sys/kernel/modprobe
	return $status
}

check "storm: alone" alone
check "storm: nothing is left" is_calm
check "storm: while CPUs go off and on" with_cpus
check "storm: nothing is left then" is_calm
check "storm: while namespaces come and go" with_namespaces
check "storm: nothing is left of them" is_calm
check "storm: while the module is removed and loaded" with_reloads
check "storm: nothing is left at last" is_calm
tap_end
