#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the conservation checker and storms for a long time, inside a guest, and
# see that memory is what it was: between rounds, when nobody is left, the
# kernel's unreclaimable slab, its per-CPU and its vmalloc memory are looked at.
# Nothing else may use the broker while this runs.
#
#	tests/soak.sh MINUTES
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

minutes=${1:?usage: tests/soak.sh MINUTES}
port=17998
work=$(mktemp -d)
build/blipmqd 127.0.0.1:$port > "$work/blipmqd" 2>&1 & daemon=$!
trap 'kill $daemon 2> /dev/null; rm -rf "$work"' EXIT

listens() { (exec 4<> /dev/tcp/127.0.0.1/$port) 2> /dev/null; }

# In KiB: "what is in use", after what is only kept has been given back.
memory() {
	for _ in 1 2 3; do	# frees that wait for RCU take some grace periods
		echo 3 > /proc/sys/vm/drop_caches
		sleep 1
	done
	awk '/^(SUnreclaim|Percpu|VmallocUsed|KernelStack|PageTables):/ { n += $2 } END { print n }' \
		/proc/meminfo
}

objects() {
	awk '/^blipmq|^AF_BLIPMQ|^BLIPMQ/ { n += $2 } END { print n + 0 }' /proc/slabinfo
}

is_calm() {
	build/tests/status --wait topics 0 &&
	build/tests/status --wait memory-bytes 0 &&
	build/tests/status --wait ring-bytes 0 &&
	build/tests/status --law
}

# One round: every message accounted for, then processes that die at any place.
round() {
	build/tests/conserve --seconds 40 --tcp 127.0.0.1:$port > "$work/conserve" 2>&1 ||
		{ cat "$work/conserve"; return 1; }
	messages=$((messages + $(sed -n 's/.* \([0-9]*\) messages.*/\1/p' "$work/conserve" | awk '{ n += $1 } END { print n + 0 }')))
	rounds=$((rounds + $(grep -c messages "$work/conserve")))
	build/tests/churn 10 6 > "$work/churn" 2>&1 || { cat "$work/churn"; return 1; }
	build/tests/status --wait sockets 0 && is_calm
}

# The median of what it was in a part of the time, in KiB.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Ten in a thousand and 2 MiB: less than what one leaked object a message would
# make, more than what the kernel's own caches grow and shrink by.
flat() {
	local lines early late
	lines=$(wc -l < "$work/memory")
	[ "$lines" -ge 4 ] || { echo "only $lines samples"; return 1; }
	early=$(head -n $((lines / 2)) "$work/memory" | tail -n $((lines / 4)) | median)
	late=$(tail -n $((lines / 4)) "$work/memory" | median)
	echo "# kernel memory: $early KiB in the second quarter, $late KiB in the last" >&3
	[ "$late" -le $((early + early / 100 + 2048)) ]
}

exec 3>&1
messages=0 rounds=0
check "soak: blipmqd listens" eventually listens
end=$((SECONDS + minutes * 60))
while [ "$tap_failed" = 0 ] && [ $SECONDS -lt $end ]; do
	check "soak: every message is accounted for, nothing is left" round
	memory >> "$work/memory"
	echo "# $((SECONDS / 60)) min: $rounds rounds, $messages messages," \
		"$(tail -n 1 "$work/memory") KiB, $(objects) objects"
done
check "soak: memory is flat" flat
tap_end
