#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What blipmqctl refuses, by its status and by the words that say why, for each
# command: options and arguments that it has not, names that there are not,
# numbers out of range, who has no right, and who has one in another namespace.
# That nothing is changed is seen at the end.
# Where programs are has no spaces.
# shellcheck disable=SC2086
set -u
cd "$(dirname "$0")/.." || exit 1
[ -n "${REFUSALS_NS:-}" ] || REFUSALS_NS=1 exec unshare --net "tests/${0##*/}"
. tests/tap.sh

work=$(mktemp -d)
chmod 755 "$work"
jobs_started=()
cleanup() {
	[ ${#jobs_started[@]} = 0 ] || kill "${jobs_started[@]}" 2> /dev/null
	$ctl worker set --count "$(nproc)" 2> /dev/null
	rm -rf "$work"
}
ctl=build/blipmqctl
trap cleanup EXIT
blipmq=build/blipmq

declare -A had=()
kind='' as=()
# refused STATUS TEXT ARG...: nothing is printed but an error with that text. In
# the shell alone: a guest takes long to start a program.
refused() {
	local want=$1 text=$2 status=0 out='' err=''
	shift 2
	had[$kind.${1:-overview}]=1
	"${as[@]}" $ctl "$@" > "$work/out" 2> "$work/err" || status=$?
	IFS= read -r -d '' out < "$work/out"
	IFS= read -r -d '' err < "$work/err"
	printf '%s\n' "status $status, expected $want and '$text': ${as[*]} $*" \
		"$out" "$err" > "$tap_log"
	[ "$status" = "$want" ] && [ ! -s "$work/out" ] && [[ $err == *"$text"* ]]
	result $? "refusals: $kind: $*"
}

commands=$($ctl help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help)
$blipmq sub k.a > "$work/sub" 2> "$work/sub.err" &
jobs_started+=($!)
check "refusals: a subscriber" eventually grep -q '^subscribed' "$work/sub.err"
$ctl worker set --count 2
$ctl access add k.ruled 777
$ctl export > "$work/before"
check "refusals: there is something to compare with" [ -s "$work/before" ]
set -- $commands
check "refusals: the commands are known" [ $# -ge 17 ]

kind=option
for command in $commands; do
	refused 2 'unknown option' "$command" --frob
done
refused 2 'exclude each other' socket list -j -b
refused 2 'exclude each other' monitor -j -b
refused 2 'exclude each other' drain --undo --wait 1
refused 2 'exclude each other' tune --apply --undo
refused 2 '--latency stands alone' stats --latency on --json
refused 2 'topic list has no rates' topic list --rates
refused 2 'subscription list has no rates' subscription list --rates

kind=argument
for command in $commands; do
	[[ $command != apply ]] || continue
	refused 2 "frob" "$command" frob
done
refused 2 'apply wants one FILE' apply
refused 2 'apply wants one FILE' apply a b
refused 2 "there is no command 'frob'" frob
refused 2 "there is no command 'frob'" help frob
refused 2 "topic list takes no 'b'" topic list a b
refused 2 'topic show wants one TOPIC' topic show
refused 2 'topic set wants one TOPIC' topic set
refused 2 'topic delete wants one TOPIC' topic delete
refused 2 "socket list takes no 'a'" socket list a
refused 2 "limit show takes no 'a'" limit show a
refused 2 'limit set wants NAME VALUE' limit set topics
refused 2 'worker set wants' worker set
refused 2 'lane set wants' lane set k.a
refused 2 'lane show wants' lane show a b
refused 2 'worker list takes' worker list 1
refused 2 'access wants' access add k.a
refused 2 'access wants' access delete
refused 2 'access wants' access test

kind=unknown
refused 1 'there is no such topic' topic show no.such
refused 1 'nothing was said of this topic' topic delete no.such
refused 2 "there is no user 'no-such'" topic list --user no-such
refused 2 "there is no user 'no-such'" subscription list --user no-such
refused 2 "there is no user 'no-such'" socket list --user no-such
refused 2 "there is no limit 'frob'; 'blipmqctl limit show' lists them" limit set frob 1
refused 1 'there is no such worker' worker set 63 --cpu 0
refused 2 "--class cannot be 'idle'" worker set 0 --class idle
refused 1 'there is no such worker' lane set k.a worker 63
refused 2 "there is no mode 'frob'" lane set k.a frob
refused 1 'there is no rule for this pattern' lane set k.a default
refused 1 'there is no rule for this pattern' access delete no.such
refused 2 "there is no user 'no-such'" access add k.a 777 -u no-such
refused 2 "there is no group 'no-such'" access add k.a 777 -g no-such
refused 2 "there is no user 'no-such'" access test k.a -u no-such
refused 2 "there is no format 'xml'" stats --format xml
refused 2 "there is no event 'frob'" monitor frob
refused 2 "sockets have no column 'frob'" top --sort frob
refused 1 "$work/none.toml" apply "$work/none.toml"

kind=range
refused 1 'this is no valid pattern' topic list a..b
refused 1 'this is no valid pattern' subscription list 'a.>.b'
refused 1 'name is not a valid topic' topic set 'k.*' --rate 1
refused 1 'publish-rate is 0 to 10000000' topic set k.a --rate 10000001
refused 2 'soon' topic set k.a --ttl soon
refused 2 '788' topic set k.a --mode 788
refused 1 'payload-bytes is 1 to 16777216' limit set payload-bytes 17M
refused 1 'topics is 1 to 16777216' limit set topics 0
refused 2 "wants a number, as 4096 or 16M, not '-1'" limit set -- topics -1
refused 1 'count is 1 to 64' worker set --count 0
refused 1 'count is 1 to 64' worker set --count 65
refused 1 'cpu is not one that is online' worker set 0 --cpu 100000
refused 1 'nice is -20 to 19' worker set 0 --nice 20
refused 1 'busy-poll-us is 0 to 1000000' worker set 0 --busy-poll 1000001
refused 2 "--count cannot be '-1'" worker set --count -1
refused 1 'pattern is not a valid topic or pattern' lane set k..a direct
refused 1 'topic is not a valid one' lane show 'k.>'
refused 2 'a mode is 0 to 777' access add k.a 788
refused 1 'pattern is not a valid topic or pattern' access add k..a 777
refused 2 '--watch wants 0.01 to 86400 seconds' stats --watch 0
refused 2 '--rates wants 0.01 to 86400 seconds' socket list --rates 0
refused 2 '--wait wants seconds' drain --wait -1
refused 2 '--delay wants 0.1 to 3600 seconds' top --delay 0
refused 2 '--count wants a number' top --count 0
refused 2 '--seconds wants 0.01 to 86400' trace --seconds 0
printf '[limits]\ntopics = 0\n' > "$work/range.toml"
refused 1 'range.toml:2: ' apply "$work/range.toml"

# What each of them needs is said, whoever asks.
privileged() {
	local net='CAP_NET_ADMIN in the network namespace'
	refused 1 "$net" stats --latency on
	refused 1 "$net" topic set k.a --rate 1
	refused 1 "$net" topic delete k.ruled
	refused 1 "$net" limit set topics 77
	refused 1 'CAP_NET_ADMIN of the host' worker set 0 --cpu 0
	refused 1 "$net" lane set k.a direct
	refused 1 "$net" access add k.a 777
	refused 1 "$net" access delete k.ruled
	refused 1 "$net" drain
	refused 1 "$net" reset
	refused 1 "$net" monitor
	printf '[limits]\ntopics = 77\n' > "$work/limits.toml"
	refused 1 'limits.toml:2: limits.topics: this needs CAP_NET_ADMIN' apply "$work/limits.toml"
}
kind=unprivileged
as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
privileged
refused 1 'cannot trace: ' trace --seconds 1
for command in topic subscription socket; do
	refused 1 "what is another user's is for CAP_NET_ADMIN" $command list --user root
done
refused 1 'there is no such topic that you may see' topic show k.a
refused 1 '; run it as root' tune --apply

# Whose rights are of another user namespace than this one.
kind=namespace
as=(unshare --user --map-root-user)
privileged
# With a network of his own he may what is its own, and sees nothing of this one.
as=(unshare --user --map-root-user --net)
refused 1 'CAP_NET_ADMIN of the host' worker set 0 --cpu 0
refused 1 'lanes are not delegated to this namespace' lane set k.a worker
refused 1 'lanes are not delegated to this namespace' lane set k.a direct
refused 1 'there is no such user here' topic list --user 65534
refused 1 'there is no such user here' access add k.a 777 -u 65534
as=(unshare --net)
refused 1 'there is no such topic' topic show k.a
refused 1 'there is no rule for this pattern' access delete k.ruled
refused 1 'nothing was said of this topic' topic delete k.ruled
as=()

# --- each command was asked ---------------------------------------------------

asked() {
	local command needs missing=0
	for command in $commands; do
		for kind in option argument; do
			[ -n "${had[$kind.$command]:-}" ] ||
				{ echo "$command: no $kind"; missing=1; }
		done
		needs=$($ctl help "$command" | tr '\n' ' ')
		[[ $needs =~ [Nn]eeds?\ (CAP_NET_ADMIN|root) ]] || continue
		for kind in unprivileged namespace; do
			# These are about files, which belong to a user of all namespaces.
			[[ $kind.$command != namespace.t[ru]* ]] || continue
			[ -n "${had[$kind.$command]:-}" ] ||
				{ echo "$command: nobody $kind"; missing=1; }
		done
	done
	return $missing
}
check "refusals: each command refuses what it has to" asked
unchanged() { $ctl export | diff "$work/before" -; }
check "refusals: nothing was changed" unchanged
json "refusals: nor is anything drained or measured" \
	'not d["draining"] and not d["latency"]["enabled"]' $ctl stats --json
json_results
tap_end
