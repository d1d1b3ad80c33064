#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory runs out: a publisher's cgroup, a subscriber's, the machine's. Somebody
# gets an error or is killed, messages are dropped and counted, the others go on,
# and nothing is left. Nothing else may use the broker while this runs.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

groups=/sys/fs/cgroup
work=$(mktemp -d)
holder=
trap 'leave' EXIT

leave() {
	[ -z "$holder" ] || kill "$holder" 2> /dev/null
	wait
	rmdir "$groups"/pressure-* 2> /dev/null
	rm -rf "$work"
}

group() {
	echo +memory > "$groups/cgroup.subtree_control" &&
	mkdir -p "$groups/pressure-$1" && echo "$2" > "$groups/pressure-$1/memory.max"
}

# shellcheck disable=SC2016 # $ in quotes are the inner shell's
# For a command of its own: enters the group that is its first argument.
enter=(bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"')

status() { build/tests/status "$@"; }

# A subscriber that never reads: stopped as soon as it is there.
hold() {
	"${enter[@]}" "$groups/pressure-$1" build/blipmq sub --format raw "$2" \
		> "$work/out" 2> "$work/err" & holder=$!
	eventually grep -q "^subscribed $2\$" "$work/err" && kill -STOP "$holder"
}

release() {
	kill -KILL "$holder"
	wait "$holder" 2> /dev/null
	holder=
	status --wait sockets 0 && status --wait memory-bytes 0 && status --wait ring-bytes 0
}

lines() { seq 1 "$1" | sed 's/$/ ................................................................/'; }
large() { head -c 900000 /dev/zero > "$work/large"; }

# What it publishes is its own to pay for, and stays in the subscriber's queue.
publisher_is_limited() {
	local failed=0
	large
	for _ in $(seq 1 60); do
		"${enter[@]}" "$groups/pressure-publisher" build/blipmq pub pressure.p \
			--file "$work/large" 2>> "$work/pub.err" || failed=$((failed + 1))
	done
	echo "$failed of 60 failed"
	tail -n 2 "$work/pub.err"
	[ "$(cat "$groups/pressure-publisher/memory.current")" -le $((8 << 20)) ] &&
		[ $failed -gt 0 ] && [ $failed -lt 60 ]
}

# A queue of 256 MiB that nobody reads.
hold_much() {
	"${enter[@]}" "$groups/pressure-$1" python3 - "$2" > "$work/out" <<-'END' & holder=$!
	import signal, socket, struct, sys
	s = socket.socket(18, socket.SOCK_SEQPACKET)
	s.setsockopt(300, 4, 1 << 20)	# SOL_BLIPMQ, BLIPMQ_QUEUE_MESSAGES
	s.setsockopt(300, 5, 256 << 20)	# BLIPMQ_QUEUE_BYTES
	topic = sys.argv[1].encode()
	s.setsockopt(300, 1, struct.pack("HBB", 0, len(topic), 0) + topic)
	print("subscribed", flush=True)
	signal.pause()
	END
	eventually grep -q subscribed "$work/out"
}

# More than its cgroup may have: refused, and not killed.
one_publisher_lives() {
	"${enter[@]}" "$groups/pressure-one" python3 - > "$work/one" <<-'END' || return
	import errno, socket
	s = socket.socket(18, socket.SOCK_SEQPACKET)
	s.setsockopt(300, 3, b"pressure.one")	# BLIPMQ_TOPIC_DEFAULT
	refused = 0
	for i in range(2000):
	    try:
	        s.send(bytes(100000))
	    except OSError as e:
	        if e.errno != errno.ENOBUFS:
	            raise
	        refused += 1
	print(refused)
	END
	echo "$(cat "$work/one") of 2000 refused"
	cat "$groups/pressure-one/memory.events"
	[ "$(cat "$work/one")" -gt 0 ] && grep -q '^oom_kill 0$' "$groups/pressure-one/memory.events"
}

others_publish() {
	lines 1000 > "$work/lines" && build/blipmq pub pressure.others - < "$work/lines"
}

# A message each, so that the queue wants ring after ring.
single_messages() {
	python3 - "$@" <<-'END'
	import socket, sys
	s = socket.socket(18, socket.SOCK_SEQPACKET)
	s.setsockopt(300, 3, sys.argv[1].encode())	# SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT
	for i in range(int(sys.argv[2])):
	    s.send(b"x")
	END
}

# Its queue cannot grow; a publisher does not notice.
subscriber_is_limited() {
	local before after
	before=$(status totals.dropped-no-memory)
	cat "$groups/pressure-subscriber/memory.current" > "$groups/pressure-subscriber/memory.max"
	single_messages pressure.s 60000 || return
	after=$(status totals.dropped-no-memory)
	echo "dropped for want of memory: $before before, $after after"
	[ "$after" -gt "$before" ] && status --law
}

# Something else takes all the memory there is; storms go on meanwhile. As long as
# pages of programs can be read again, the kernel does that instead: it is asked to
# kill when that has gone on for a while.
machine_is_full() {
	local churn hog end=$((SECONDS + 20))
	build/tests/churn 15 4 > "$work/churn" & churn=$!
	(echo 1000 > /proc/self/oom_score_adj; exec python3 -c '
kept = []
while True:
    kept.append(b"x" * (16 << 20))') & hog=$!
	while kill -0 "$hog" 2> /dev/null; do
		[ $SECONDS -lt $end ] || echo f > /proc/sysrq-trigger
		sleep 1
	done
	wait "$hog"
	[ $? = 137 ] && wait "$churn" && cat "$work/churn"
}

check "pressure: cgroups are there" group publisher $((8 << 20))
check "pressure: a cgroup for it" group holder max
check "pressure: a subscriber outside" hold holder pressure.p
check "pressure: a publisher at its cgroup's limit" publisher_is_limited
check "pressure: others publish" others_publish
check "pressure: the law holds" status --law
check "pressure: all of it comes back" release

check "pressure: a cgroup for one publisher" group one $((64 << 20))
check "pressure: a large queue that nobody reads" hold_much holder pressure.one
check "pressure: the publisher is refused, not killed" one_publisher_lives
check "pressure: others publish beside it" others_publish
check "pressure: all of that comes back, too" release

check "pressure: a cgroup for a subscriber" group subscriber max
check "pressure: a subscriber in it" hold subscriber pressure.s
check "pressure: at its cgroup's limit it loses, and is told" subscriber_is_limited
check "pressure: all of that comes back" release

check "pressure: the OOM killer" machine_is_full
check "pressure: the law holds after it" status --law
check "pressure: nothing is left" status --wait sockets 0
check "pressure: no byte" status --wait memory-bytes 0
tap_end
