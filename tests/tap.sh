# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the test scripts: checks that print TAP, and waiting for what
# comes by itself.

tap_number=0
tap_failed=0
tap_log=$(mktemp)

# result STATUS WHAT: one line of TAP, with the log of a failure.
result() {
	tap_number=$((tap_number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_number $2"
	else
		tap_failed=$((tap_failed + 1))
		sed 's/^/# /' "$tap_log"
		echo "not ok $tap_number $2"
	fi
}

# check WHAT COMMAND [ARG...]: passes when the command succeeds.
check() {
	local what=$1 tap_status=0
	shift
	"$@" > "$tap_log" 2>&1 || tap_status=$?
	[ "$tap_status" = 0 ] || echo "status $tap_status: $*" >> "$tap_log"
	result "$tap_status" "$what"
}

# check_status N WHAT COMMAND [ARG...]: passes when it ends with status N.
check_status() {
	local want=$1 what=$2 tap_status=0
	shift 2
	"$@" > "$tap_log" 2>&1 || tap_status=$?
	echo "status $tap_status, expected $want: $*" >> "$tap_log"
	[ "$tap_status" = "$want" ]
	result $? "$what"
}

# check_text TEXT WHAT COMMAND [ARG...]: passes when exactly that is printed.
check_text() {
	local want=$1 what=$2 seen tap_status=0
	shift 2
	seen=$("$@" 2> "$tap_log") || tap_status=$?
	printf 'status %s, expected "%s", got "%s": %s\n' \
		"$tap_status" "$want" "$seen" "$*" >> "$tap_log"
	[ "$tap_status" = 0 ] && [ "$seen" = "$want" ]
	result $? "$what"
}

skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number # SKIP $1: $2"
}

# eventually COMMAND [ARG...]: until it succeeds; the limit guards against a
# hang and says nothing about speed.
eventually() {
	local end=$((SECONDS + 60))
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "never: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# json WHAT EXPRESSION COMMAND [ARG...]: the command succeeds, and for what it prints,
# d, the expression is true. json_results reads all outputs, by one program, since
# such a program begins slowly in a guest. json_status N likewise of one that ends
# with status N.
tap_outputs=0
tap_json=
json() { json_status 0 "$@"; }
json_status() {
	local want=$1 tap_status=0
	shift
	[ -n "$tap_json" ] || tap_json=$(mktemp -d)
	tap_outputs=$((tap_outputs + 1))
	printf '%s' "$1" > "$tap_json/$tap_outputs.what"
	printf '%s' "$2" > "$tap_json/$tap_outputs.expression"
	shift 2
	"$@" > "$tap_json/$tap_outputs.json" 2> "$tap_json/$tap_outputs.err" || tap_status=$?
	[ "$tap_status" = "$want" ] ||
		echo "status $tap_status, expected $want: $*" > "$tap_json/$tap_outputs.status"
}

json_results() {
	local status what seen=0
	: > "$tap_log"
	while IFS=$'\t' read -r status what; do
		[ "$status" != '#' ] || { echo "# $what"; continue; }
		seen=$((seen + 1))
		result "$status" "$what"
	done < <(python3 -I -S - "$tap_json" "$tap_outputs" <<'END'
import json, os, sys
for i in range(1, int(sys.argv[2]) + 1):
    name = f"{sys.argv[1]}/{i}."
    what, expression = (open(name + x).read() for x in ("what", "expression"))
    d = None
    try:
        d = json.load(open(name + "json"))
        failed = not eval(expression, {"d": d})
    except Exception as e:
        print(f"#\t{e}")
        failed = True
    if failed:
        print(f"#\t{expression}: {json.dumps(d)}")
    if os.path.exists(name + "status"):
        print("#", open(name + "status").read().strip(), sep="\t")
        failed = True
    print(f"{int(failed)}\t{what}")
END
	)
	# Who reads them may have died.
	[ "$seen" = "$tap_outputs" ] || result 1 "all $tap_outputs outputs were read, not $seen"
	tap_outputs=0
}

tap_end() {
	echo "1..$tap_number"
	rm -rf "$tap_log" "$tap_json"
	[ "$tap_failed" = 0 ]
}
