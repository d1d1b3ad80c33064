#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# blipmqctl tune, on a folder that is taken for a machine.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

root=$(mktemp -d)
trap 'chmod -R u+w "$root"; rm -rf "$root"' EXIT
tune() { build/blipmqctl tune --root "$root" "$@"; }
put() { mkdir -p "$root$(dirname "$1")" && printf '%s\n' "$2" > "$root$1"; }
is() { [ "$(cat "$root$1")" = "$2" ]; }

cpus=/sys/devices/system/cpu
put $cpus/cpu0/cpufreq/scaling_governor powersave
put $cpus/cpu1/cpufreq/scaling_governor performance
put $cpus/cpu10/cpufreq/scaling_governor powersave
put $cpus/isolated ''
put $cpus/vulnerabilities/spectre_v2 'Mitigation: Retpolines'
put $cpus/vulnerabilities/mds Vulnerable
put /sys/kernel/mm/transparent_hugepage/enabled 'always [madvise] never'
put /sys/kernel/mm/transparent_hugepage/defrag '[always] defer madvise never'
put /proc/sys/net/core/rmem_max 212992
put /proc/sys/net/core/wmem_max 16777216
put /proc/sys/net/core/somaxconn 128
put /proc/sys/vm/swappiness 60
put /proc/sys/kernel/numa_balancing 1
put /proc/sys/fs/nr_open 1048576
put /sys/devices/system/node/online 0
mkdir "$root/sys/devices/system/node/node0" "$root/run"
cp -r "$root" "$root.before"
trap 'rm -rf "$root" "$root.before"' EXIT
unchanged() { diff -r "$root" "$root.before" > /dev/null; }

json() {
	tune --json > "$root.json"
	python3 -I -S -c "
import json, sys
d = json.load(open(sys.argv[1]))
by = {}
for s in d:
    by.setdefault(s['name'], []).append(s)
assert $1, d" "$root.json"
	local status=$?
	rm -f "$root.json"
	return $status
}
check "tune: each CPU's governor" json \
	'[(s["now"], s["fine"]) for s in by["cpu-governor"]] == [("powersave", False), ("performance", True), ("powersave", False)]'
check "tune: the word in brackets" json \
	'by["huge-pages-defrag"][0]["now"] == "always" and not by["huge-pages-defrag"][0]["fine"] and by["huge-pages"][0]["now"] == "madvise"'
check "tune: numbers" json \
	'not by["rmem-max"][0]["fine"] and by["wmem-max"][0]["fine"] and not by["somaxconn"][0]["fine"] and not by["swappiness"][0]["fine"] and by["open-files"][0]["fine"]'
check "tune: one node needs no balancing of nodes" json '"numa-balancing" not in by'
check "tune: mitigations are shown" json \
	'{s["now"] for s in by["mitigations"]} == {"Mitigation: Retpolines", "Vulnerable"} and all(s["better"] is None for s in by["mitigations"])'
check "tune: each says why" json 'all(s["why"] for s in d)'
people() { tune | grep -q '^swappiness *60, better 10$'; }
check "tune: for people" people
check "tune: to look changes nothing" unchanged
check_text 'Nothing was changed since the last boot.' "tune: nothing to undo" tune --undo

if [ "$(id -u)" = 0 ]; then
	chmod 700 "$root"
	check_status 1 "tune: not for everybody" \
		setpriv --reuid=65534 --regid=65534 --clear-groups \
		build/blipmqctl tune --root "$root" --apply
	check "tune: which changes nothing" unchanged
else
	skip "tune: not for everybody" "this is not root"
fi

applied() {
	is $cpus/cpu0/cpufreq/scaling_governor performance &&
		is $cpus/cpu10/cpufreq/scaling_governor performance &&
		is /sys/kernel/mm/transparent_hugepage/defrag madvise &&
		is /proc/sys/net/core/rmem_max 16777216 &&
		is /proc/sys/net/core/wmem_max 16777216 &&
		is /proc/sys/net/core/somaxconn 4096 &&
		is /proc/sys/vm/swappiness 10
}
check "tune: --apply" tune --apply
check "tune: has changed what it said" applied
check_text 'Nothing could be better.' "tune: --apply once more" tune --apply
# Somebody else's change stays; what was first is put back, also after two.
put /proc/sys/net/core/somaxconn 1000
put /proc/sys/vm/swappiness 10
check "tune: --apply after somebody else" tune --apply
put /proc/sys/net/core/rmem_max 999
check "tune: --undo" tune --undo
undone() {
	is $cpus/cpu0/cpufreq/scaling_governor powersave &&
		is $cpus/cpu1/cpufreq/scaling_governor performance &&
		is /sys/kernel/mm/transparent_hugepage/defrag always &&
		is /proc/sys/net/core/rmem_max 999 &&
		is /proc/sys/net/core/somaxconn 1000 &&
		is /proc/sys/vm/swappiness 60 &&
		[ ! -e "$root/run/blipmq/tuned" ]
}
check "tune: has put back what was" undone
# Another machine: two nodes, and one file that cannot be written.
mkdir "$root/sys/devices/system/node/node1"
rm "$root/proc/sys/vm/swappiness"
mkdir "$root/proc/sys/vm/swappiness"
check "tune: several nodes need none either" json 'not by["numa-balancing"][0]["fine"]'
check "tune: what is no file is left out" json '"swappiness" not in by'
check "tune: --apply for the others" tune --apply
check "tune: and has done it" is /proc/sys/kernel/numa_balancing 0
chmod 755 "$root/run/blipmq"
rm -rf "$root/run"
put /proc/sys/kernel/numa_balancing 1
check_status 1 "tune: what cannot be kept is not changed" tune --apply
check "tune: it is as it was" is /proc/sys/kernel/numa_balancing 1

check_status 2 "tune: --apply and --undo at once" tune --apply --undo
check_status 2 "tune: an argument" tune all
check_status 2 "tune: an unknown option" tune --frob
check "tune: of this machine" build/blipmqctl tune
tap_end
