#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Let every allocation of the module fail in turn (faults.c), on a kernel with
# fault injection; with SUITE_LONG also those of loading it, which takes minutes.
# Nothing else may use the broker while this runs.
set -u
cd "$(dirname "$0")/.." || exit 1

module=${BLIPMQ_BUILT:-build/$(uname -r)}/blipmq.ko
debug=/sys/kernel/debug
kinds=(failslab fail_page_alloc fail_usercopy)

# Of those allocations that may wait, too; and silent, as there are thousands.
prepare() {
	local kind
	for kind in "${kinds[@]}"; do
		echo 0 > "$debug/$kind/verbose" || return
	done
	for kind in failslab fail_page_alloc; do
		echo N > "$debug/$kind/ignore-gfp-wait" || return
	done
	echo N > "$debug/fail_page_alloc/ignore-gfp-highmem" &&
	echo 0 > "$debug/fail_page_alloc/min-order"
}

# Only what is called by the module: its code is at the address that the kernel
# gives. Without arguments: everything again.
only_from() {
	local kind
	for kind in "${kinds[@]}"; do
		echo "${1:-0}" > "$debug/$kind/require-start"
		echo "${2:-0xffffffffffffffff}" > "$debug/$kind/require-end"
	done
}

of_module() {
	local size start
	read -r _ size _ _ _ start _ < <(grep '^blipmq ' /proc/modules)
	only_from "$start" "$(printf '%#x' $((start + size)))"
}

sockets() {
	of_module && build/tests/faults
	local status=$?
	only_from
	return $status
}

# The kernel's tracing warns once when it has no memory for a module's events.
loading() {
	[ -z "${BLIPMQ_EXPECT:-}" ] ||
		echo 'trace_events.c:[0-9]* at event_define_fields' >> "$BLIPMQ_EXPECT"
	remove && build/tests/faults --load "$module" && insmod "$module"
}

# A closed socket lets go of the module after a grace period.
remove() {
	local n
	for ((n = 0; n < 300; n++)); do
		rmmod blipmq 2> /dev/null && return
		sleep 0.1
	done
	rmmod blipmq
}

# One stream of TAP of both, with one plan. Who ends before its last result has it
# that it failed.
prepare || { echo "not ok 1 - fault injection can be set up"; exit 1; }
{
	sockets || echo "not ok 0 - faults ended with status $?"
	[ -z "${SUITE_LONG:-}" ] || loading || echo "not ok 0 - loading ended with status $?"
} | awk '/^1\.\./ { next }
	/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n); bad += /^not / }
	{ print; fflush() }
	END { print "1.." n; exit bad > 0 || n == 0 }'
