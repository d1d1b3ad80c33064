#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What BlipMQ does, as a person sees it: the programs, in network namespaces.
#
#   ┌──── $left ────────────────┐        ┌──── $right ───────────────┐
#   │ broker of its own         │        │ broker of its own         │
#   │ blipmqd 127.0.0.1:9999    │        │ no blipmqd                │
#   │ blipmqd 10.99.0.1:8888    │        │                           │
#   │ vethl 10.99.0.1/24 ───────┼────────┼─ vethr 10.99.0.2/24       │
#   └───────────────────────────┘        └───────────────────────────┘
#
# The two have the same topics and never see each other's messages; only over
# TCP does a client in $right reach the broker of $left.
# shellcheck disable=SC2030,SC2031 # in_place is a subshell's own
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

left=blip-l$$
right=blip-r$$
gone=blip-g$$
work=$(mktemp -d)
chmod 755 "$work"
jobs_started=()

cleanup() {
	local pid
	for pid in "${jobs_started[@]}"; do
		kill "$pid" 2> /dev/null
	done
	wait 2> /dev/null
	for ns in "$left" "$right" "$gone"; do
		ip netns del "$ns" 2> /dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT

# In the background a program takes the place of its shell, so that the process
# that is told to end, or killed, is the program.
in_place=
l() { $in_place ip netns exec "$left" "$@"; }
r() { $in_place ip netns exec "$right" "$@"; }
blipmq=build/blipmq
ctl=build/blipmqctl
status=build/tests/status
tcp=tcp://127.0.0.1:9999
unprivileged=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# background NAME COMMAND [ARG...]: its output in $work/NAME.{out,err}.
background() {
	local name=$1
	shift
	{ in_place='exec'; "$@"; } > "$work/$name.out" 2> "$work/$name.err" &
	jobs_started+=($!)
	echo $! > "$work/$name.pid"
}

# ended NAME: its exit status, once it has ended.
ended() {
	wait "$(cat "$work/$1.pid")"
}

end() {
	kill "$(cat "$work/$1.pid")"
	ended "$1"
}

# subscriber NAME WHERE [ARG...]: started, and ready when this returns.
subscriber() {
	local name=$1 where=$2
	shift 2
	background "$name" "$where" $blipmq "$@"
	eventually grep -q "^subscribed ${*: -1}\$" "$work/$name.err"
}

# wrote NAME TEXT: the output is this, to the byte.
wrote() {
	printf '%b' "$2" | cmp - "$work/$1.out"
}

has_line() { grep -q "$2" "$work/$1.out"; }
said() { grep -q "$2" "$work/$1.err"; }

number() { l $status "$1"; }
is() { [ "$(number "$1")" = "$2" ]; }

# --- the topology -------------------------------------------------------------

topology() {
	ip netns add "$left" && ip netns add "$right" &&
	ip -n "$left" link set lo up && ip -n "$right" link set lo up &&
	{ modprobe veth 2> /dev/null || true; } &&
	ip -n "$left" link add vethl type veth peer name vethr netns "$right" &&
	ip -n "$left" addr add 10.99.0.1/24 dev vethl &&
	ip -n "$right" addr add 10.99.0.2/24 dev vethr &&
	ip -n "$left" link set vethl up && ip -n "$right" link set vethr up
}
check "spec: two namespaces, connected" topology

# --- publishing and subscribing -----------------------------------------------

check "spec: a subscriber says when it is ready" \
	subscriber a l sub --format raw --count 1 news
check "spec: a message is published" l $blipmq pub news hello
check "spec: --count ends the subscriber with status 0" ended a
check "spec: --format raw writes the payload alone" wrote a hello

check "spec: two topics, two lines of readiness" \
	subscriber a l sub --format line --count 2 news sport
check "spec: each topic was confirmed" said a '^subscribed news$'
check "spec: the other topic" l $blipmq pub sport 'two words'
check "spec: a topic that nobody wants is no error" l $blipmq pub other x
check "spec: an empty message" l $blipmq pub news ''
check "spec: the subscriber has its two" ended a
check "spec: --format line writes topic, tab, payload, newline" \
	wrote a 'sport\ttwo words\nnews\t\n'

check "spec: a subscriber for JSON" \
	subscriber a l sub --format json --count 3 news
check "spec: text" l $blipmq pub news 'with "quotes"'
printf '\377\0\376' > "$work/bytes"
check "spec: bytes that are no text" l $blipmq pub news --file "$work/bytes"
check "spec: what terminals obey" l $blipmq pub news $'\x7f \xc2\x9b31m \xc2\xa0'
check "spec: it has all three" ended a
json_text() {
	has_line a '"topic":"news"' && has_line a '"id":[0-9]' &&
	has_line a '"payload":"with \\"quotes\\""' &&
	has_line a '"retained":false' && has_line a '"lost":0'
}
check "spec: --format json has topic, id, payload, retained, lost" json_text
check "spec: JSON escapes what terminals obey, and no more" \
	has_line a $'"payload":"\\\\u007f \\\\u009b31m \xc2\xa0"'
check "spec: base64 beside it when it is not UTF-8" \
	has_line a '"payload":null,"payload-base64":"/wD+"'

check "spec: a subscriber that keeps what is newest" \
	subscriber a l sub --overflow conflate --count 1 news
check "spec: a message that lives an hour" l $blipmq pub --ttl 1h news lasting
check "spec: it is there" ended a
check "spec: to the byte" wrote a 'news\tlasting\n'

check "spec: a value that a topic keeps" l $blipmq pub --retain kept first
kept_lines() { printf 'second\nlast' | l $blipmq pub --retain kept -; }
check "spec: the last of some lines replaces it" kept_lines
check "spec: who subscribes later" \
	subscriber a l sub --format json --count 1 kept
check "spec: gets it at once" ended a
check "spec: and is told that it was kept" \
	has_line a '"payload":"last".*"retained":true'
check "spec: an empty one clears it" l $blipmq pub -r kept ''
check "spec: who subscribes then" \
	subscriber a l sub --format json --count 1 kept
check "spec: a value that is live" l $blipmq pub kept live
check "spec: is the first that is got" ended a
check "spec: since there was none any more" \
	has_line a '"payload":"live".*"retained":false'

check "spec: two members of a queue group" \
	subscriber a l sub --format raw --group team work
check "spec: the second" subscriber b l sub --format raw -g team work
work_lines() { seq 1 20 | l $blipmq pub work -; }
check "spec: lines for the group" work_lines
shared() {
	[ "$(cat "$work/a.out" "$work/b.out" | wc -c)" = 31 ]
}
check "spec: each line came once" eventually shared
members_end() { end a && end b; }
check "spec: they end with status 0" members_end
shared_once() { shared && [ -s "$work/a.out" ] && [ -s "$work/b.out" ]; }
check "spec: and both had some" shared_once

check "spec: a subscriber for lines" \
	subscriber a l sub --format raw --count 3 news

lines() { printf 'one\ntwo\nthree' | l $blipmq pub news -; }
check "spec: '-' publishes each line of standard input" lines
check "spec: three lines, three messages" ended a
check "spec: without their newlines" wrote a onetwothree

head -c 1048576 /dev/urandom > "$work/large"
check "spec: a subscriber for a file" \
	subscriber a l sub --format raw --count 1 files
check "spec: --file publishes a file of 1 MiB as one message" \
	l $blipmq pub files --file "$work/large"
check "spec: the subscriber got it" ended a
check "spec: the same bytes" cmp "$work/large" "$work/a.out"
check_status 1 "spec: one byte more is refused" \
	l $blipmq pub files --file <(cat "$work/large"; printf x)

check "spec: a subscriber that is told to end" subscriber a l sub news
check "spec: SIGTERM ends it with status 0" end a

# --- exit status --------------------------------------------------------------

check_status 1 "spec: an invalid topic is refused: 1" l $blipmq pub a..b x
check_status 4 "spec: a pattern is taken" l $blipmq sub --timeout 0.2 'a.*'
check_status 2 "spec: no command: 2" l $blipmq
check_status 2 "spec: an unknown command: 2" l $blipmq frob
check_status 2 "spec: an unknown option: 2" l $blipmq pub --frob a b
check_status 2 "spec: no message: 2" l $blipmq pub news
check_status 2 "spec: no topic: 2" l $blipmq sub
check_status 2 "spec: an unknown format: 2" l $blipmq sub --format xml news
check_status 2 "spec: an unknown overflow policy: 2" \
	l $blipmq sub --overflow drop news
check_status 2 "spec: a time to live without a number: 2" \
	l $blipmq pub --ttl soon news x
check_status 1 "spec: who may not hold publishers up: 1" \
	l "${unprivileged[@]}" $blipmq sub --overflow block --timeout 1 news
check_status 2 "spec: a queue group without a name: 2" \
	l $blipmq sub --group '' news
check_status 2 "spec: a count of nothing: 2" l $blipmq sub --count 0 news
check_status 3 "spec: nobody listens: 3" \
	l $blipmq --server tcp://127.0.0.1:9 pub news x
check_status 4 "spec: no message in time: 4" l $blipmq sub --timeout 0.2 news
for command in '' pub sub; do
	# shellcheck disable=SC2086 # none is no argument
	check "spec: help for ${command:-all}" l $blipmq help $command
done

# --- over TCP -----------------------------------------------------------------

background d l build/blipmqd
ready() { l $blipmq --server "$1" pub ready x 2> /dev/null; }
check "spec: blipmqd serves 127.0.0.1:9999 by default" \
	eventually ready $tcp
check "spec: a subscriber over TCP" \
	subscriber a l --server $tcp sub --count 2 --format line news
check "spec: a local subscriber beside it" \
	subscriber b l sub --count 2 --format line news
check "spec: from a local publisher" l $blipmq pub news local
check "spec: from a publisher over TCP" \
	env BLIPMQ_SERVER=$tcp ip netns exec "$left" $blipmq pub news remote
check "spec: the one over TCP ends" ended a
check "spec: the local one ends" ended b
check "spec: over TCP it got both" wrote a 'news\tlocal\nnews\tremote\n'
check "spec: so did the local one" cmp "$work/a.out" "$work/b.out"
check_status 1 "spec: errors come over TCP as well" \
	l $blipmq --server $tcp pub a..b x
line='^BlipMQ - Connections: [0-9]+, Msg/s: R:[0-9]+ S:[0-9]+, Bytes/s: R:[0-9]+ S:[0-9]+$'
statistics() { grep -Eq "$line" "$work/d.out" && ! grep -Evq "$line" "$work/d.out"; }
check "spec: blipmqd shows its statistics line, and nothing else" \
	eventually statistics
check_status 1 "spec: two blipmqd do not share a port" l build/blipmqd
# Not root any more, and with no capability but CAP_NET_ADMIN.
little() {
	local of
	of=/proc/$(cat "$work/d.pid")/status
	cat "$of"
	grep -Eq '^Uid:(.65534){4}$' "$of" && grep -Eq '^Groups:[[:space:]]*$' "$of" &&
		grep -Eq '^CapEff:.0*1000$' "$of" && grep -Eq '^CapPrm:.0*1000$' "$of"
}
check "spec: blipmqd keeps no privilege that it does not need" little

# What a stranger publishes does not drive the terminal.
escaped() {
	local pid
	l python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' $blipmq sub \
		--count 1 news > "$work/terminal" 2>&1 < /dev/null & pid=$!
	eventually grep -q 'subscribed news' "$work/terminal" || return
	l $blipmq pub news "$(printf 'a\033[2Jb\302\233c\377d')" || return
	wait "$pid"
	cat -v "$work/terminal"
	grep -qF 'a\x1b[2Jb\xc2\x9bc\xffd' "$work/terminal"
}
check "spec: on a terminal control characters are escaped" escaped

background e l build/blipmqd 10.99.0.1:8888
check "spec: blipmqd on another address" eventually r $blipmq \
	--server tcp://10.99.0.1:8888 pub ready x
check "spec: it warns that all may come in" \
	grep -qi 'warning' "$work/e.err"
check "spec: a subscriber in the other namespace, over TCP" \
	subscriber a r --server tcp://10.99.0.1:8888 sub --count 1 \
	--format raw news
check "spec: a publisher on the broker's side" l $blipmq pub news 'far away'
check "spec: it arrives" ended a
check "spec: as it was sent" wrote a 'far away'
check "spec: SIGTERM ends that blipmqd with status 0" end e

check "spec: a client of blipmqd" \
	subscriber a l --server $tcp sub --count 1 --format raw news
check "spec: a local one" subscriber b l sub --count 1 --format raw news
kill -9 "$(cat "$work/d.pid")"
wait "$(cat "$work/d.pid")" 2> /dev/null
check_status 3 "spec: when blipmqd is killed its client ends: 3" ended a
check "spec: local programs do not notice" l $blipmq pub news 'still here'
check "spec: the local one got it" ended b
check "spec: to the byte" wrote b 'still here'

# --- two namespaces -----------------------------------------------------------

check "spec: a subscriber on the left" \
	subscriber a l sub --format line --count 2 news
check "spec: the same topic on the right" \
	subscriber b r sub --format line --count 2 news
for n in 1 2; do
	check "spec: left publishes, $n" l $blipmq pub news "left $n"
	check "spec: right publishes, $n" r $blipmq pub news "right $n"
done
check "spec: left has two" ended a
check "spec: right has two" ended b
check "spec: left saw its own only" wrote a 'news\tleft 1\nnews\tleft 2\n'
check "spec: right saw its own only" wrote b 'news\tright 1\nnews\tright 2\n'

# A namespace goes away with traffic running: programs hold the namespace as
# long as they live, then everything in it goes.
g() { $in_place ip netns exec "$gone" "$@"; }
subscriber_g() { subscriber g g sub --format raw t; }
traffic() {
	ip netns add "$gone" && ip -n "$gone" link set lo up && subscriber_g &&
	background f g bash -c "yes some text | $blipmq pub t -" &&
	eventually test -s "$work/g.out"
}
# Only the namespaces that are left: the module's users, then, are theirs.
users() { awk '$1 == "blipmq" { print $3 }' /proc/modules; }
unused() { [ "$(users)" = 0 ]; }
namespace_goes() {
	ip netns del "$gone"
	pkill -9 -P "$(cat "$work/f.pid")"
	kill -9 "$(cat "$work/f.pid")" "$(cat "$work/g.pid")"
	wait "$(cat "$work/f.pid")" "$(cat "$work/g.pid")"
	eventually unused
}
check "spec: a third namespace, with traffic" traffic
check "spec: it is deleted amidst it, and nothing is held" namespace_goes
check "spec: the left one works as before" l $blipmq pub news x

# --- an unprivileged user -----------------------------------------------------

nobody() { l "${unprivileged[@]}" "$@"; }
check "spec: nobody subscribes" subscriber a nobody sub --count 1 \
	--format raw news
check "spec: nobody publishes" nobody $blipmq pub news 'from nobody'
check "spec: it arrives" ended a
check "spec: as it was sent" wrote a 'from nobody'
check "spec: nobody reads the status" nobody $ctl status
{ cat "$work/large" && printf x; } > "$work/larger"
check_status 1 "spec: nobody exceeds no message size" \
	nobody $blipmq pub files --file "$work/larger"
check "spec: nobody exceeds no limit of a socket" nobody build/tests/limits

# --- the counters -------------------------------------------------------------

same_numbers() {
	local path value key n=0 json
	json=$($ctl status --json) || return
	while read -r path value; do
		key=${path##*.}
		[[ $json =~ \"$key\":\ *${value}[,}]?($'\n'|$) ]] ||
			{ echo "$path $value: $json"; return 1; }
		n=$((n + 1))
	done < <($status)
	[ $n -gt 20 ]
}
export -f same_numbers
export ctl status work
check "spec: blipmqctl status --json is what netlink says" \
	eventually l bash -c same_numbers
check "spec: blipmqctl status is for people" l $ctl status
check_status 2 "spec: blipmqctl, an unknown command: 2" l $ctl frob
for path in sockets subscriptions topics memory-bytes ring-bytes \
	totals.queued-messages totals.queued-bytes; do
	check "spec: no $path left" l $status --wait $path 0
done
check "spec: matched = delivered + dropped + queued" l $status --law
counted() { [ "$(number totals.published)" -ge 20 ]; }
check "spec: what was published was counted" counted
check "spec: nothing overflowed" is totals.dropped-overflow 0
tap_end
