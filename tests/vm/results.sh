# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts that run everything share: results in TAP, checks on this
# machine, and the suite in a guest. Sourced, from the project's root.

only=${ONLY:-}
logs=build/logs
number=0 passed=0 failed=0 skipped=0
bad=()
begin=$SECONDS
mkdir -p "$logs"
rm -rf "$logs"/*.kept* "$logs"/suite-*-failed-*
declare -A begun=()

# behind COMMAND...: in the background, in a process group of its own, which ends
# when we do.
groups=()
behind() {
	set -m
	"$@" &
	groups+=($!)
	set +m
}
end_groups() {
	local group
	for group in "${groups[@]}"; do
		kill -TERM -- "-$group" 2> /dev/null
	done
}
trap end_groups EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '# %s\n' "$*"; }

# result "ok WHAT [# SKIP WHY]" or "not ok WHAT"
result() {
	number=$((number + 1))
	case $1 in
	'not ok '*)	failed=$((failed + 1)); bad+=("${1#not ok }") ;;
	*'# SKIP'*)	skipped=$((skipped + 1)) ;;
	*)		passed=$((passed + 1)) ;;
	esac
	case $1 in
	'not ok '*)	echo "not ok $number - ${1#not ok }" ;;
	*)		echo "ok $number - ${1#ok }" ;;
	esac
}

# wanted WHAT: is it asked for, by ONLY?
wanted() { [[ -z $only || $1 == *$only* ]]; }

# check WHAT COMMAND...: passes when it succeeds; what it printed is shown when
# it does not. With ONLY, a check that is not asked for is not made.
check() {
	local what=$1 log start=$SECONDS
	shift
	wanted "$what" || return 0
	log=$logs/check-$((number + 1)).log
	if "$@" > "$log" 2>&1 < /dev/null; then
		result "ok $what"
		rm -f "$log"
	else
		sed 's/^/# /' "$log" | tail -n 60
		result "not ok $what"
	fi
	[ $((SECONDS - start)) -lt 2 ] || say "that took $((SECONDS - start)) s"
}

# relay WHO LOG COMMAND...: what the command prints in TAP becomes ours, with WHO
# before each name; its standard error is kept in LOG.err. Sets status to the
# command's, counted to its results, and said to the line that it ended with.
relay() {
	local who=$1 log=$2 pipe=$2.pipe line command
	shift 2
	status=0 counted=0 said='' planned=''
	rm -f "$pipe" "$log"
	mkfifo "$pipe"
	"$@" > "$pipe" 2> "$log.err" < /dev/null & command=$!
	while IFS= read -r line; do
		printf '%s\n' "$line" >> "$log"
		case $line in
		'ok '* | 'not ok '*)
			counted=$((counted + 1))
			line=$(sed -E 's/^(ok|not ok) [0-9]*( -)? */\1 '"$who"': /' <<< "$line")
			result "$line" ;;
		1..*)	planned=${line#1..} ;;
		'TAP version '*)	;;
		[0-9]*' passed, '*)	said=$line ;;
		*)	printf '%s\n' "$line" ;;
		esac
	done < "$pipe"
	wait "$command"
	status=$?
	rm -f "$pipe"
	sed 's/^/# /' "$log.err" | tail -n 40
}

# tap WHO COMMAND...: a program of this machine that prints TAP.
tap() {
	local who=$1 start=$SECONDS before=$failed
	shift
	wanted "$who" || return 0
	say "$who"
	relay "$who" "$logs/${who//[ \/]/-}.tap" "$@"
	[ $counted -gt 0 ] || result "not ok $who: it had no result (status $status)"
	[ "$status" = 0 ] || [ $failed -gt $before ] ||
		result "not ok $who: ended with status $status"
	[ "$status" != 0 ] || [ "$planned" = $counted ] ||
		result "not ok $who: ${planned:-no} results were planned, $counted came"
	[ "$1" = kept ] || say "that took $((SECONDS - start)) s"
}

