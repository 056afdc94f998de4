# Command lines: what every tool has in common, and evs itself.
load helper

TOOLS=$(sed -n 's/^TOOLS *:= //p' "$ROOT/Makefile")

@test "evs TOOL and evs-TOOL are the same" {
	quiet evs-append a.evs <<<'{"eventType":"a"}'
	for tool in $TOOLS; do
		[ -x "$EVS_BIN/evs-$tool" ]
		is "$(evs-$tool --help)" "$(evs $tool --help)"
		is "$(evs-$tool --version)" "$(evs $tool --version)"
	done
	is "$(evs-cat a.evs)" "$(evs cat a.evs)"
	is "$("$EVS_BIN/../bin/evs-stat" a.evs)" "$(evs stat a.evs)"
	ran 2 evs-cat
	err_has "evs-cat: "
}

@test "--help goes to standard output and ends with 0" {
	for tool in $TOOLS; do
		for option in --help -h; do
			ran 0 evs $tool $option
			err_is ''
			case $tool in
			fold) operand='check|fmt' ;; # the one that needs no store
			*) operand=STORE ;;
			esac
			[[ $output == "Usage: evs $tool $operand"* ]] || fail "no usage"
			out_has "Exit status: 0 done"
			out_has "evs help $tool"
			[ "$(wc -L <<<"$output")" -le 80 ] || fail "wider than 80 columns"
		done
		# Wherever it stands, and before anything is looked at.
		ran 0 evs $tool no-such-store --help
		ran 0 evs $tool --progress a b c d --help
	done
	for option in --help -h; do
		ran 0 evs $option
		err_is ''
		for tool in $TOOLS; do
			out_has "  $tool "
		done
	done
	ran 0 evs help
	is "$output" "$(evs --help)"
}

@test "--version is the same everywhere" {
	version=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	ran 0 evs --version
	out_is "evs $version"
	err_is ''
	ran 0 evs -V
	out_is "evs $version"
	for tool in $TOOLS; do
		ran 0 evs $tool --version
		out_is "evs-$tool $version"
		ran 0 evs $tool -V
		out_is "evs-$tool $version"
	done
	grep -q "#define EVS_VERSION \"$version\"" "$ROOT/lib/evs.h"
}

@test "unknown options end with 2 and name what may be meant" {
	for tool in $TOOLS; do
		ran 2 evs $tool a.evs b --no-such-option
		out_is ''
		err_is "evs-$tool: unknown option '--no-such-option'; evs-$tool --help lists them"
		ran 2 evs $tool a.evs b -Z
		err_is "evs-$tool: unknown option '-Z'; evs-$tool --help lists them"
		ran 2 evs $tool a.evs b --progres
		err_is "evs-$tool: unknown option '--progres', did you mean '--progress'? evs-$tool --help lists them"
	done
	ran 2 evs cat a.evs --limt 3
	err_has "did you mean '--limit'?"
	ran 2 evs append a.evs --recipts
	err_has "did you mean '--receipts'?"
	[ ! -e a.evs ]
}

@test "abbreviated long options are refused" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	while read -r tool option value; do
		ran 2 evs $tool a.evs ${option} $value
		out_is ''
		err_has "unknown option '$option', did you mean '--"
	done <<-'END'
		cat --lim 3
		cat --rev
		cat --foll
		cat --form json
		cat --stre x
		append --atom
		append --receipt
		append --event hash
		append --no-crea
		stat --forma json
		backup --forc
		verify --prog
		verify --hel
		fold --writ
		fold --chec
	END
}

