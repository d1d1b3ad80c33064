#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the KUnit suites, which are a module: loading it runs them. On a kernel
# that has KUnit.
set -u
cd "$(dirname "$0")/.." || exit 1

module=${BLIPMQ_BUILT:-build/$(uname -r)}/blipmq_kunit.ko
results=/sys/kernel/debug/kunit
suites=(frame ring bundle queue topic route trie deal share gaps conflate
	credit lanes)
number=0 failed=0

result() {
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=1
}

# The results of one suite, in KTAP: "    ok 1 NAME", parameters one step deeper,
# and comments about what failed.
suite() {
	local name=$1 line seen=0
	while IFS= read -r line; do
		case $line in
		'    ok '* | '    not ok '*)
			seen=$((seen + 1))
			line=${line#    }
			result "${line%%ok *}ok" "$name: ${line#*ok }" ;;
		*'not ok '*)	echo "# ${line# *}" ;;
		*'# '*)		echo "# ${line#*# }" ;;
		esac
	done < "$results/blipmq_$name/results"
	[ "$seen" -gt 0 ] || result 'not ok' "$name: no case ran"
}

echo "TAP version 13"
if ! insmod "$module"; then
	echo "1..1"
	echo "not ok 1 - $module can be loaded"
	exit 1
fi
for name in "${suites[@]}"; do
	suite "$name"
done
rmmod blipmq_kunit || result 'not ok' "the suites' module can be removed"
echo "1..$number"
exit $failed
