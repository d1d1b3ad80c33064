# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Start and stop the brokers that are compared, one at a time and each with
# nothing switched on that the others do not do: no persistence, no logging.
# Sourced from the project's root.

bench_out=build/bench
bench_load=$bench_out/load
# Set by the script that sources this: raw is its log.
raw='' failed=''
broker_pid=
broker_ports=(blipmq=9999 nats=4222 redis=6379)

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { note "$*"; exit 1; }

# The broker that a protocol of the load generator talks to.
broker_of() {
	case $1 in
	blipmq)		echo blipmq ;;
	blipmq-*)	echo module ;;
	redis-*)	echo redis ;;
	unix-*)		echo none ;;
	*)		echo "$1" ;;
	esac
}

# Whether this machine can run it.
broker_here() {
	case $1 in
	blipmq)	[ -x build/blipmqd ] && broker_here module ;;
	none)	true ;;
	module)	grep -q '^blipmq ' /proc/modules ;;
	*)	command -v "$1-server" >/dev/null ;;
	esac
}

broker_start() {
	local log=$bench_out/$1-server.log
	case $1 in
	module | none)	return ;;
	blipmq)	build/blipmqd 127.0.0.1:9999 >"$log" 2>&1 & ;;
	nats)	nats-server -a 127.0.0.1 -p 4222 >"$log" 2>&1 & ;;
	redis)	redis-server --bind 127.0.0.1 --port 6379 --save '' \
			--appendonly no --daemonize no >"$log" 2>&1 & ;;
	esac
	broker_pid=$!
	broker_await "$1"
}

# Listening is not enough: a broker that has just started is not yet warm.
broker_await() {
	local port tries=0
	for port in "${broker_ports[@]}"; do
		[ "${port%=*}" = "$1" ] || continue
		until (exec 3<>"/dev/tcp/127.0.0.1/${port#*=}") 2>/dev/null; do
			kill -0 "$broker_pid" 2>/dev/null ||
				die "$1 ended: see $bench_out/$1-server.log"
			[ $((tries += 1)) -lt 100 ] || die "$1 does not listen"
			sleep 0.1
		done
	done
}

broker_stop() {
	[ -n "$broker_pid" ] || return 0
	kill "$broker_pid" 2>/dev/null || true
	wait "$broker_pid" 2>/dev/null || true
	broker_pid=
}
trap broker_stop EXIT

# load_run PREFIX PROTO OPTION...: one line of figures, marked, to the log $raw.
# A broker that loses messages or stalls is reported and does not end the rest.
load_run() {
	local mark=$1 proto=$2 line
	shift 2
	if line=$("$bench_load" --proto "$proto" \
		${broker_pid:+--server-pid "$broker_pid"} "$@"); then
		echo "$mark $line" >>"$raw"
	else
		note "failed: $mark $proto $*"
		echo "$mark mode=failed proto=$proto arguments=$*" >>"$raw"
		# shellcheck disable=SC2034 # the caller's exit status
		failed=1
	fi
}

# choose LIST: the protocols of a comma-separated list that can run here.
choose() {
	local proto
	for proto in ${1//,/ }; do
		if broker_here "$(broker_of "$proto")"; then
			echo "$proto"
		else
			note "left out: $proto (its broker is not here)"
		fi
	done
}