@test "operands: missing ones are named, one too many is shown" {
	while IFS='|' read -r arguments message; do
		ran 2 evs $arguments
		out_is ''
		err_has "$message"
	done <<-'END'
		append|evs-append: STORE is missing; usage: evs append STORE [options] [FILE...]
		cat|evs-cat: STORE is missing; usage: evs cat STORE [options]
		stat --by type|evs-stat: STORE is missing
		verify|evs-verify: STORE is missing
		backup|evs-backup: STORE is missing
		fold|evs-fold: VERB is missing; usage: evs fold check|fmt FILE... [options]
		fold fmt -w|evs-fold: FILE is missing
		backup a.evs|evs-backup: DEST is missing; usage: evs backup STORE [options] DEST
		cat a.evs b.evs|evs-cat: one operand too many: 'b.evs'
		stat a.evs b.evs|one operand too many: 'b.evs'
		verify a.evs b.evs|one operand too many: 'b.evs'
		backup a b c|one operand too many: 'c'
		cat -|a store is a file and cannot be '-'
		append -|a store is a file and cannot be '-'
		backup - b|a store is a file and cannot be '-'
	END
	[ ! -e ./- ] && [ ! -e a.evs ]
}

@test "options stand anywhere, -- ends them" {
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"1"}'
	for arguments in 'a.evs --limit 1 --reverse' '--limit 1 a.evs --reverse' '--reverse --limit=1 a.evs' '-rn1 a.evs' '-r -n 1 -- a.evs' '-n 1 -r a.evs --'; do
		ran 0 evs cat $arguments --fields .eventId 2>/dev/null || ran 0 evs cat --fields .eventId $arguments
		out_is '{"eventId":"1"}'
	done
	cp a.evs ./--limit
	ran 0 evs cat --fields .eventId -- --limit
	out_is '{"eventId":"1"}'
	ran 0 evs cat ./--limit --fields .eventId
	out_is '{"eventId":"1"}'
	echo '{"eventType":"a","eventId":"2"}' >-t
	quiet evs append a.evs -- -t
	positions "1 2" a.evs
}

@test "values: attached, apart, beginning with a dash, missing, or too many" {
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"-x"}'
	positions 1 a.evs --event=-x
	positions 1 a.evs --event -x
	positions 1 a.evs -ta
	positions 1 a.evs -t a
	positions 1 a.evs --since -1h
	positions '' a.evs --event=
	positions '' a.evs --event ''
	ran 2 evs cat a.evs --limit
	err_is "evs-cat: option '--limit' needs a value: N"
	ran 2 evs cat a.evs -n
	err_is "evs-cat: option '-n' needs a value: N"
	ran 2 evs cat a.evs --reverse=yes
	err_is "evs-cat: option '--reverse' takes no value"
	ran 2 evs append a.evs --on-error
	err_has "needs a value: stop|dlq|skip"
	ran 2 evs append a.evs --on-error carry-on
	err_has "is one of stop, dlq, skip, not 'carry-on'"
	ran 2 evs append a.evs --expect -1
	err_has "option '--expect' needs a revision from 0, or exists, not '-1'"
	ran 2 evs append a.evs --expect x
	ran 2 evs append a.evs --after 3
	err_has "--after goes with --fail-if"
	ran 2 evs append a.evs --fail-if x
	err_has "evs-append: --fail-if: the query is no JSON"
	ran 2 evs cat a.evs --follow --reverse
	err_has "--follow goes forwards"
}

@test "an option with a value is given once, unless it can be repeated" {
	quiet evs append a.evs <<<'{"eventType":"a","tags":["x","y"]}'
	while IFS='|' read -r arguments message; do
		ran 2 evs $arguments
		out_is ''
		err_is "$message"
	done <<-'END'
		cat a.evs --stream A -s B|evs-cat: option '-s' is given twice; give it once
		cat a.evs --since -1h --since=-2h|evs-cat: option '--since' is given twice; give it once
		cat a.evs -n1 -n1|evs-cat: option '-n' is given twice; give it once
		cat a.evs --format json --format data|evs-cat: option '--format' is given twice; give it once
		append b.evs --expect 1 --expect 2|evs-append: option '--expect' is given twice; give it once
		project a.evs run p --fold a --fold b|evs-project: option '--fold' is given twice; give it once
		consume a.evs g --timeout 1s --timeout 2s -- cat|evs-consume: option '--timeout' is given twice; give it once
		replay a.evs --diff 1 2 --diff 2 3|evs-replay: option '--diff' is given twice; give it once
	END
	[ ! -e b.evs ]
	positions 1 a.evs -t b --type a --tag x --tag y --reverse --reverse --progress --no-progress
}

