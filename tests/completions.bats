# Completion in real shells: each is on a terminal, lines are typed with Tab in them, and their words shown instead of run.
load helper

# A store with something of every kind, a fold, and a name with a blank.
setup_file() {
	local bin=$(cd "${EVS_BIN:-$BATS_TEST_DIRNAME/../build/bin}" && pwd)
	cd "$BATS_FILE_TMPDIR"
	cat >events <<-'END'
		{"eventType":"order.placed","aggregateType":"Order","aggregateId":"o-17","source":"shop","tags":["vip"],"eventId":"e-1","correlationId":"c-1"}
		{"eventType":"order.paid","aggregateType":"Order","aggregateId":"o-17","source":"till","eventId":"e-2","causationId":"e-1"}
		{"eventType":"stock is: low","aggregateType":"Item","aggregateId":"item 9:a","eventId":"e-3"}
		{"eventType":"q","aggregateId":"q-$(touch pwn)`touch pwn`\"'x","eventId":"e-4"}
		no event
	END
	printf 'on "order.*" {\n\tn += 1\n}\n' >a.fold
	"$bin/evs" append a.evs --on-error dlq events 2>/dev/null || [ $? = 4 ]
	"$bin/evs" project a.evs run counts --fold a.fold
	"$bin/evs" consume a.evs mailer -n 1 -- true
	cp a.evs 'my store.evs'
}

setup() {
	cp -r "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here"
}

# ---- what the program says ----

# offers <<LINES: words of a command line, and behind "=>" what the program offers for the last of them.
offers() {
	cat >wanted
	while read -r line; do
		eval "set -- ${line%%=>*}"
		printf '%s=> %s\n' "${line%%=>*}" "$(evs --complete "$@" 2>&1 | cut -f1 | paste -sd' ')"
	done <wanted >got
	sed 's/ *$//' got | diff wanted - || fail 'what is offered (>) is not what is wanted (<)'
}

@test "values come from the store: each kind of them" {
	offers <<-'END'
		cat a.evs --type '' => order.paid order.placed q stock is: low
		cat a.evs -t order. => order.paid order.placed
		cat --limit 1 a.evs --type=order.pa => --type=order.paid
		cat a.evs -torder.pa => -torder.paid
		cat a.evs --stream '' => item 9:a o-17 q-$(touch pwn)`touch pwn`"'x
		stat a.evs --aggregate-type '' => Item Order
		stat a.evs --source '' => shop till
		cat a.evs --event '' => e-1 e-2 e-3 e-4
		cat a.evs --correlation '' => c-1
		cat a.evs --causation '' => e-1
		cat a.evs --tag '' => vip
		consume a.evs '' => mailer
		group a.evs show '' => mailer
		dlq a.evs list --group '' => mailer
		project a.evs run '' => counts
		dlq a.evs list --projection '' => counts
		project a.evs show counts o => o-17
		dlq a.evs show '' => 1
		dlq a.evs retry 7 '' => 1
		group a.evs list '' =>
		group a.evs show mailer '' =>
	END
}

@test "of a large store the newest events are looked at, but every type is found" {
	echo '{"eventType":"once.upon","data":{"key":1}}' | evs append b.evs
	events 6000 often | evs append b.evs
	offers <<-'END'
		cat b.evs --type '' => often once.upon
		cat b.evs --event often-600 => often-6000
		cat b.evs --event often-99 =>
	END
}

@test "options that go with the verb, verbs, values that the tables know" {
	offers <<-'END'
		cat a.evs --ty => --type
		project a.evs list --fo => --format
		project a.evs run counts --fo => --fold --follow
		project a.evs --fo => --fold --follow --format
		project a.evs r => run
		project --format json a.evs sh => show
		fold '' => check fmt
		cat a.evs --format '' => json pretty cloudevents msgpack data table
		cat a.evs --format=j => --format=json
		group a.evs reset mailer --to '' => start end
		cat a.evs --since -15 => -15m
		replay a.evs --diff 1 -15 => -15m
		replay a.evs --diff=1 -15 => -15m
		replay a.evs --diff=1 2 --fi => --first
		replay --diff 1 2 a.evs --type order.pa => order.paid
		c => cat consume
		help c => cat consume concepts
		help sel => selectors
	END
	is "$(evs --complete cat '')" $'\tfile'
	is "$(evs --complete fold check a '')" $'\tfile'
	is "$(evs --complete project a.evs run x --fold '')" $'\tfile'
	is "$(evs --complete consume a.evs g -- '')" $'\tcommand'
	is "$(evs --complete consume a.evs g -- jq '')" $'\tfile'
	is "$(evs --complete mine '')" $'\tfile'
}

@test "a name with a line end or a tab in it is not offered" {
	printf '%s\n' '{"eventType":"a","aggregateId":"two\nlines"}' '{"eventType":"a","aggregateId":"a\tb"}' \
		'{"eventType":"a","aggregateId":"plain"}' | evs append b.evs
	offers <<-'END'
		cat b.evs --stream '' => plain
	END
}

