# bash completion for evs. What there is to complete, the program says: evs --complete, evs TOOL --complete.
# Its lines are tab-separated: word, short form, kind of the value, help. An option of kind pair:KIND takes two values.

# Print the names of the tools of the lines $1.
_evs_names()
{
	awk -F '\t' '$3 == "tool" { print $1 }' <<<"$1"
}

# Print column $1 of the lines $2.
_evs_column()
{
	printf '%s\n' "$2" | cut -f "$1"
}

# Print the kind of the value that option $1 takes, by the lines $2.
_evs_kind()
{
	local line long short rest

	while IFS= read -r line; do
		long=${line%%$'\t'*}
		rest=${line#*$'\t'}
		short=${rest%%$'\t'*}
		rest=${rest#*$'\t'}
		if [[ $1 == "$long" || $1 == "$short" ]]; then
			printf '%s' "${rest%%$'\t'*}"
			return
		fi
	done <<<"$2"
}

# Print what may be a value of kind $1, by the store $2.
_evs_values()
{
	case $1 in
	choice:*) tr ',' '\n' <<<"${1#choice:}" ;;
	type) evs stat "$2" --by type --format json 2>/dev/null | sed -n 's/^{"type":"\([^"\\]*\)".*/\1/p' ;;
	stream)
		evs stat "$2" --by stream --format json 2>/dev/null | head -n 1000 |
			sed -n 's/^{.*"stream":"\([^"\\]*\)".*/\1/p'
		;;
	time) printf '%s\n' -15m -1h -1d -7d "$(date +%Y-%m-%d)" ;;
	esac
}

# Print the verbs that operand $2 of tool $1 can be; its usage says "evs TOOL STORE one|two".
_evs_verbs()
{
	evs "$1" --help 2>/dev/null |
		awk -v n=$(($2 + 3)) 'NR == 1 && $n ~ /^[a-z]+[|][a-z|]+$/ { gsub("[|]", "\n", $n); print $n }'
}

# Offer the lines of $1 that begin with $2. $3 is what of the word readline took for a word of its own before.
_evs_offer()
{
	local value quote=''

	[[ $2 == [\'\"]* ]] && quote=${2:0:1}
	set -- "$1" "${2#[\'\"]}" "$3"
	[[ -z $quote ]] && set -- "$1" "${2//\\/}" "$3"
	while IFS= read -r value; do
		[[ -n $value && $value == "$2"* ]] || continue
		[[ -z $quote ]] && printf -v value %q "$value"
		COMPREPLY+=("${value#"$3"}")
	done <<<"$1"
}

# Offer file names, but those of LMDB's lock files.
_evs_files()
{
	compopt -o filenames 2>/dev/null
	while IFS= read -r; do
		[[ $REPLY == *-lock ]] || COMPREPLY+=("$REPLY")
	done < <(compgen -f -- "$1")
}

_evs()
{
	local tools tool table kind='' verbs store='' word glued='' cur=${COMP_WORDS[COMP_CWORD]}
	local i=1 at=$COMP_CWORD operands=0 values=0

	COMPREPLY=()
	tools=$(evs --complete 2>/dev/null)
	tool=${COMP_WORDS[0]##*/}
	if [[ $tool == evs-* ]]; then
		tool=${tool#evs-}
	elif ((COMP_CWORD == 1)); then
		_evs_offer "$(_evs_column 1 "$tools")" "$cur" ""
		return
	else
		tool=${COMP_WORDS[1]}
		i=2
	fi
	if [[ $tool == help ]]; then
		_evs_offer "$(_evs_names "$tools"; echo concepts)" "$cur" ""
		return
	fi
	# Only what evs knows is run: a program of somebody else may do anything on --complete.
	if [[ $'\n'$(_evs_names "$tools")$'\n' != *$'\n'"$tool"$'\n'* ]]; then
		_evs_files "$cur"
		return
	fi
	table=$(evs "$tool" --complete 2>/dev/null)

	# Readline cuts words at : and = ; put the current one together again.
	while ((at > i)) && [[ $cur == :* || ${COMP_WORDS[at - 1]} == *: ]]; do
		((at--))
		cur=${COMP_WORDS[at]}$cur
	done
	if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
		glued=${cur%"${cur##*:}"}
	fi

	# The store is the first operand; --opt = value is three words, --opt value two. values: that the option still wants.
	for (( ; i < at; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			((values)) || values=1
		elif ((values)); then
			((--values))
		elif [[ $word == -?* ]]; then
			kind=$(_evs_kind "$word" "$table")
			case $kind in
			'' | none) values=0 ;;
			pair:*) values=2 ;;
			*) values=1 ;;
			esac
		elif ((++operands == 1)); then
			store=${word/#\~\//$HOME/}
			store=${store//\\/}
		fi
	done

	[[ $cur == = ]] && cur=
	if ((values)) && [[ -n $kind && $kind != none ]]; then
		kind=${kind#pair:}
		if [[ $kind == file ]]; then
			_evs_files "$cur"
		else
			_evs_offer "$(_evs_values "$kind" "$store")" "$cur" "$glued"
		fi
	elif [[ $cur == -* ]]; then
		_evs_offer "$(_evs_column 1 "$table")" "$cur" ""
	else
		verbs=$(_evs_verbs "$tool" $((operands + 1)))
		if [[ -n $verbs ]]; then
			_evs_offer "$verbs" "$cur" ""
		else
			_evs_files "$cur"
		fi
	fi
}

complete -F _evs evs
for _evs_tool in $(_evs_names "$(evs --complete 2>/dev/null)"); do
	complete -F _evs "evs-$_evs_tool"
done
unset _evs_tool