@test "evs without a tool, with an unknown one, or with one that is nearly one" {
	ran 2 evs
	out_is ''
	err_is "$(evs --help)"
	ran 2 evs frobnicate a.evs
	out_is ''
	err_is "evs: 'frobnicate' is no evs tool; evs --help lists them"
	ran 2 evs apend a.evs
	err_has "'apend' is no evs tool"
	err_has "did you mean 'append'?"
	ran 2 evs Cat a.evs
	ran 2 evs ../cat a.evs
	ran 2 evs ''
	ran 2 evs --frob
	err_has "unknown option '--frob'"
	ran 2 evs help a b
	ran 2 evs help frobnicate
	err_is "evs: 'frobnicate' is no evs tool; evs --help lists them"
	is "$(evs help help)" "$(evs --help)"
	ran 2 evs "$(printf 'x%.0s' $(seq 300))"
	[ ! -e a.evs ]
}

@test "evs NAME runs evs-NAME of the PATH, with its arguments and status" {
	mkdir bin
	printf '#!/bin/sh\necho "$0: $*"\nexit 42\n' >bin/evs-mine
	chmod +x bin/evs-mine
	PATH=$PWD/bin:$PATH ran 42 evs mine one 'two three' --help
	out_is "$PWD/bin/evs-mine: one two three --help"
	# A built-in tool is not replaced.
	cp bin/evs-mine bin/evs-cat
	PATH=$PWD/bin:$PATH ran 2 evs cat
	err_has "STORE is missing"
	printf '#!/no/such/interpreter\n' >bin/evs-broken
	chmod +x bin/evs-broken
	PATH=$PWD/bin:$PATH try evs broken
	[ "$status" -ne 0 ] && [ -n "$stderr" ]
	printf 'x' >bin/evs-plain
	chmod -x bin/evs-plain
	PATH=$PWD/bin:$PATH try evs plain
	[ "$status" -ne 0 ] && [ -n "$stderr" ]
}

@test "evs help TOOL opens the manual" {
	mkdir bin
	printf '#!/bin/sh\necho "man: $*"\n' >bin/man
	chmod +x bin/man
	for tool in $TOOLS; do
		PATH=$PWD/bin:$PATH ran 0 evs help $tool
		[[ $output == "man: "*"evs-$tool.1"* ]] || fail "no manual of $tool"
	done
	while read -r topic page; do
		PATH=$PWD/bin:$PATH ran 0 evs help $topic
		[[ $output == "man: /"*"/$page"* ]] || fail "no manual of $topic"
	done <<-'END'
		concepts evs.7
		selectors evs-selectors.7
		language evs-fold.5
		store evs-store.5
		libevs libevs.3
		evs evs.1
		evs-cat evs-cat.1
	END
	# Somebody else's tool, and none.
	PATH=$PWD/bin:$PATH ran 2 evs help mine
	err_is "evs: 'mine' is no evs tool; evs --help lists them"
	printf '#!/bin/sh\n' >bin/evs-mine
	chmod +x bin/evs-mine
	PATH=$PWD/bin:$PATH ran 0 evs help mine
	out_is 'man: -s 1 evs-mine'
}

@test "evs help --help and --version are those of evs" {
	for option in --help -h --version -V; do
		try evs $option
		wanted=$output
		ran 0 evs help $option
		out_is "$wanted"
		err_is ''
	done
	ran 2 evs help --unknown
}

