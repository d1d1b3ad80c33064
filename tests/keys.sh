#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The keys of JSON that blipmqctl prints are those of the tables in blipmqctl(8):
# none is printed that no table has, and each that a table has is printed by one
# of the commands here.
# Where programs are has no spaces.
# shellcheck disable=SC2086
set -u
cd "$(dirname "$0")/.." || exit 1
[ -n "${KEYS_NS:-}" ] || KEYS_NS=1 exec unshare --net "tests/${0##*/}"
. tests/tap.sh

work=$(mktemp -d)
mkdir "$work/said"
jobs_started=()
cleanup() {
	local pid
	exec 3>&-
	for pid in "${jobs_started[@]}"; do
		kill -CONT "$pid" 2> /dev/null
		kill "$pid" 2> /dev/null
	done
	wait 2> /dev/null
	# Workers are those of all namespaces.
	$ctl apply "$work/before" > /dev/null 2>&1
	rm -rf "$work"
}
ctl=build/blipmqctl
trap cleanup EXIT
blipmq=build/blipmq

# say SECTION ARG...: what blipmqctl prints then belongs to that table.
said=0
say() {
	local section=$1
	shift
	said=$((said + 1))
	$ctl "$@" > "$work/said/$section.$said" 2>> "$work/errors"
}
started() {
	local name=$1
	shift
	"$@" > "$work/$name" 2> "$work/$name.err" &
	jobs_started+=($!)
}

# --- something of everything --------------------------------------------------

