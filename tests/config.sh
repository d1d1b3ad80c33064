#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# blipmqctl export and apply: what was exported changes nothing, what is wrong
# is told by its line and changes nothing, what is right is done whole or not
# at all.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

ns=blip-f$$
work=$(mktemp -d)
chmod 755 "$work"
cleanup() {
	build/blipmqctl worker set --count "$(nproc)" 2> /dev/null
	ip netns del "$ns" 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT
ip netns add "$ns"
c() { ip netns exec "$ns" "$@"; }
ctl=build/blipmqctl
nobody() { c setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

export_to() { c $ctl export > "$work/$1"; }
same() { export_to now && diff "$work/$1" "$work/now"; }

# --- a fixed point ------------------------------------------------------------

# What apply says, shown unless it is that there was nothing to do.
nothing_changes() {
	local said
	said=$(c $ctl apply "$@" 2>&1) || { echo "status $?: $said"; return 1; }
	[ "$said" = 'No change.' ] || { echo "apply said: $said"; return 1; }
}
no_change() { export_to fixed && nothing_changes - < "$work/fixed"; }
check "config: what is exported changes nothing" no_change
check "config: the example is applied" c $ctl apply tools/blipmqctl/blipmq.toml
check "config: and then changes nothing" no_change
check "config: nor does the example, again" nothing_changes tools/blipmqctl/blipmq.toml
has() {
	local line
	export_to now
	for line; do
		grep -qxF "$line" "$work/now" || { echo "no: $line"; return 1; }
	done
}
check "config: it is what was said" has 'payload-bytes = 4194304' \
	'queue-messages = 4096' 'count = 2' 'busy-poll-us = 50' 'cpu = "any"' \
	'priority = 10' 'pattern = "ticks.>"'
check_text 1 "config: its topics go to its worker" \
	bash -c "ip netns exec $ns $ctl lane show ticks.a --json | grep -o '\"worker\": *[0-9]*' | tr -dc 0-9"
export_to before
check_text 'No change.' "config: nobody may apply what changes nothing" \
	nobody $ctl apply "$work/before"

# --- what is wrong ------------------------------------------------------------

# Every line that is marked is told with its text, and no other line is.
named() {
	LC_ALL=C awk -v file="$1" '
	FILENAME == file {
		if (i = index($0, "wrong: "))
			want[FNR] = substr($0, i + 7)
		next
	}
	/: warning: / { next }
	{
		split(substr($0, index($0, file ":") + length(file) + 1), part, ":")
		if (!(part[1] in want) || !index($0, want[part[1]])) {
			print "told, but not wrong, or not so: " $0
			bad = 1
		}
		seen[part[1]] = 1
	}
	END {
		for (line in want)
			if (!(line in seen)) {
				print "line " line " is not told"
				bad = 1
			}
		exit bad
	}' "$1" "$work/err"
}
broken() {
	local file=$1 status=0
	c $ctl apply "$file" > "$work/out" 2> "$work/err" || status=$?
	cat "$work/err"
	[ "$status" = 1 ] && [ ! -s "$work/out" ] && named "$file" && same before
}
for file in tests/config/*.toml; do
	check "config: ${file##*/} is refused by its lines" broken "$file"
done
printf '[limits]\ntopics = 10\n# \xff wrong: not TOML\n' > "$work/latin.toml"
check "config: what is no UTF-8 is refused" broken "$work/latin.toml"
{
	echo '[lanes]'
	for i in {0..256}; do
		printf '[[lanes.rule]]%s\npattern = "r.%s"\nmode = "direct"\n' \
			"$([ "$i" -lt 256 ] || echo ' # wrong: 256 rules of lanes at most')" "$i"
	done
} > "$work/many.toml"
check "config: too many rules are refused" broken "$work/many.toml"
check_status 1 "config: a file that is not there" c $ctl apply "$work/none.toml"
check_status 1 "config: a folder" c $ctl apply "$work"
head -c 17000000 /dev/zero | tr '\0' '#' > "$work/large.toml"
check_status 1 "config: a file that is too large" c $ctl apply "$work/large.toml"
rm "$work/large.toml"
check_status 2 "config: no file" c $ctl apply
check_status 2 "config: two files" c $ctl apply a b
check_status 2 "config: an unknown option" c $ctl apply --frob a
check_status 2 "config: export takes no argument" c $ctl export a
check_status 2 "config: export is TOML" c $ctl export --json
check "config: and still all is as it was" same before

# --- who may ------------------------------------------------------------------

sed -e 's/^topics = .*/topics = 77/' "$work/before" > "$work/limits.toml"
sed -e 's/^busy-poll-us = 50/busy-poll-us = 60/' "$work/before" > "$work/workers.toml"
sed -e 's/^mode = "worker"/mode = "direct"/; /^worker = /d' "$work/before" > "$work/lanes.toml"
refused() {
	local text=$1 file=$2 line=$3 status=0
	shift 3
	"$@" $ctl apply "$work/$file" > "$work/out" 2> "$work/err" || status=$?
	cat "$work/err"
	line=$(grep -n "$line" "$work/$file" | head -n 1 | cut -d : -f 1)
	[ "$status" = 1 ] && grep -qF "$file:$line: " "$work/err" &&
		grep -qF "$text" "$work/err" && same before
}
check "config: limits are not for everybody" \
	refused "needs CAP_NET_ADMIN in" limits.toml '^topics' nobody
check "config: nor are workers" \
	refused "needs CAP_NET_ADMIN of the host" workers.toml '^busy-poll-us = 60' nobody
check "config: nor lanes" \
	refused "needs CAP_NET_ADMIN in" lanes.toml '^pattern = "ticks.>"' nobody
container() { unshare --user --map-root-user --net "$@"; }
printf '[limits]\ntopics = 77\n' > "$work/small.toml"
check "config: a container sets its limits" container $ctl apply "$work/small.toml"
printf '[workers]\ndelegate = true\n' > "$work/small.toml"
check_status 1 "config: but no workers" container $ctl apply "$work/small.toml"
printf '[lanes]\nmode = "worker"\n' > "$work/small.toml"
check_status 1 "config: nor lanes of those" container $ctl apply "$work/small.toml"
check "config: all is as it was" same before

# --- dry, and as JSON ---------------------------------------------------------

check "config: a dry run" c $ctl apply --dry-run "$work/limits.toml"
check "config: changes nothing" same before
json() {
	local expression=$1
	shift
	"$@" > "$work/json" 2> "$work/err"
	cat "$work/json"
	python3 -I -S -c "import json, sys; d = json.load(open(sys.argv[1])); assert $expression" "$work/json"
}
check "config: a dry run as JSON" \
	json 'not d["applied"] and [(x["what"], x["to"]) for x in d["changes"]] == [("limits.topics", "77")] and d["changes"][0]["line"] > 1' \
	c $ctl apply --dry-run --json "$work/limits.toml"
check "config: errors as JSON" \
	json 'not d["applied"] and [e["line"] for e in d["errors"]] == [2, 3, 4, 5, 6, 7, 8, 9]' \
	c $ctl apply --json tests/config/limits-range.toml
check "config: no change as JSON" \
	json 'd == {"applied": True, "changes": [], "warnings": [], "errors": []}' \
	c $ctl apply --json "$work/before"
cat > "$work/ultra.toml" <<'END'
[ultra_server]
io_threads = 4
worker_threads = 8
routing_threads = 1
queue_depth = 512
read_buffer_size = 65536
write_buffer_size = 65536
enable_numa_pinning = true
enable_huge_pages = true
enable_memory_prefetch = false
END
check "config: what was the original's is understood" \
	json 'd["applied"] and {x["what"] for x in d["changes"]} == {"limits.queue-messages", "workers.count"} and [w["line"] for w in d["warnings"]] == [2, 3, 6, 7, 8, 9, 10]' \
	c $ctl apply --json "$work/ultra.toml"
check "config: and has an effect" has 'queue-messages = 512'

# --- all or nothing -----------------------------------------------------------

check "config: back to what was before" c $ctl apply "$work/before"
check "config: that is the same" same before
# The n-th change is refused, behind the checks.
cat > "$work/after.toml" <<'END'
[limits]
topics = 4321
queue-messages = 17
[workers]
count = 4
delegate = true
[workers.0]
cpu = 1
[workers.1]
class = "other"
nice = 5
[workers.3]
busy-poll-us = 7
[lanes]
mode = "worker"
worker = 3
[[lanes.rule]]
pattern = "x.>"
mode = "worker"
[[lanes.rule]]
pattern = "ticks.slow"
mode = "worker"
worker = 2
END
half() {
	local status=0
	c env LD_PRELOAD="$PWD/build/tests/refuse.so" REFUSE="$1" \
		$ctl apply "$work/after.toml" > "$work/out" 2> "$work/err" || status=$?
	cat "$work/err"
	[ "$status" = 1 ] && [ ! -s "$work/out" ] && same before &&
		grep -qE "after.toml:[0-9]+: refused: Cannot allocate memory" "$work/err" &&
		grep -q 'was taken back' "$work/err"
}
for n in 1 2 3 4 5 6 7 8 9; do
	check "config: change $n is refused, and nothing stays" half $n
done
check "config: when none is" c $ctl apply "$work/after.toml"
check "config: all is done" has 'queue-messages = 17'
export_to before
cat > "$work/each.toml" <<'END'
[workers]
count = "each-cpu"
END
check "config: one worker for each CPU" c $ctl apply "$work/each.toml"
check "config: is told so" has 'count = "each-cpu"'
tap_end