@test "evs help in a pipe is plain text; without man it is mandoc's, without both the help" {
	ran 0 bash -c 'evs help concepts | cat'
	out_has 'EVS(7)'
	[[ $output != *$'\e'* ]] || fail 'what is for a terminal'
	# mandoc makes bold letters of backspaces; man takes them away.
	[[ $output != *$'\b'* ]] || ! command -v man >/dev/null || fail 'what is for a printer'
	mkdir nothing mandoc
	ran 0 env PATH="$PWD/nothing" "$EVS_BIN/evs" help cat
	out_is "$("$EVS_BIN/evs" cat --help)"
	ran 1 env PATH="$PWD/nothing" "$EVS_BIN/evs" help concepts
	err_is "evs: there is no manual of 'concepts' here, or no man to show it; evs --help lists tools and topics"
	ran 2 evs help ../x
	printf '#!/bin/sh\necho "mandoc: $*"\n' >mandoc/mandoc
	chmod +x mandoc/mandoc
	ran 0 env PATH="$PWD/mandoc" "$EVS_BIN/evs" help cat
	[[ $output == "mandoc: -a /"*"/evs-cat.1"* ]] || fail 'mandoc is not asked'
}

@test "messages show control characters as something else" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	ran 2 evs cat a.evs $'--\e[31mred'
	[[ $stderr != *$'\e'* ]] || fail "an escape sequence reaches the terminal"
	ran 1 evs cat $'no\nsuch\astore'
	[[ $stderr != *$'\a'* && $(wc -l <<<"$stderr") = 1 ]] || fail "control characters in a message"
	ran 3 bash -c 'printf "%s\n" "{\"eventType\":\"a\",\"eventId\":\"\\u001b[31m\"}" "{\"eventType\":\"b\",\"eventId\":\"\\u001b[31m\"}" | evs append a.evs'
	[[ $stderr != *$'\e'* ]] || fail "an eventId reaches the terminal as it is"
}

@test "closed standard descriptors do no harm" {
	events 3 >in
	quiet evs append a.evs in
	bash -c 'evs append a.evs in <&- >&- 2>&-'
	try bash -c 'evs cat a.evs >&-'
	[ "$status" -ne 0 ]
	bash -c 'evs cat a.evs <&- 2>&-' >out
	is "$(wc -l <out)" 3
	try bash -c 'evs append a.evs <&-'
	is "$(count a.evs)" 3
}

@test "a signal while standard input is waited for ends a tool with a status of its own" {
	quiet evs append a.evs <<<'{"eventType":"a","aggregateId":"s"}'
	echo 'on "a" { n += 1 }' >n.fold
	cat >signalled.py <<-'END'
	"""Run each line of standard input as a command, send it a signal once it has read what it was given, and say how it ended."""
	import fcntl, os, signal, struct, subprocess, sys, termios, time
	for line in sys.stdin:
	    for number in signal.SIGINT, signal.SIGTERM:
	        out, into = os.pipe()
	        process = subprocess.Popen(line.split(), stdin=out, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
	        os.write(into, b" ")
	        while struct.unpack("i", fcntl.ioctl(out, termios.FIONREAD, b"\0\0\0\0"))[0]:
	            time.sleep(0.005)
	        process.send_signal(number)
	        print(*line.split()[1:3], process.wait(60))
	        os.close(into)
	        os.close(out)
	END
	ran 0 python3 signalled.py <<-'END'
	evs decide a.evs -s s --fold n.fold -- echo {"eventType":"a"}
	evs decide a.evs -s s --fold - -- true
	evs fold check -
	evs fold fmt -
	evs request a.evs --type t
	evs replay a.evs --fold -
	evs replay a.evs --fold n.fold --with -
	evs project a.evs run p --fold -
	END
	err_is ''
	is "$(awk '{ print $NF }' <<<"$output" | paste -sd' ')" "$(yes 130 143 | head -n 8 | paste -sd' ')"
	is "$(count a.evs)" 1
}
