# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What every script here shares. Sourced, never run.
#
# Standard output of a script is its result; everything said to a person goes
# to standard error, so that results can be captured.

blipmq_me=${0##*/}
blipmq_cache=${XDG_CACHE_HOME:-$HOME/.cache}/blipmq

# Somebody may have started us without standard input.
{ true <&0; } 2>/dev/null || exec < /dev/null

note() { printf '%s: %s\n' "$blipmq_me" "$*" >&2; }
die() { note "$*"; exit 1; }

# with_lock NAME COMMAND...: one holder at a time on this machine. The command
# does not inherit the descriptor, so nothing it leaves behind keeps the lock.
with_lock() {
	local lock=$blipmq_cache/$1.lock fd rc=0
	shift
	mkdir -p "$blipmq_cache"
	exec {fd}>"$lock"
	if ! flock -n "$fd"; then
		note "waiting: another process has $lock"
		flock "$fd"
	fi
	"$@" {fd}>&- || rc=$?
	exec {fd}>&-
	return "$rc"
}

# as_root COMMAND...: sudo is asked for only when we are not root, and never
# prompts: nothing here may stop and wait for a person.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		die "need root, or sudo without a password, for: $*"
	fi
}
