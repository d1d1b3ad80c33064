# SPDX-License-Identifier: GPL-2.0
# Raw lines of NAME=VALUE to a table of medians: a row for each case and
# figure, a column for each protocol, and how many times better the first
# protocol is than each of the TCP rivals.
#
#	awk -v 'rows=CASE|FIGURE|DIVISOR|UNIT|up;...' -f bench/table.awk LOG
#
# "up": more is better; "down": less is.

{
	split("", v)
	for (i = 1; i <= NF; i++)
		if (split($i, pair, "=") == 2)
			v[pair[1]] = pair[2]
	proto = v["proto"]
	if (v["mode"] == "failed" || proto == "" || v["case"] == "yard")
		next
	if (!(proto in column)) {
		column[proto] = ++columns
		name[columns] = proto
	}
	for (key in v)
		if (v[key] ~ /^[0-9.]+$/) {
			k = v["case"] SUBSEP proto SUBSEP key
			value[k, ++count[k]] = v[key]
		}
}

function median(k,	i, j, n, t, list) {
	n = count[k]
	if (!n)
		return -1
	for (i = 1; i <= n; i++) {
		t = value[k, i] + 0
		for (j = i - 1; j > 0 && list[j] > t; j--)
			list[j + 1] = list[j]
		list[j + 1] = t
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function show(x) {
	if (x < 0)
		return "-"
	return sprintf(x < 100 ? "%.1f" : "%.0f", x)
}

function ratio(mine, other, way) {
	if (mine <= 0 || other <= 0)
		return "-"
	return sprintf("%.2f", way == "up" ? mine / other : other / mine)
}

END {
	order = "blipmq blipmq-stream blipmq-seqpacket nats redis redis-replies"
	columns = 0
	n = split(order, known, " ")
	for (i = 1; i <= n; i++)
		if (known[i] in column)
			name[++columns] = known[i]
	printf "%-20s %-14s", "case", "unit"
	for (c = 1; c <= columns; c++)
		printf " %16s", name[c]
	printf " %8s %8s\n", "x nats", "x redis"
	n = split(rows, row, ";")
	for (r = 1; r <= n; r++) {
		split(row[r], f, "|")
		printf "%-20s %-14s", f[1], f[4]
		for (c = 1; c <= columns; c++) {
			m = median(f[1] SUBSEP name[c] SUBSEP f[2])
			at[name[c]] = m
			printf " %16s", show(m < 0 ? m : m / f[3])
		}
		printf " %8s %8s\n", ratio(at["blipmq"], at["nats"], f[5]),
			ratio(at["blipmq"], at["redis"], f[5])
	}
}
