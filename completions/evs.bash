# bash completion for evs. The program says what there is: evs --complete WORD..., the last of which is being typed. It prints
# lines of a word, a tab and what it means; a line without a word says "file" or "command".

# Set REPLY to a word as the shell would pass it on: without quotes, ~ expanded.
_evs_plain()
{
	REPLY=$1
	if [[ $REPLY == [\'\"]* ]]; then
		REPLY=${REPLY#[\'\"]}
		REPLY=${REPLY%[\'\"]}
	else
		REPLY=${REPLY//\\/}
		[[ $REPLY == '~/'* ]] && REPLY=$HOME/${REPLY#'~/'}
	fi
}

# Set words to those up to the cursor. Readline cuts at : and =; what has no blank between belongs together.
_evs_words()
{
	local i word line=${COMP_LINE-} rest

	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		rest=${line#"${line%%[![:space:]]*}"}
		if ((i == 0)) || [[ -z ${COMP_LINE-} || $rest != "$line" ]]; then
			words+=("$word")
		else
			words[${#words[@]} - 1]+=$word
		fi
		line=${rest#"$word"}
	done
}

# Offer a word for the one that is typed, $2, as it must be written there. Readline has the part before $3 already.
_evs_offer()
{
	local word=$1

	case $2 in
	\"*)
		[[ $word != *'!'* ]] || return 0 # which cannot be written there
		word=${word//\\/\\\\}
		word=${word//\"/\\\"}
		word=${word//\$/\\\$}
		word=${word//\`/\\\`}
		;;
	\'*) word=${word//\'/\'\\\'\'} ;;
	*) printf -v word %q "$word" ;;
	esac
	COMPREPLY+=("${word#"$3"}")
}

# Offer names of files, but those of LMDB's lock files; of an option's value what stands behind its "=".
_evs_files()
{
	compopt -o filenames 2>/dev/null
	while IFS= read -r; do
		[[ $REPLY == *-lock ]] || COMPREPLY+=("$REPLY")
	done < <(compgen -f -- "$1")
}

_evs()
{
	local words plain=() word typed cut='' tool

	COMPREPLY=()
	_evs_words
	typed=${words[${#words[@]} - 1]}
	tool=${words[0]##*/}
	[[ $tool == evs-* ]] && plain=("${tool#evs-}")
	for word in "${words[@]:1}"; do
		_evs_plain "$word"
		plain+=("$REPLY")
	done
	# Readline puts what is offered behind the last of its word breaks.
	if [[ $typed == *[:=]* ]]; then
		cut=${typed%"${typed##*[:=]}"}
	fi
	while IFS=$'\n' read -r word; do
		case $word in
		$'\t'file) _evs_files "${typed##--*=}" ;;
		$'\t'command) COMPREPLY+=($(compgen -c -- "$typed")) ;;
		*) _evs_offer "${word%%$'\t'*}" "$typed" "$cut" ;;
		esac
	done < <(command evs --complete "${plain[@]}" 2>/dev/null)
}

complete -F _evs evs
for REPLY in $(compgen -c evs-); do
	complete -F _evs "$REPLY"
done