@test "a store that is not there, is none, or is damaged has nothing to offer, and is not made" {
	echo hello >text
	mkfifo fifo
	head -c 20000 a.evs >cut.evs
	: >empty
	ls >before
	offers <<-'END'
		cat none.evs --type '' =>
		cat text --type '' =>
		cat fifo --type '' =>
		cat . --type '' =>
		group cut.evs show '' =>
		cat empty --type '' =>
		cat --type '' =>
	END
	is "$(ls | grep -vxE 'got|wanted' | diff before -)" ''
	is "$(stat -c %s empty)" 0
}

@test "while another process writes it answers" {
	mkfifo lines
	evs append a.evs --atomic lines &
	exec 9>lines
	echo '{"eventType":"later"}' >&9
	offers <<-'END'
		cat a.evs --type order.pl => order.placed
	END
	exec 9>&-
	wait
}

# ---- shells ----

# typed SHELL <<LINES: keys, \t for Tab, and behind "=>" the words that the line then has, as "[evs][cat]".
typed() {
	local line keys n=0 start
	command -v "$1" >/dev/null || skip "no $1 here"
	export HOME=$PWD XDG_CONFIG_HOME=$PWD XDG_DATA_HOME=$PWD XDG_CACHE_HOME=$PWD ZDOTDIR=$PWD
	while read -r line; do
		keys=${line%% => *}
		printf 'ready%d> \t%s\\x01show \\r\n' $n "$keys" >>keys
		printf '%s\n' "${line##* => }" >>wanted
		n=$((n + 1))
	done
	printf 'ready%d> \texit\\r\n' $n >>keys
	start='n=0; show() { n=$((n + 1)); printf "<"; printf "[%s]" "$@"; printf ">\n"; }'
	case $1 in
	bash)
		echo "$start; PS1='ready\$n> '; source '$ROOT/completions/evs.bash'; bind 'set bell-style none'" >rc
		on_terminal --keys keys bash --noprofile --rcfile rc -i >shown
		;;
	zsh)
		cat >.zshrc <<-END
			$start; setopt prompt_subst; PS1='ready\$n> '; LISTMAX=1000
			fpath=('$ROOT/completions' \$fpath); autoload -Uz compinit; compinit -u -D; bindkey -e
		END
		on_terminal --keys keys zsh -i >shown
		;;
	fish)
		cat >rc <<-END
			set n 0
			function show; set -g n (math \$n + 1); echo '<'(string join '' '['\$argv']')'>'; end
			function fish_prompt; echo -n "ready\$n> "; end
			source '$ROOT/completions/evs.fish'
		END
		on_terminal --keys keys fish -N -i -C 'source rc' >shown
		;;
	esac
	tr '\r' '\n' <shown | sed -n 's/^.*<\(\[.*\]\)>$/\1/p' >got
	diff wanted got || fail "what $1 showed:" "$(cat -v shown)"
}

# What every shell does alike.
alike() {
	sed "s|HERE|$PWD|" <<-'END'
		evs ca\t => [evs][cat]
		evs cat my\t --type order.pl\t => [evs][cat][my store.evs][--type][order.placed]
		evs-cat a.e\t--stream i\t => [evs-cat][a.evs][--stream][item 9:a]
		evs cat a.evs --fi\t => [evs][cat][a.evs][--fields]
		evs cat a.evs --type=order.pl\t => [evs][cat][a.evs][--type=order.placed]
		evs cat ~/a.evs --type st\t => [evs][cat][HERE/a.evs][--type][stock is: low]
		evs cat ~/a.e\t => [evs][cat][HERE/a.evs]
		evs project a.evs st\tco\t => [evs][project][a.evs][status][counts]
		evs project a.evs run counts --fold=a.f\t => [evs][project][a.evs][run][counts][--fold=a.fold]
		evs fold fm\t -w a.f\t => [evs][fold][fmt][-w][a.fold]
		evs consume a.evs m\t-- dirnam\t => [evs][consume][a.evs][mailer][--][dirname]
		evs help conc\t => [evs][help][concepts]
		evs cat a.evs --stream q\t => [evs][cat][a.evs][--stream][q-$(touch pwn)`touch pwn`"'x]
	END
}

# A name in quotes is a name, whatever is in it.
quoted() {
	cat <<-'END'
		evs cat a.evs --stream "q\t => [evs][cat][a.evs][--stream][q-$(touch pwn)`touch pwn`"'x]
	END
}

@test "bash" {
	typed bash < <(alike; quoted)
	[ ! -e pwn ] || fail 'a name was run'
}

@test "zsh" {
	typed zsh < <(alike)
	[ ! -e pwn ] || fail 'a name was run'
}

@test "fish" {
	typed fish < <(alike)
	[ ! -e pwn ] || fail 'a name was run'
}
