# What is written agrees with what the programs do: --help, --complete, manuals, and every example.
load helper

TOOLS=$(sed -n 's/^TOOLS *:= //p' "$ROOT/Makefile")

# long_options: those that a --help on stdin lists.
long_options() {
	grep -oE '^  (-[A-Za-z], |    )--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u
}

# manual_options FILE...: the long options that have an entry in a manual, as `.It Fl s , -stream Ar ID`.
manual_options() {
	cat "$@" | grep -E '^\.It .*Fl' | grep -oE '(Fl|,) -[a-z][a-z-]*' | sed 's/^.* -/--/' | sort -u
}

@test "--complete lists the options of --help, each with its short form" {
	for tool in $TOOLS; do
		ran 0 evs $tool --help
		err_is ''
		printf '%s\n' "$output" >help
		ran 0 evs $tool --complete
		err_is ''
		printf '%s\n' "$output" >complete
		is "$(cut -f1 complete | sort -u)" "$(long_options <help)"
		# The short ones, with their long ones, are the same too.
		is "$(awk -F'\t' '$2 != "" {print $2 ", " $1}' complete | sort)" \
			"$(grep -oE '^  -[A-Za-z], --[a-z-]+' help | sed 's/^ *//' | sort)"
	done
}

@test "every option is in a manual, and every option in a manual is one" {
	for tool in $TOOLS; do
		evs $tool --help | long_options >options
		manual_options "$ROOT/man/evs-$tool.1" >own
		manual_options "$ROOT"/man/evs-$tool.1 "$ROOT"/man/evs-selectors.7 "$ROOT"/man/evs.1 >all
		is "$(comm -23 options all)" ''
		is "$(comm -23 own options)" ''
	done
	# What the shared manuals have is an option of some tool.
	for tool in $TOOLS; do evs $tool --help | long_options; done | sort -u >options
	evs --help | long_options >>options
	sort -u -o options options
	is "$(manual_options "$ROOT"/man/evs-selectors.7 "$ROOT"/man/evs.1 | comm -23 - options)" ''
}

@test "every short form is in a manual" {
	for tool in $TOOLS; do
		evs $tool --complete | awk -F'\t' '$2 != "" {print $2}' | while read -r short; do
			cat "$ROOT"/man/evs-$tool.1 "$ROOT"/man/evs-selectors.7 "$ROOT"/man/evs.1 |
				grep -qE "^\.It.*(Fl|,) ${short#-}( |\$)" || fail "$tool $short"
		done
	done
}

@test "each tool has a manual with a synopsis, exit status and examples" {
	for tool in $TOOLS; do
		for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
			grep -qE "^\.Sh \"?$section\"?\$" "$ROOT/man/evs-$tool.1" || fail "evs-$tool.1 lacks $section"
		done
		grep -qF "evs-$tool" "$ROOT/man/evs.1"
	done
}

# completes WANTED WORD...: what bash offers for the last word.
completes() {
	local wanted=$1
	shift
	ran 0 bash --norc -c 'source "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _evs; printf "%s\n" "${COMPREPLY[@]}"' \
		"$ROOT/completions/evs.bash" "$@"
	is "$(sort <<<"$output" | paste -sd' ')" "$wanted"
}

@test "bash completes tools, options, values, verbs and files" {
	echo '{"eventType":"order.placed"}' | evs append a.evs
	touch a.fold
	completes 'cat' evs ca
	completes '--where' evs cat a.evs --wh
	completes 'order.placed' evs cat a.evs --type ''
	completes 'data' evs-cat a.evs --format da
	completes 'check fmt' evs fold ''
	completes 'check' evs-fold ch
	completes 'drop' evs project a.evs dr
	completes 'a.fold' evs fold check a.f
	completes 'a.fold' evs fold fmt -w a.f
	# An option of two values.
	completes '-15m' evs replay a.evs --diff -15
	completes '-15m' evs replay a.evs --diff 1 -15
	completes '-15m' evs replay a.evs --diff = 1 -15
	completes '--fold' evs replay a.evs --diff 1 2 --fo
	completes 'order.placed' evs replay --diff 1 2 a.evs --type o
	completes 'order.placed' evs replay --diff = 1 2 a.evs -n = 3 --type = ''
	completes 'a.evs' evs cat a.e
}

