#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What blipmqctl says: each command's JSON is read, each refusal is one.
# Where programs are has no spaces.
# shellcheck disable=SC2086,SC2094
set -u
cd "$(dirname "$0")/.." || exit 1
# All of it is in one namespace: to enter one for each command takes longer than
# the command.
[ -n "${CONTROL_NS:-}" ] || CONTROL_NS=1 exec unshare --net "tests/${0##*/}"
. tests/tap.sh

work=$(mktemp -d)
chmod 755 "$work"
jobs_started=()

cleanup() {
	local pid
	for pid in "${jobs_started[@]}"; do
		kill "$pid" 2> /dev/null
	done
	wait 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT

blipmq=build/blipmq
ctl=build/blipmqctl
unprivileged=(setpriv --reuid=65534 --regid=65534 --clear-groups)
nobody() { "${unprivileged[@]}" "$@"; }

# subscriber NAME [ARG...]: started, and ready when this returns.
subscriber() {
	local name=$1
	shift
	"$@" > "$work/$name.out" 2> "$work/$name.err" &
	jobs_started+=($!)
	eventually grep -q "^subscribed ${*: -1}\$" "$work/$name.err"
}

check "control: a subscriber" subscriber a $blipmq sub a.b 'a.*'
check "control: another one" subscriber b $blipmq sub 'x.>'
check "control: nobody's subscriber" subscriber c "${unprivileged[@]}" \
	build/blipmq sub n.1
check "control: a message" $blipmq pub a.b hello
check "control: one that patterns match" $blipmq pub a.c hello

# --- lists --------------------------------------------------------------------

json "control: topic list" \
	'{"a.b", "n.1"} <= {t["name"] for t in d} <= {"a.b", "a.c", "n.1"}' \
	$ctl topic list --json
json "control: topics by pattern" \
	'{"a.b"} <= {t["name"] for t in d} <= {"a.b", "a.c"}' $ctl topic list 'a.*' -j
json "control: topics by user" \
	'[t["name"] for t in d] == ["n.1"]' $ctl topic list --user 65534 -j
json "control: topic show" \
	'd["subscriptions"] == 1 and d["receivers"] == 2 and not d["idle"]' \
	$ctl topic show a.b --json
json "control: subscription list" \
	'sorted(s["pattern"] for s in d if s["uid"] == 0) == ["a.*", "a.b", "x.>"]' \
	$ctl subscription list --json
json "control: the process is named" \
	'all(s["pid"] > 0 and s["command"] == "blipmq" for s in d)' \
	$ctl subscription list --json
json "control: socket list" \
	'sum(s["totals"]["delivered"] for s in d) == 2 and {s["type"] for s in d} == {"stream"}' \
	$ctl socket list --json
json "control: sockets have rates when they are asked for" \
	'{frozenset(s["rates"]) for s in d} == {frozenset(("published", "published-bytes", "delivered", "delivered-bytes", "lost"))} and not any(r for s in d for r in s["rates"].values())' \
	$ctl socket list --json --rates 0.05
json "control: and else not" 'not any("rates" in s for s in d)' $ctl socket list -j
json "control: a socket has as many subscriptions as are listed" \
	'sum(s["subscriptions"] for s in d) == 4' $ctl socket list --json
columns() { $ctl socket list --brief | awk -F'\t' 'NF != 13 { exit 1 }'; }
check "control: --brief has tabs" columns
rate_columns() { $ctl socket list --brief -r0.05 | awk -F'\t' 'NF != 16 || $7 != 0 { exit 1 }'; }
check "control: with rates as well" rate_columns
for what in topic subscription socket; do
	check "control: $what is for people" $ctl "$what"
done
check "control: sockets with rates are for people" $ctl socket --rates 0.05

# --- totals -------------------------------------------------------------------

json "control: status" 'd["subscriptions"] == 4 and d["totals"]["published"] == 2' \
	$ctl status --json
json "control: the overview has the same" 'd["sockets"] == 3' $ctl --json
json "control: stats has rates" \
	'd["totals"]["delivered"] == 2 and d["rates"]["published"] == 0' \
	$ctl stats --json
check "control: the overview is for people" $ctl
check "control: stats is for people" $ctl stats
metrics() {
	$ctl stats --format prometheus > "$work/metrics" &&
		grep -qx 'blipmq_published_total 2' "$work/metrics" &&
		grep -qx 'blipmq_sockets 3' "$work/metrics" &&
		grep -qx 'blipmq_draining 0' "$work/metrics" &&
		grep -qx 'blipmq_dropped_total{reason="overflow"} 0' "$work/metrics" &&
		! grep -vE '^(# TYPE )?blipmq_[a-z_]+(\{reason="[a-z-]+"\})? ([0-9]+|gauge|counter)$' "$work/metrics"
}
check "control: stats for Prometheus" metrics
two_lines() { [ "$(wc -l < "$work/line")" -gt 1 ]; }
line() {
	local pid told=0
	$ctl stats --watch 0.2 --format line > "$work/line" &
	pid=$!
	eventually two_lines || told=1
	kill "$pid"
	wait "$pid"
	[ "$told" = 0 ] &&
		! grep -vE '^BlipMQ - Connections: 3, Msg/s: R:[0-9]+ S:[0-9]+, Bytes/s: R:[0-9]+ S:[0-9]+$' "$work/line"
}
check "control: stats as the line of blipmqd" line
# shellcheck disable=SC2016 # that shell expands it
completes() {
	bash -c '. tools/blipmqctl/blipmqctl.bash
		PATH=$PWD/build:$PATH
		COMP_WORDS=(blipmqctl topic show a.)
		COMP_CWORD=3
		_blipmqctl
		[[ " ${COMPREPLY[*]} " == *" a.b "* ]] || exit
		COMP_WORDS=(blipmqctl so)
		COMP_CWORD=1
		_blipmqctl
		[ "${COMPREPLY[*]}" = socket ] || exit
		COMP_WORDS=(blipmqctl monitor "")
		COMP_CWORD=2
		_blipmqctl
		[ "${#COMPREPLY[@]}" -ge 10 ] || exit
		for word in "${COMPREPLY[@]}"; do [[ $word == *-* ]] || exit; done
		COMP_WORDS=(blipmqctl lane set a.b w)
		COMP_CWORD=4
		_blipmqctl
		[ "${COMPREPLY[*]}" = worker ]'
}
check "control: bash completes topics and commands" completes
# shellcheck disable=SC2016 # as above, and the names are what they are
completes_no_command() {
	local ran="$work/ran"
	: > "$work/subs"
	$blipmq sub 'c.$(touch${IFS}'"$ran"')' 'c.`touch${IFS}'"$ran"'`' 'c.;x' c.plain \
		2> "$work/subs" > /dev/null & local pid=$!
	eventually grep -q c.plain "$work/subs"
	bash -c '. tools/blipmqctl/blipmqctl.bash
		PATH=$PWD/build:$PATH
		COMP_WORDS=(blipmqctl topic show c.)
		COMP_CWORD=3
		_blipmqctl
		[ "${COMPREPLY[*]}" = c.plain ]'
	local status=$?
	kill "$pid"
	wait "$pid"
	[ "$status" = 0 ] && [ ! -e "$ran" ]
}
check "control: bash takes no topic for a command" completes_no_command

stalled() {
	local hold sub status=1
	mkfifo "$work/fifo"
	exec {hold}<> "$work/fifo"
	$blipmq sub --format raw st.a > "$work/fifo" 2> "$work/st.err" & sub=$!
	head -c 200000 /dev/zero > "$work/zeros"
	eventually grep -q subscribed "$work/st.err" &&
		$blipmq pub st.a --file "$work/zeros" &&
		eventually grep -q pipe "/proc/$sub/wchan" &&
		kill -TERM "$sub" && eventually ended "$sub" && wait "$sub" && status=0
	exec {hold}>&-
	kill -KILL "$sub" 2> /dev/null
	wait "$sub"
	return $status
}
ended() { ! kill -0 "$1" 2> /dev/null; }
check "control: a signal ends a subscriber whose reader takes nothing" stalled

# --- rates --------------------------------------------------------------------

# One publishes all the time, and one reads it: both are seen between two looks.
seen() {
	$ctl socket list --rates 0.1 --json > "$work/busy"
	grep -q '"rates":{"published":[1-9][0-9]*,"published-bytes":[1-9]' "$work/busy" &&
		grep -q '"delivered":[1-9][0-9]*,"delivered-bytes":[1-9][0-9]*,"lost":' \
			<(grep -o '"rates".*' "$work/busy")
}
rates() {
	local status
	yes | $blipmq pub x.busy - 2> "$work/busy.err" &
	eventually seen
	status=$?
	kill $!
	return $status
}
check "control: what goes through sockets has rates" rates
json "control: in bytes, more than in messages" \
	'all(s["rates"][k + "-bytes"] >= s["rates"][k] * 10 for s in d for k in ("published", "delivered"))' \
	cat "$work/busy"

# --- draining -----------------------------------------------------------------

blipmqd_says() { timeout 60 $blipmq --server tcp://127.0.0.1:9998 pub a.b x 2>&1; }
start_blipmqd() {
	ip link set lo up
	build/blipmqd 127.0.0.1:9998 > "$work/blipmqd" 2>&1 &
	jobs_started+=($!)
	eventually blipmqd_says
}
check "control: a blipmqd serves" start_blipmqd
check_status 1 "control: to drain is not for everybody" nobody $ctl drain
json "control: drain" 'd["draining"] and d["drained"] and not d["queued-messages"]' \
	$ctl drain --wait 60 --json
json "control: it is seen" 'd["draining"] and d["in-flight"] == 0' $ctl status --json
refuses() { ! $blipmq pub a.b x 2> "$work/refused" && grep draining "$work/refused"; }
check "control: publishing is refused, and it is said why" refuses
refuses_tcp() { ! blipmqd_says > "$work/refused" && grep -q draining "$work/refused"; }
check "control: blipmqd takes no clients, and says why" refuses_tcp
check_status 1 "control: a blipmqd that starts now gives up" \
	timeout 60 build/blipmqd 127.0.0.1:9997
json "control: drain --undo" 'not d["draining"]' $ctl drain --undo --json
check "control: publishing goes on" $blipmq pub a.b x
check "control: by blipmqd as well" blipmqd_says
check "control: somebody reads nothing" subscriber slow $blipmq sub slow
kill -STOP "${jobs_started[-1]}"
check "control: gets a message" $blipmq pub slow x
check_status 4 "control: is not drained in time" $ctl drain --wait 1
check "control: drain --undo for people" $ctl drain --undo
kill -CONT "${jobs_started[-1]}"
kill "${jobs_started[-1]}" "${jobs_started[-2]}"
check_status 2 "control: drain --wait wants seconds" $ctl drain --wait soon
check_status 2 "control: drain takes no argument" $ctl drain a
check_status 2 "control: --undo does not wait" $ctl drain --undo --wait 1
# --- top ----------------------------------------------------------------------

for what in sockets topics workers; do
	check "control: top of $what" $ctl top "$what" --batch -d 0.1
done
sorted() {
	$ctl top topics --batch -d 0.1 --sort subs > "$work/top" &&
		awk '$1 == "TOPIC" { on = 1; last = 1e9; next }
			on && NF { if ($3 > last) exit 1; last = $3 }
			END { exit !on }' "$work/top"
}
check "control: top sorts" sorted
# Through a terminal of script(1): what it draws has the titles, and q ends it.
screen() {
	: > "$work/screen"
	(eventually grep -q COMMAND "$work/screen"; printf t
		eventually grep -q RECEIVERS "$work/screen"; printf q) |
		TERM=vt100 timeout 120 script -qec "$ctl top" /dev/null > "$work/screen" 2>&1 &&
		grep -q 'COMMAND' "$work/screen" && grep -q 'RECEIVERS' "$work/screen"
}
if command -v script > /dev/null; then
	check "control: top on a terminal" screen
else
	skip "control: top on a terminal" "there is no script(1)"
fi
check_status 1 "control: top without a terminal" $ctl top
check_status 1 "control: top on an unknown terminal" \
	env TERM=no-such script -qec "$ctl top" /dev/null
check_status 2 "control: top of nothing" $ctl top frob
check_status 2 "control: top by no such column" $ctl top --sort frob
check_status 2 "control: top too often" $ctl top --delay 0

# --- trace --------------------------------------------------------------------

# traces PID: has that blipmqctl switched its event on?
traces() { grep -qsx 1 "/sys/kernel/tracing/instances/blipmqctl-$1"/events/blipmq/*/enable; }
# dropped: two messages more than a queue of four takes.
dropped() {
	local i
	eventually traces "$tracer" || return
	for i in 1 2 3 4 5 6; do $blipmq pub drop.me "$i" || return; done
}
if mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null ||
   [ -d /sys/kernel/tracing/events ]; then
	# It reads nothing, so that four wait.
	$blipmq sub --queue-messages 4 drop.me > "$work/d.out" 2> "$work/d.err" &
	check "control: a subscriber" eventually grep -q subscribed "$work/d.err"
	slow=$!
	jobs_started+=($!)
	kill -STOP "$slow"
	mkdir /sys/kernel/tracing/instances/blipmqctl-999999
	$ctl trace --json > "$work/drops" &
	tracer=$!
	check "control: messages are dropped" dropped
	kill -TERM "$tracer"
	wait "$tracer"
	json "control: trace tells why" \
		'd == {"drops": [{"topic": "drop.me", "reason": "overflow", "messages": 2}], "missed": 0}' \
		cat "$work/drops"
	gone() { ! ls -d /sys/kernel/tracing/instances/blipmqctl-*; }
	check "control: and leaves nothing behind" gone
	kill -CONT "$slow"
	kill "$slow"
	check_text "Nothing was dropped." "control: trace of nothing" \
		$ctl trace --seconds 0.1
	check_status 1 "control: nobody may trace" nobody $ctl trace --seconds 1
else
	skip "control: trace" "there is no tracefs"
fi
check_status 2 "control: trace for no time" $ctl trace --seconds 0

# --- latencies, and counting from zero ------------------------------------------

json "control: nothing is measured at first" \
	'not d["latency"]["enabled"] and d["latency"]["routing"]["count"] == 0' \
	$ctl stats --json
check "control: measure" $ctl stats --latency on
check "control: a message that is measured" $blipmq pub a.b hello
json "control: it was" \
	'd["latency"]["enabled"] and d["latency"]["routing"]["count"] == 1 and 0 < d["latency"]["routing"]["p50-ns"] <= d["latency"]["routing"]["max-ns"]' \
	$ctl stats --json
histograms() {
	$ctl stats --format prometheus > "$work/metrics" &&
		grep -qx 'blipmq_routing_seconds_bucket{le="+Inf"} 1' "$work/metrics" &&
		grep -qx 'blipmq_routing_seconds_count 1' "$work/metrics" &&
		grep -qE '^blipmq_waiting_seconds_sum [0-9.]+$' "$work/metrics" &&
		grep -qE '^blipmq_total_seconds_sum [0-9.]+$' "$work/metrics"
}
check "control: latencies for Prometheus" histograms
rows() {
	$ctl stats > "$work/stats" &&
		grep -Eq '^routing +[0-9.]+ [mun]?s' "$work/stats" &&
		grep -Eq '^total +([0-9.]+ [mun]?s|nothing was measured)' "$work/stats"
}
check "control: latencies for people" rows
latency_line() {
	$ctl stats --format line > "$work/line" &&
		grep -Eq ', Latency us: R:[0-9.]+ S:[0-9.]+ T:[0-9.]+$' "$work/line"
}
check "control: latencies in the line" latency_line
check "control: reset" $ctl reset
json "control: it counts from zero" \
	'd["totals"]["published"] == 0 and d["totals"]["queued-messages"] == 0 and d["latency"]["routing"]["count"] == 0' \
	$ctl stats --json
check "control: measure no longer" $ctl stats --latency off
check_status 1 "control: nobody may measure" nobody $ctl stats --latency on
check_status 1 "control: nobody may reset" nobody $ctl reset
check_status 2 "control: neither on nor off" $ctl stats --latency perhaps
check_status 2 "control: to measure shows nothing" $ctl stats --latency on -j
check_status 2 "control: nothing to reset" $ctl reset frob

# --- events -------------------------------------------------------------------

# until_told FORM WHAT: subscribe again and again until a monitor tells of it.
until_told() {
	timeout -s INT 1 $blipmq sub 'e.>' > /dev/null 2>&1
	grep -q "$2" "$work/monitor.$1"
}
for form in people json brief; do
	options=("--$form")
	[ "$form" != people ] || options=()
	$ctl monitor "${options[@]}" \
		> "$work/monitor.$form" 2>&1 &
	jobs_started+=($!)
	check "control: monitor $form" eventually until_told "$form" \
		subscription-removed
done
grep -m 1 subscription-added "$work/monitor.json" > "$work/event"
json "control: an event as JSON" \
	'd["event"] == "subscription-added" and d["pattern"] == "e.>" and d["uid"] == 0 and d["socket"] > 0 and d["sequence"] > 0' \
	cat "$work/event"
event_columns() { awk -F'\t' 'NF != 16 { exit 1 }' "$work/monitor.brief"; }
check "control: an event with tabs" event_columns
event_line() {
	grep -Eqx '[0-9:]{8}\.[0-9]{3}  subscription-added   e\.> socket [0-9]+ of blipmq uid 0' \
		"$work/monitor.people"
}
check "control: an event for people" event_line
check_status 1 "control: nobody may listen" nobody $ctl monitor
check_status 2 "control: no such event" $ctl monitor frob
check_status 2 "control: events in two forms" $ctl monitor -j -b

# --- who sees what ------------------------------------------------------------

json "control: nobody sees his own topics" \
	'[t["name"] for t in d] == ["n.1"]' nobody $ctl topic list --json
json "control: and subscriptions" \
	'[t["pattern"] for t in d] == ["n.1"]' \
	nobody $ctl subscription list --json
json "control: and sockets" 'len(d) == 1' nobody $ctl socket list --json
check_status 1 "control: not root's" nobody $ctl socket list --user root
check_status 1 "control: nor one of root's topics" nobody $ctl topic show a.b

# --- rules --------------------------------------------------------------------

json "control: no rules" 'd == []' $ctl access --json
check "control: no rules, for people" $ctl access list
check "control: a rule" $ctl access add 'ac.>' 640 --user 65534 --group 65534
check "control: one for who asks" $ctl access add ac.mine 700
check "control: and changed" $ctl access add ac.mine 707 -g 1
json "control: access list" \
	'd == [dict(pattern="ac.mine", uid=0, gid=1, mode="0707"),
	       dict(pattern="ac.>", uid=65534, gid=65534, mode="0640")]' \
	nobody $ctl access list --json
brief() {
	[ "$($ctl access list --brief)" = \
		$'ac.mine\t0\t1\t0707\t-\t-\nac.>\t65534\t65534\t0640\t-\t-' ]
}
check "control: access list --brief" brief
check "control: access list for people" $ctl access
json "control: access test" 'd == dict(pattern="ac.x", publish=False,
	subscribe=False, block=False, rule="ac.>")' $ctl access test ac.x --json
json "control: access test of a user" \
	'd["publish"] and d["subscribe"] and not d["block"]' \
	$ctl access test ac.x --user nobody --json
json "control: access test of a group" 'd["subscribe"] and not d["publish"]' \
	$ctl access test ac.x --user 4711 --group 65534 --json
json "control: access test of who asks" 'd["publish"] and d["rule"] == "ac.>"' \
	nobody $ctl access test 'ac.x.>' --json
json "control: access test without a rule" 'd["publish"] and d["rule"] is None' \
	$ctl access test else -j
check "control: access test for people" $ctl access test ac.x
check_status 1 "control: root may not publish" $blipmq pub ac.x hello
check "control: nobody may" nobody $blipmq pub ac.x hello
check_status 1 "control: nor may root subscribe" $blipmq sub 'ac.*'
check_status 1 "control: rules are not nobody's to change" \
	nobody $ctl access add ac.y 777
check_status 1 "control: nor to delete" nobody $ctl access delete ac.mine
check "control: a rule less" $ctl access delete ac.mine
check_status 1 "control: it is gone" $ctl access delete ac.mine
check_status 1 "control: a rule for what is no pattern" $ctl access add a..b 777
check_status 2 "control: no mode" $ctl access add 'ac.>'
check_status 2 "control: what is no mode" $ctl access add 'ac.>' 788
check_status 2 "control: too much of a mode" $ctl access add 'ac.>' 1777
check_status 2 "control: no such owner" $ctl access add a 777 -u no-such-user
check_status 2 "control: no such group" $ctl access add a 777 -g no-such-group
check_status 2 "control: rules have no user" $ctl access list --user root

# --- what is said of a topic --------------------------------------------------

check "control: topic set" $ctl topic set a.b --ttl 5s --rate 7
check "control: more of it" $ctl topic set a.b -u 65534 -m 640
json "control: topic show has it" \
	'[d[k] for k in ("uid", "gid", "mode", "ttl-ms", "publish-rate")] == [65534, 0, "0640", 5000, 7]' \
	$ctl topic show a.b --json
check "control: topic set of one that is not there" $ctl topic set st.x -t never
json "control: which has it all the same" \
	'd == dict(name="st.x", idle=True, **{"ttl-ms": 0xffffffff})' \
	$ctl topic show st.x --json
json "control: as the list of rules does" \
	'[r for r in d if r["pattern"] == "st.x"] == [{"pattern": "st.x", "ttl-ms": 0xffffffff}]' \
	$ctl access list --json
check "control: topic show for people" $ctl topic show a.b
check_status 1 "control: an owner without a mode" $ctl topic set st.x -u 0
check_status 1 "control: what is no topic" $ctl topic set 'st.*' --rate 1
check_status 1 "control: nothing to set" $ctl topic set st.x
check_status 1 "control: it is not nobody's to set" nobody $ctl topic set st.x -r 1
for ttl in soon 5d -1 4294967296 1194h; do
	check_status 2 "control: what is no time: $ttl" $ctl topic set st.x --ttl "$ttl"
done
check_status 2 "control: what is no rate" $ctl topic set st.x --rate -1
check_status 2 "control: no topic to set" $ctl topic set --rate 1
check "control: topic delete" $ctl topic delete a.b
check "control: of the other one" $ctl topic delete st.x
check_status 1 "control: it is said no more" $ctl topic delete st.x

# --- help, and nothing --------------------------------------------------------

for what in topic subscription socket access; do
	check "control: help for $what" $ctl help "$what"
done
json "control: an empty namespace" 'd == []' \
	unshare -n $ctl socket list --json
json_results
tap_end