# guest NAME KERNEL SECONDS COMMAND...: one in a guest with the module.
guest() {
	local name=${1//[ \/]/-} kernel=$2 seconds=$3
	shift 3
	tests/vm/run --kernel "$kernel" --load --timeout "$seconds" --name "$name" -- "$@"
}

# in_guest WHO KERNEL SECONDS COMMAND...: one that prints TAP, in a guest.
in_guest() { tap "$1" guest "$@"; }

# suite_guest KERNEL [NAME=VALUE...]: tests/suite in a guest, with this environment;
# of host, what needs no guest, on this machine.
suite_guest() {
	local kernel=$1
	shift
	if [ "$kernel" = host ]; then
		env ONLY="$only" "$@" tests/suite --host
		return
	fi
	# Leaks are looked for in all of its memory, which takes its time.
	tests/vm/run --kernel "$kernel" --load --timeout "${SUITE_TIMEOUT:-2700}" \
		--memory 2G --name "suite-$kernel" -- env ONLY="$only" BLIPMQ_DUMPAVAIL=build/dumpavail \
		"$@" tests/suite
}

# Passes on the results of parts that came to their end; what the last one said
# before is put into the file REST, and how many results there were into COUNT.
whole_parts() {
	awk -v rest="$1" -v count="$2" '
		/^1\.\./ { next }
		/^(not )?ok / { n++; unfinished++ }
		/^# [a-z_:.]+$/ { printf "%s", held; held = ""; inside = 1; unfinished = 0 }
		{ held = held $0 "\n" }
		/^# .* took [0-9]+ ms, / { inside = 0 }
		!inside { printf "%s", held; held = ""; unfinished = 0; fflush() }
		END { printf "%s", held > rest; print n - unfinished > count }'
}

# whole_suite KERNEL [NAME=VALUE...]: as suite_guest; but when the emulation fails,
# another guest goes on from the part that this happened in.
whole_suite() {
	local file=$logs/suite-$1.parts kernel=$1 from='' total=0 attempt status
	shift
	for attempt in 1 2 3 4 5 6 7 8; do
		suite_guest "$kernel" ${from:+SUITE_FROM="$from"} "$@" |
			whole_parts "$file.rest" "$file.count"
		status=${PIPESTATUS[0]}
		total=$((total + $(cat "$file.count")))
		[ "$status" = 123 ] || break
		from=$(sed -n 's/^# \([a-z_:.]*\)$/\1/p' "$file.rest" | head -n 1)
		[ $attempt != 8 ] || break
		say "the emulation failed in ${from:-no part}: from there again"
		mv "$logs/suite-$kernel" "$logs/suite-$kernel-failed-$attempt"
	done
	if [ -s "$file.rest" ]; then
		cat "$file.rest"
		total=$((total + $(grep -cE '^(not )?ok ' "$file.rest")))
	fi
	echo "1..$total"
	rm -f "$file".*
	return "$status"
}

# keep NAME COMMAND...: run it, for somebody who asks for it by kept NAME.
keep() {
	local file=$logs/${1//[ \/]/-}.kept start=$SECONDS status
	shift
	"$@" > "$file" 2> "$file.err" < /dev/null
	status=$?
	say "it ran for $((SECONDS - start)) s" >> "$file"
	echo $status > "$file.new" && mv "$file.new" "$file.status"
}

# Does anybody work in the background yet?
working() {
	local group
	for group in "${groups[@]}"; do
		! kill -0 "$group" 2> /dev/null || return 0
	done
	return 1
}

# kept NAME: what it prints, until it has ended, and its status; 125 when who was to
# do it has died.
kept() {
	local file=$logs/${1//[ \/]/-}.kept fd ended='' idle=''
	until [ -e "$file" ]; do
		kill -0 $$ 2> /dev/null || exit	# our caller, whose end this outlived
		[ -z "$idle" ] || { say "nobody does it any more"; return 125; }
		working || idle=1
		sleep 0.2
	done
	exec {fd}< "$file"
	until [ -n "$ended" ]; do
		kill -0 $$ 2> /dev/null || exit
		if [ -e "$file.status" ]; then
			ended=1
		elif [ -n "$idle" ]; then
			say "who did it has died"
			return 125
		fi
		working || idle=1
		cat <&"$fd"
		sleep 0.2
	done
	exec {fd}<&-
	cat "$file.err" >&2
	return "$(cat "$file.status")"
}

# suites_begin KERNEL...: begins them behind the others' back, one after another;
# suite then shows what each says. brief KERNEL says what it is to have.
suites_begin() {
	local kernel
	[ $# -gt 0 ] || return 0
	for kernel; do
		begun[$kernel]=1
	done
	behind suites_in_turn "$@"
}
suites_in_turn() {
	local kernel
	for kernel; do
		# shellcheck disable=SC2046 # a setting or none
		keep "suite-$kernel" whole_suite "$kernel" $(brief "$kernel")
	done
}

# suite KERNEL [NAME=VALUE...]: its results, and whether it came to its end.
suite() {
	local kernel=$1 start=$SECONDS before=$failed what
	local run=(whole_suite "$@")
	[ "$kernel" != host ] || run=(suite_guest host)
	say "tests/suite on kernel $kernel"
	if [ -n "${begun[$kernel]:-}" ]; then
		relay "$kernel" "$logs/suite-$kernel.tap" kept "suite-$kernel"
	else
		relay "$kernel" "$logs/suite-$kernel.tap" "${run[@]}"
	fi
	say "that took $((SECONDS - start)) s"
	# Failed tests are counted already; this is about the guest. Status 1 is the
	# suite's own, when a test failed or ONLY left none.
	what="$kernel: the suite came to its end"
	if [ -n "$said" ] && { [ "$status" = 0 ] ||
			{ [ "$status" = 1 ] && [ $counted = 0 ] && [ -n "$only" ]; } ||
			{ [ "$status" = 1 ] && [ $failed -gt $before ]; }; }; then
		[ -n "$only" ] || result "ok $what"
	else
		result "not ok $what (status $status, it said: ${said:-nothing})"
	fi
}

# later WHO COMMAND...: as tap, with others beside it: hands N runs what was put
# off, N at a time, and show_all shows it in the order in which it was.
put_off=() put_off_command=()
later() {
	wanted "$1" || return 0
	put_off+=("$1")
	shift
	put_off_command+=("$(printf '%q ' "$@")")
}

hand() {
	local i
	only=''
	for i in "${!put_off[@]}"; do
		mkdir "$logs/taken.$i" 2> /dev/null || continue
		eval "keep $(printf %q "${put_off[i]}") ${put_off_command[i]}"
	done
}

hands() {
	local n
	rm -rf "$logs"/taken.*
	for ((n = 0; n < $1; n++)); do
		behind hand
	done
}

show_all() {
	local who
	for who in "${put_off[@]}"; do
		tap "$who" kept "$who"
	done
	rm -rf "$logs"/taken.*
}

# summary: the plan, what failed, and the last line. Fails when anything did, or
# nothing passed.
summary() {
	local what line
	echo "1..$number"
	for what in "${bad[@]}"; do
		say "failed: $what"
	done
	say "all took $((SECONDS - begin)) s; logs in $logs"
	line="$passed passed, $failed failed"
	[ $skipped = 0 ] || line+=", $skipped skipped"
	echo "$line"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}