# examples FILE: the lines of examples in a manual, as they are shown.
manual_examples() {
	awk '/^\.Bd -literal -offset indent/ {on = 1; next} /^\.Ed/ {on = 0} on' "$1" | sed 's/\\e/\\/g; s/\\&//g; s/\\-/-/g'
}

readme_examples() {
	awk '/^```sh/ {on = 1; next} /^```/ {on = 0} on' "$1"
}

# play FILE: run its `$ ` lines in one bash, in this folder, and compare what they print with what stands after each.
# A command with <<'END' has the lines up to END too.
play() {
	python3 - "$1" <<-'END' >played
		import subprocess, sys
		commands, document = [], False
		for line in open(sys.argv[1]).read().splitlines():
		    if document:
		        commands[-1] += "\n" + line
		        document = line != "END"
		    elif line.startswith("$ "):
		        commands.append(line[2:])
		        document = line.endswith("<<'END'")
		mark = "\x01"
		script = "".join(f"echo '{mark}{i}'\n{c}\n" for i, c in enumerate(commands))
		out = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		                     stderr=subprocess.DEVNULL, timeout=60).stdout.decode()
		for line in out.splitlines():
		    if line.startswith(mark):
		        print("$ " + commands[int(line[1:])])
		    else:
		        print(line)
	END
	diff "$1" played >difference || fail "examples of $1 print something else:" "$(cat difference)"
}

@test "every example in a manual prints what stands there" {
	played=0
	for manual in "$ROOT"/man/*.[1-8]; do
		mkdir "$BATS_TEST_TMPDIR/${manual##*/}"
		cd "$BATS_TEST_TMPDIR/${manual##*/}"
		manual_examples "$manual" >"$BATS_TEST_TMPDIR/${manual##*/}.txt"
		grep -q '^\$ ' "$BATS_TEST_TMPDIR/${manual##*/}.txt" || continue
		play "$BATS_TEST_TMPDIR/${manual##*/}.txt"
		played=$((played + 1))
	done
	[ $played -ge 7 ]
}

@test "every example in the README prints what stands there" {
	mkdir samples
	cp "$ROOT"/samples/*.* samples/
	readme_examples "$ROOT/README.md" >"$BATS_TEST_TMPDIR/readme.txt"
	grep -q '^\$ ' "$BATS_TEST_TMPDIR/readme.txt"
	play "$BATS_TEST_TMPDIR/readme.txt"
}

@test "mandoc has nothing to say about the manuals" {
	command -v mandoc >/dev/null || skip 'no mandoc here'
	ran 0 mandoc -Tlint -W warning "$ROOT"/man/*.[1-8]
	out_is ''
	err_is ''
}

@test "manuals name tools and manuals that are there" {
	for manual in "$ROOT"/man/*.[1-8]; do
		grep -oE '^\.Xr (lib)?evs[a-z-]* [0-9]' "$manual" | sort -u | while read -r _ name section; do
			[ -e "$ROOT/man/$name.$section" ] || fail "${manual##*/}: $name($section)"
		done
	done
}

@test "the README's pictures are what a terminal shows" {
	command -v tmux >/dev/null || skip 'no tmux here'
	ran 0 "$ROOT/man/pictures/make" .
	for picture in *.svg; do
		cmp "$picture" "$ROOT/man/pictures/$picture"
		grep -q "(man/pictures/$picture)" "$ROOT/README.md" || fail "the README does not show $picture"
	done
	[ -e trace.svg ]
}