# frame OP-AND-FLAGS TOPIC LENGTH BODY: to the TCP connection, as docs/PROTOCOL.md
# has it; the body in escapes of printf.
frame() {
	local size=$((8 + ${#2} + $3)) head
	printf -v head '\\x%x\\x%x\\0\\0\\x%s\\x%x\\0\\0' \
		$((size & 255)) $((size >> 8)) "$1" ${#2}
	# shellcheck disable=SC2059 # it is made of escapes
	printf "$head$2$4" >&3
}
serves() { exec 3<> /dev/tcp/127.0.0.1/9996; } 2> /dev/null
kept() { [[ $($ctl topic show k.kept --json 2> /dev/null) == *retained-bytes* ]]; }
# Who acts for a client has an identity; the client a queue group and a retained
# value.
client() {
	ip link set lo up
	started blipmqd build/blipmqd 127.0.0.1:9996
	eventually serves || return
	frame 20 k.group 2 '\x1g' && frame 12 k.kept 9 '\0\0\0\0\0\0\0\0v' &&
		eventually kept
}
check "keys: a client of blipmqd" client
settings() {
	$ctl export > "$work/before"
	$ctl worker set --count 2 && $ctl worker set 1 --class fifo --priority 1 &&
		$ctl lane set k.lane worker 0 && $ctl access add 'k.>' 777 &&
		$ctl topic set k.slow --ttl 60000 --rate 1000 --mode 777
}
check "keys: settings" settings
started monitor $ctl monitor --json
monitor=$!
started slow $blipmq sub --queue-messages 4 k.slow k.lane
slow=$!
check "keys: a subscriber" eventually grep -q '^subscribed k.lane' "$work/slow.err"
tracer=
tracing() {
	mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null
	[ -d /sys/kernel/tracing/events ] || return
	started trace $ctl trace --json
	tracer=$!
	eventually traces "$tracer"
}
# traces PID: has that blipmqctl switched its event on?
traces() { grep -qsx 1 "/sys/kernel/tracing/instances/blipmqctl-$1"/events/blipmq/*/enable; }
# More than its queue takes, while it reads nothing.
overflow() {
	kill -STOP "$slow"
	# The monitor hears of a queue group as well.
	frame 20 k.team 2 '\x1g'
	printf '%s\n' {1..8} | $blipmq pub k.slow - && $blipmq pub k.lane x &&
		eventually grep -q '"slow-began"' "$work/monitor"
}
traced() {
	kill -TERM "$tracer"
	wait "$tracer"
	cp "$work/trace" "$work/said/trace.0"
}
tracing || echo "# no tracefs: nothing is traced"
check "keys: messages are dropped" overflow
[ -z "$tracer" ] || check "keys: a trace tells of it" traced
limit() {
	$ctl limit set subscriptions 1 && ! $blipmq sub -t 5 k.a k.b 2> /dev/null &&
		$ctl limit set subscriptions 1024 &&
		eventually grep -q '"limit-reached"' "$work/monitor"
}
check "keys: a limit is reached" limit
moved() {
	$ctl worker set 0 --cpu 0 && $ctl worker set 0 --cpu 1 &&
		eventually grep -q '"worker-moved"' "$work/monitor"
}
[ "$(nproc)" = 1 ] || check "keys: a worker moves" moved
# More events than its socket has room for, while it does not read them; those
# behind them tell it.
flood() {
	kill -STOP "$monitor"
	cat "$work/flood" >&3
	sleep 0.2
	kill -CONT "$monitor"
	cat "$work/pair" >&3
	sleep 0.2
	grep -q '"missed","count"' "$work/monitor"
}
missed() {
	exec 4>&3 3> "$work/pair"
	frame 20 k.f 0 ''
	frame 30 k.f 0 ''
	exec 3>&4 4>&-
	printf '%0.s'"$work/pair\n" {1..12000} | xargs cat > "$work/flood"
	eventually flood
}

# --- what each command says ---------------------------------------------------

say status --json
say status status --json
say limit limit show --json
say stats stats --json
say worker worker list --json
say lane lane show --json
say lane lane show k.lane --json
say access access list --json
say access access test k.x --json
say topic topic list --json
say topic topic show k.slow --json
say subscription subscription list --json
say socket socket list --json --rates 0.1
say tune tune --json
printf '[ultra_server]\nio_threads = 4\nqueue_depth = 512\n' > "$work/change.toml"
printf '[limits]\ntopics = 0\n' > "$work/wrong.toml"
say apply apply --dry-run --json "$work/change.toml"
say apply apply --json "$work/wrong.toml"
halfway() {
	LD_PRELOAD=$PWD/build/tests/refuse.so REFUSE=1 say apply apply --json "$work/change.toml"
	[ $? = 1 ]
}
check "keys: a change is refused" halfway
say drain drain --json
say drain drain --undo --json
check "keys: events are missed" missed
# It may be at a line.
kill "$monitor"
wait "$monitor" 2> /dev/null
head -n "$(wc -l < "$work/monitor")" "$work/monitor" > "$work/said/monitor.0"

# --- and what the tables have -------------------------------------------------

page=tools/blipmqctl/blipmqctl.8
# The overview prints what status does, and limits stand in the table of status.
tabled() {
	local command missing=0 tables
	tables=$(sed -n '/^.Sh JSON KEYS/,/^.Sh FILES/p' "$page")
	for command in $($ctl help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help); do
		[[ $command != overview && $command != limit ]] || continue
		[[ $($ctl help "$command") == *--json* ]] || continue
		[[ $tables != *$'\n'".Ss $command"$'\n'* ]] || continue
		echo "$command has no table"
		missing=1
	done
	return $missing
}
check "keys: each command with JSON has a table" tabled
complete=
while IFS=$'\t' read -r status what; do
	[ "$status" != '#' ] || { echo "# $what"; continue; }
	[ "$status" != complete ] || { complete=1; continue; }
	result "$status" "keys: $what"
done < <(python3 -I -S - "$page" "$work/said" <<'END'
import json, os, re, sys

# Of each table the keys, with their points.
def tables(page):
    found, section, inside = {}, None, False
    for line in open(page):
        if line.startswith(".Sh "):
            inside = line.startswith(".Sh JSON KEYS")
        elif inside and line.startswith(".Ss "):
            section = line[4:].strip()
            found[section] = set()
        elif inside and (row := re.match(r"\.It (\S+) Ta ", line)):
            found[section].add(row[1])
    return found

def keys(value, at=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from keys(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, at)
    elif isinstance(value, float):
        yield f"{at} = {value}, no whole number,"
    else:
        yield at

def objects(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        while at < len(text) and text[at].isspace():
            at += 1

page, said = sys.argv[1:]
want = tables(page)
status = want["status"]
totals = {k for k in status if k.startswith("totals.")}
want["limit"] = {k[7:] for k in status if k.startswith("limits.")}
# As its text says.
want["stats"] |= {k for k in status if not k.startswith("limits.")}
for table in want.values():
    if "totals" in table:
        table.remove("totals")
        table |= totals
seen = {section: set() for section in want}
for name in sorted(os.listdir(said)):
    section = name.split(".")[0]
    text = open(f"{said}/{name}").read()
    try:
        for value in objects(text):
            seen[section] |= set(keys(value))
    except ValueError as e:
        seen[section].add(f"what is no JSON ({e}), in {name}: {text[:200]!r},")
if not os.path.exists(f"{said}/trace.0"):
    del want["trace"]
for section in want:
    for key in sorted(seen[section] - want[section]):
        print("#", f"{section} prints {key} which its table has not", sep="\t")
    for key in sorted(want[section] - seen[section]):
        print("#", f"{section} has {key} in its table, which nothing printed", sep="\t")
    failed = seen[section] != want[section] or not want[section]
    print(int(failed), f"{section} prints what its table has", sep="\t")
print("complete", "", sep="\t")
END
)
check "keys: all that was said was read" [ -n "$complete" ]
tap_end
