#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# blipmqctl export and apply: what was exported changes nothing, what is wrong
# is told by its line and changes nothing, what is right is done whole or not
# at all.
# Where programs are has no spaces.
# shellcheck disable=SC2086
set -u
cd "$(dirname "$0")/.." || exit 1
# All of it is in one namespace: to enter one for each command takes longer than
# the command.
[ -n "${CONFIG_NS:-}" ] || CONFIG_NS=1 exec unshare --net "tests/${0##*/}"
. tests/tap.sh

work=$(mktemp -d)
chmod 755 "$work"
inside=
cleanup() {
	[ -z "$inside" ] || kill "$inside"
	build/blipmqctl worker set --count "$(nproc)" 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT
ctl=build/blipmqctl
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

export_to() { $ctl export > "$work/$1"; }
same() {
	[ "$($ctl export)" = "$(< "$work/$1")" ] && return
	export_to now
	diff "$work/$1" "$work/now"
}

# --- a fixed point ------------------------------------------------------------

# What apply says, shown unless it is that there was nothing to do.
nothing_changes() {
	local said
	said=$($ctl apply "$@" 2>&1) || { echo "status $?: $said"; return 1; }
	[ "$said" = 'No change.' ] || { echo "apply said: $said"; return 1; }
}
no_change() { export_to fixed && nothing_changes - < "$work/fixed"; }
check "config: what is exported changes nothing" no_change
check "config: the example is applied" $ctl apply tools/blipmqctl/blipmq.toml
check "config: and then changes nothing" no_change
check "config: nor does the example, again" nothing_changes tools/blipmqctl/blipmq.toml
has() {
	local line now
	now=$($ctl export)$'\n'
	for line; do
		[[ $now == *$'\n'"$line"$'\n'* ]] || { echo "no: $line"; return 1; }
	done
}
check "config: it is what was said" has 'payload-bytes = 4194304' \
	'queue-messages = 4096' 'count = 2' 'busy-poll-us = 50' 'cpu = "any"' \
	'priority = 10' 'pattern = "ticks.>"' 'mode = "664"' 'ttl-ms = 5000' \
	'publish-rate = 1000'
check_text 1 "config: its topics go to its worker" \
	bash -c "$ctl lane show ticks.a --json | grep -o '\"worker\": *[0-9]*' | tr -dc 0-9"
# A rule that judges, one with a time and a rate alone, one for a topic with all.
rules() {
	$ctl access add 'q.>' 751 --user 12 --group 34 &&
		$ctl topic set q.a --ttl never --rate 7 &&
		$ctl topic set q.b --mode 600 --user 5 --group 6 --ttl 9
}
check "config: rules are set by other commands" rules
check "config: and are exported" has 'user = 12' 'group = 34' 'mode = "751"' \
	'pattern = "q.a"' 'ttl-ms = "never"' 'publish-rate = 7' 'mode = "600"'
check "config: as something that changes nothing" no_change
check "config: the example takes them out" $ctl apply tools/blipmqctl/blipmq.toml
check "config: so that there are its two" \
	bash -c "[ \"\$($ctl access list --brief | wc -l)\" = 2 ]"
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
# What was changed by one of them is seen behind the last one.
broken() {
	local file=$1 status=0
	$ctl apply "$file" > "$work/out" 2> "$work/err" || status=$?
	named "$file" && [ "$status" = 1 ] && [ ! -s "$work/out" ] && return
	cat "$work/err"
	return 1
}
for file in tests/config/*.toml; do
	check "config: ${file##*/} is refused by its lines" broken "$file"
done
printf '[limits]\ntopics = 10\n# \xff wrong: not TOML\n' > "$work/latin.toml"
check "config: what is no UTF-8 is refused" broken "$work/latin.toml"
# more_than COUNT WHAT [KEYS]: one rule more, in $work/many.toml.
more_than() {
	awk -v max="$1" -v what="$2" -v keys="$3" -v mark="# wrong: $1 rules" 'BEGIN {
		for (i = 0; i <= max; i++)
			printf "[[%s.rule]]%s\npattern = \"r.%d\"\n%s\n",
				what, i < max ? "" : mark, i, keys
	}' > "$work/many.toml"
}
more_than 256 lanes 'mode = "direct"'
check "config: too many rules are refused" broken "$work/many.toml"
more_than 4096 access 'ttl-ms = 1'
check "config: too many rules for rights are refused" broken "$work/many.toml"
check_status 1 "config: a file that is not there" $ctl apply "$work/none.toml"
check_status 1 "config: a folder" $ctl apply "$work"
head -c 17000000 /dev/zero | tr '\0' '#' > "$work/large.toml"
check_status 1 "config: a file that is too large" $ctl apply "$work/large.toml"
rm "$work/large.toml"
check_status 2 "config: no file" $ctl apply
check_status 2 "config: two files" $ctl apply a b
check_status 2 "config: an unknown option" $ctl apply --frob a
check_status 2 "config: export takes no argument" $ctl export a
check_status 2 "config: export is TOML" $ctl export --json
check "config: and still all is as it was" same before

