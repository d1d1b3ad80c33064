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
rm -f "$logs"/suite-*.kept*

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
	status=0 counted=0 said=''
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
		1..* | 'TAP version '*)	;;
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
	say "that took $((SECONDS - start)) s"
}

# in_guest WHO KERNEL SECONDS COMMAND...: one that prints TAP, in a guest.
in_guest() {
	local who=$1 kernel=$2 seconds=$3
	shift 3
	tap "$who" tests/vm/run --kernel "$kernel" --load --timeout "$seconds" \
		--name "${who//[ \/]/-}" -- "$@"
}

# suite_guest KERNEL [NAME=VALUE...]: tests/suite in a guest, with this environment.
suite_guest() {
	local kernel=$1
	shift
	tests/vm/run --kernel "$kernel" --load --timeout "${SUITE_TIMEOUT:-2100}" \
		--name "suite-$kernel" -- env ONLY="$only" BLIPMQ_DUMPAVAIL=build/dumpavail \
		"$@" tests/suite
}

# suite_begin KERNEL [NAME=VALUE...]: begins it behind the others' back; suite then
# shows what it said. Emulated guests leave half of the machine idle.
suite_begin() {
	local kept=$logs/suite-$1.kept
	rm -f "$kept" "$kept".*
	: > "$kept"
	{
		suite_guest "$@" > "$kept" 2> "$kept.err" < /dev/null
		echo $? > "$kept.new" && mv "$kept.new" "$kept.status"
	} &
}

suite_kept() {
	local kept=$logs/suite-$1.kept
	until [ -e "$kept.status" ]; do
		sleep 0.2
	done
	cat "$kept"
	cat "$kept.err" >&2
	return "$(cat "$kept.status")"
}

# suite KERNEL [NAME=VALUE...]: its results, and whether it came to its end.
suite() {
	local kernel=$1 start=$SECONDS before=$failed what source=suite_guest
	say "tests/suite on kernel $kernel"
	[ ! -e "$logs/suite-$kernel.kept" ] || source=suite_kept
	relay "$kernel" "$logs/suite-$kernel.tap" $source "$@"
	rm -f "$logs/suite-$kernel.kept" "$logs/suite-$kernel.kept".*
	say "that took $((SECONDS - start)) s"
	# Failed tests are counted already; this is about the guest. Status 1 is the
	# suite's own, when a test failed or ONLY left none.
	what="$kernel: the guest ran the suite to its end"
	if [ -n "$said" ] && { [ "$status" = 0 ] ||
			{ [ "$status" = 1 ] && [ $counted = 0 ] && [ -n "$only" ]; } ||
			{ [ "$status" = 1 ] && [ $failed -gt $before ]; }; }; then
		[ -n "$only" ] || result "ok $what"
	else
		result "not ok $what (status $status, it said: ${said:-nothing})"
	fi
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
