#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The module goes when nobody uses it, says "in use" when somebody does, and
# comes back. Nothing else may use the broker while this runs.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

module=${BLIPMQ_BUILT:-build/$(uname -r)}/blipmq.ko
work=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$work"' EXIT

hold() {
	build/blipmq sub "$@" > "$work/out" 2> "$work/err" &
	holder=$!
	eventually grep -q "^subscribed ${*: -1}\$" "$work/err"
}

release() {
	local status
	kill "$holder" && wait "$holder"
	status=$?
	holder=
	return $status
}

refused_in_use() {
	if rmmod blipmq 2> "$work/rmmod"; then
		echo "rmmod removed it" >&2
		return 1
	fi
	grep -qi 'in use' "$work/rmmod"
}

is_loaded() { grep -q '^blipmq ' /proc/modules; }
is_gone() { ! is_loaded; }
# A closed socket lets go of it after a grace period.
remove() { eventually rmmod blipmq && is_gone; }
insert() { insmod "$module" && is_loaded; }
exchange() {
	hold --count 1 --format raw unload.t &&
	build/blipmq pub unload.t "$1" && wait "$holder" &&
	[ "$(cat "$work/out")" = "$1" ]
}

cycles() {
	local i
	for ((i = 0; i < $1; i++)); do
		exchange "round $i" || return
		remove || return
		insert || return
	done
	holder=
}

check "unload: the module is loaded" is_loaded
check "unload: a subscriber holds a socket" hold unload.held
check "unload: rmmod says in use" refused_in_use
check "unload: and nothing is broken by that" build/blipmq pub unload.held x
check "unload: the subscriber goes" release
check "unload: rmmod removes it" remove
check_status 3 "unload: without the module nobody can connect" \
	build/blipmq pub unload.t x
check "unload: insmod brings it back" insert
check "unload: a message goes through" exchange hello
rounds=5
[ ! -e /proc/self/fail-nth ] || rounds=2	# loading takes long there
check "unload: rounds of use, rmmod and insmod" cycles "$rounds"
# Topics linger for seconds; the module does not wait for them.
check "unload: a topic is left behind" build/blipmq pub unload.linger x
check "unload: rmmod with lingering topics" remove
check "unload: insmod at the end" insert
tap_end