# --- who may ------------------------------------------------------------------

sed -e 's/^topics = .*/topics = 77/' "$work/before" > "$work/limits.toml"
sed -e 's/^busy-poll-us = 50/busy-poll-us = 60/' "$work/before" > "$work/workers.toml"
sed -e 's/^mode = "worker"/mode = "direct"/; /^worker = /d' "$work/before" > "$work/lanes.toml"
sed -n -e 's/^ttl-ms = 5000/ttl-ms = 5001/; /^\[access\]/,$p' "$work/before" > "$work/access.toml"
# refused TEXT FILE LINE COMMAND...: the line that begins so is told with the text.
refused() {
	local text=$1 file=$2 line=$3 nr=0 status=0 said here
	shift 3
	said=$("$@" $ctl apply "$work/$file" 2>&1) || status=$?
	echo "$said"
	while IFS= read -r here; do
		nr=$((nr + 1))
		[[ $here != "$line"* ]] || break
	done < "$work/$file"
	[ "$status" = 1 ] && [[ $said == *"$file:$nr: "*"$text"* ]] && same before
}
check "config: limits are not for everybody" \
	refused "needs CAP_NET_ADMIN in" limits.toml 'topics' nobody
check "config: nor are workers" \
	refused "needs CAP_NET_ADMIN of the host" workers.toml 'busy-poll-us = 60' nobody
check "config: nor lanes" \
	refused "needs CAP_NET_ADMIN in" lanes.toml 'pattern = "ticks.>"' nobody
check "config: nor rules" \
	refused "needs CAP_NET_ADMIN in" access.toml 'pattern = "ticks.slow"' nobody
container() { unshare --user --map-root-user --net "$@"; }
printf '[limits]\ntopics = 77\n' > "$work/small.toml"
check "config: a container sets its limits" container $ctl apply "$work/small.toml"
printf '[workers]\ndelegate = true\n' > "$work/small.toml"
check_status 1 "config: but no workers" container $ctl apply "$work/small.toml"
printf '[lanes]\nmode = "worker"\n' > "$work/small.toml"
check_status 1 "config: nor lanes of those" container $ctl apply "$work/small.toml"
# Of 12 the container knows nothing, and 0 is its own.
printf '[[access.rule]]\npattern = "a"\nuser = 0\ngroup = 0\nmode = "700"\n' > "$work/small.toml"
check "config: it sets its rules" container $ctl apply "$work/small.toml"
printf '[[access.rule]]\npattern = "a"\nuser = 12\ngroup = 0\nmode = "700"\n' > "$work/small.toml"
foreign() {
	local said
	said=$(container $ctl apply "$work/small.toml" 2>&1) && return 1
	echo "$said"
	[[ $said == *small.toml:3:*'there is no such user here'* ]]
}
check "config: of users that it knows" foreign

# Somebody of the host gives a container a rule for a user that it has not.
unshare --user --map-root-user --net sleep 1000 > /dev/null & inside=$!
of_container() { nsenter --target "$inside" --user --net "$@"; }
apart() { ! [ "/proc/$inside/ns/net" -ef /proc/self/ns/net ]; }
eventually apart
unknown_owner() {
	local said
	nsenter --target "$inside" --net $ctl access add b 700 --user 12 --group 12 &&
		of_container $ctl export > "$work/unknown.toml" || return
	grep -q '^# its user or group is none here' "$work/unknown.toml" &&
		! grep -q '^user = ' "$work/unknown.toml" || return
	printf '[[access.rule]]\npattern = "b"\nuser = 0\ngroup = 0\nmode = "700"\n' > "$work/small.toml"
	said=$(of_container $ctl apply "$work/small.toml" 2>&1) && return 1
	[[ $said == *small.toml:2:*'belongs to a user or group that is none here'* ]] || return
	printf '[access]\n' > "$work/small.toml"
	said=$(of_container $ctl apply "$work/small.toml" 2>&1) && return 1
	[[ $said == *small.toml:1:*'belongs to a user or group that is none here'* ]] &&
		nsenter --target "$inside" --net $ctl access list --brief | grep -q $'^b\t12\t12\t'
}
check "config: a rule whose owner it does not know stays" unknown_owner
kill "$inside"
inside=
check "config: all is as it was" same before

