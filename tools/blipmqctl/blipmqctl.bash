# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of blipmqctl for bash: commands, options, limits and
# the topics that there are, as far as they may be seen.

# _blipmq_pick PREFIX < WORDS: those that begin so. A topic is what any publisher
# calls it: compgen -W would run the commands in its name, so would a shell that is
# given it unquoted, and a terminal may obey it. Strange names are to be typed.
_blipmq_pick() {
	local i
	mapfile -t COMPREPLY < <(LC_ALL=C prefix=$1 awk '
		index($0, ENVIRON["prefix"]) == 1 && /^[A-Za-z0-9_.:*>@%+=,\/-]+$/')
	for i in "${!COMPREPLY[@]}"; do
		printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
	done
}

_blipmq_topics() {
	_blipmq_pick "$1" < <(blipmqctl topic list --brief 2> /dev/null | cut -f 1)
}

_blipmq_rules() {
	_blipmq_pick "$1" < <(blipmqctl access list --brief 2> /dev/null | cut -f 1)
}

_blipmq_words() {
	_blipmq_pick "$2" <<< "${1// /$'\n'}"
}

_blipmqctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} action=${COMP_WORDS[2]:-}
	COMPREPLY=()
	case $before in
	-g | --group)	_blipmq_words "$(getent group | cut -d : -f 1)" "$cur"; return ;;
	-u | --user)	# undo, of others
		[[ $command == @(drain|tune) ]] ||
			{ _blipmq_words "$(getent passwd | cut -d : -f 1)" "$cur"; return; } ;;
	-l | --latency)	[ "$command" != stats ] || { _blipmq_words 'on off' "$cur"; return; } ;;
	-f | --format)	_blipmq_words 'people line prometheus json' "$cur"; return ;;
	esac
	if [ "$COMP_CWORD" = 1 ] || { [ "$command" = help ] && [ "$COMP_CWORD" = 2 ]; }; then
		_blipmq_words "$(blipmqctl help 2> /dev/null |
			sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')" "$cur"
		return
	fi
	if [[ $cur == -* ]]; then
		_blipmq_words "$(blipmqctl help "$command" 2> /dev/null |
			grep -oE -- '--[a-z-]+' | sort -u)" "$cur"
		return
	fi
	case $command.$COMP_CWORD in
	top.2)			_blipmq_words 'sockets topics workers' "$cur" ;;
	topic.2)		_blipmq_words 'list show set delete' "$cur" ;;
	subscription.2 | socket.2)	_blipmq_words list "$cur" ;;
	access.2)		_blipmq_words 'list add delete test' "$cur" ;;
	access.3)
		case $action in
		add | delete)	_blipmq_rules "$cur" ;;
		test)		_blipmq_topics "$cur" ;;
		esac ;;
	worker.2)		_blipmq_words 'list set' "$cur" ;;
	lane.2)			_blipmq_words 'show set' "$cur" ;;
	lane.4)			_blipmq_words 'direct worker default' "$cur" ;;
	lane.3)			_blipmq_topics "$cur" ;;
	limit.2)		_blipmq_words 'show set' "$cur" ;;
	monitor.*)		_blipmq_words "$(blipmqctl help monitor 2> /dev/null |
			sed -n '/^Events/,/^$/s/^  \([a-z]\)/\1/p' | sed 's/   *.*//' | tr -d ,)" "$cur" ;;
	topic.*)		_blipmq_topics "$cur" ;;
	subscription.*)		_blipmq_topics "$cur" ;;
	apply.*)		compopt -o default ;;
	limit.3)
		[ "$action" != set ] || _blipmq_words "$(blipmqctl limit show --json 2> /dev/null |
			grep -oE '"[a-z-]+"' | tr -d '"')" "$cur" ;;
	esac
}

complete -F _blipmqctl blipmqctl