# --- dry, and as JSON ---------------------------------------------------------

check "config: a dry run" $ctl apply --dry-run "$work/limits.toml"
check "config: changes nothing" same before
json "config: a dry run as JSON" \
	'not d["applied"] and [(x["what"], x["to"]) for x in d["changes"]] == [("limits.topics", "77")] and d["changes"][0]["line"] > 1' \
	$ctl apply --dry-run --json "$work/limits.toml"
json_status 1 "config: errors as JSON" \
	'not d["applied"] and [e["line"] for e in d["errors"]] == [2, 3, 4, 5, 6, 7, 8, 9]' \
	$ctl apply --json tests/config/limits-range.toml
json "config: no change as JSON" \
	'd == {"applied": True, "changes": [], "warnings": [], "errors": []}' \
	$ctl apply --json "$work/before"
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
json "config: what was the original's is understood" \
	'd["applied"] and {x["what"] for x in d["changes"]} == {"limits.queue-messages", "workers.count"} and [w["line"] for w in d["warnings"]] == [2, 3, 6, 7, 8, 9, 10]' \
	$ctl apply --json "$work/ultra.toml"
check "config: and has an effect" has 'queue-messages = 512'

# --- all or nothing -----------------------------------------------------------

check "config: back to what was before" $ctl apply "$work/before"
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
[[access.rule]]
pattern = "ticks.>"
user = 3
group = 4
mode = "777"
[[access.rule]]
pattern = "ticks.a"
ttl-ms = 7
END
half() {
	local status=0 said
	said=$(LD_PRELOAD=$PWD/build/tests/refuse.so REFUSE=$1 \
		$ctl apply "$work/after.toml" 2>&1) || status=$?
	echo "$said"
	# What was done would be told in front of that.
	[ "$status" = 1 ] && same before &&
		[[ $said =~ ^blipmqctl:\ [^:]*after.toml:[0-9]+:\ refused:\ Cannot\ allocate\ memory ]] &&
		[[ $said == *'was taken back'* ]]
}
for n in {1..12}; do
	check "config: change $n is refused, and nothing stays" half "$n"
done
check "config: when none is" $ctl apply "$work/after.toml"
check "config: all is done" has 'queue-messages = 17'
export_to before
cat > "$work/each.toml" <<'END'
[workers]
count = "each-cpu"
END
check "config: one worker for each CPU" $ctl apply "$work/each.toml"
check "config: is told so" has 'count = "each-cpu"'

# --- the order of rules -------------------------------------------------------

# What decides for a topic is the old rule or the new one at each moment: those
# that say most are set first, and of those that decide no longer they go last.
$ctl access add '>' 777 && $ctl access add 'o.*' 700 && $ctl access add o.a 700 &&
	$ctl access add 'o.>' 700 && $ctl access add q.a 700
cat > "$work/order.toml" <<'END'
[[access.rule]]
pattern = "q.a"
ttl-ms = 1
[[access.rule]]
pattern = "p.>"
user = 0
group = 0
mode = "700"
[[access.rule]]
pattern = "p.a"
ttl-ms = 1
[[access.rule]]
pattern = ">"
user = 0
group = 0
mode = "700"
[[access.rule]]
pattern = "p.*"
user = 0
group = 0
mode = "700"
END
order() {
	$ctl apply "$work/order.toml" | awk -F': ' '{ print $1 }' |
		diff - <(printf 'access.rule %s\n' p.a 'p.*' 'p.>' '>' \
			'ticks.>' ticks.a q.a 'o.>' 'o.*' o.a)
}
check "config: rules are set in an order" order
check "config: and taken back in that" "$ctl" apply "$work/before"
check "config: so that all is as it was" same before
json_results
tap_end
