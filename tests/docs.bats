# What is written agrees with what the programs do: --help, completion, manuals, and every example.
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

@test "completion offers the options of --help" {
	for tool in $TOOLS; do
		ran 0 evs $tool --help
		err_is ''
		printf '%s\n' "$output" >help
		ran 0 evs --complete $tool -
		err_is ''
		is "$(cut -f1 <<<"$output" | sort -u)" "$(long_options <help)"
	done
	ran 0 evs --complete ''
	is "$(cut -f1 <<<"$output" | grep -v '^-' | grep -vx help | sort)" "$(tr ' ' '\n' <<<"$TOOLS" | sort)"
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
	for tool in $TOOLS; do evs $tool --help; done | long_options >options
	evs --help | long_options >>options
	sort -u -o options options
	is "$(manual_options "$ROOT"/man/evs-selectors.7 "$ROOT"/man/evs.1 | comm -23 - options)" ''
}

@test "every short form is in a manual" {
	for tool in $TOOLS; do
		evs $tool --help | sed -nE 's/^  -([A-Za-z]), .*/\1/p' | sort -u >short
		sed -nE 's/^\.It.*(Fl|,) ([A-Za-z])( .*|$)/\2/p' "$ROOT"/man/evs-$tool.1 "$ROOT"/man/evs-selectors.7 "$ROOT"/man/evs.1 | sort -u >documented
		is "$tool: $(comm -23 short documented)" "$tool: "
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
	diff <(as_jq_has_it <"$1") <(as_jq_has_it <played) >difference || fail "examples of $1 print something else:" "$(cat difference)"
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

@test "man has nothing to warn of on a terminal of 80 columns, nor for a tool on one of 62" {
	man --version 2>/dev/null | grep -q '^man [0-9]' || skip 'no man-db here'
	for manual in "$ROOT"/man/*.[1-8]; do
		for width in 78 $([[ $manual != *.1 ]] || echo 60); do
			MANWIDTH=$width ran 0 man -P cat -l "$manual"
			[ -z "$stderr" ] || fail "${manual##*/} in $width columns: $stderr"
		done
	done
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

@test "the web pages: one a manual, an index, and links that lead somewhere" {
	command -v mandoc >/dev/null || skip 'no mandoc here'
	ran 0 "$ROOT/man/html" "$PWD/pages" "$ROOT"/man/*.[1-8]
	err_is ''
	python3 - <<-'END' >broken
		import os, re
		pages = {name: open("pages/" + name).read() for name in os.listdir("pages") if name.endswith(".html")}
		anchors = {name: set(re.findall(r'id="([^"]*)"', text)) for name, text in pages.items()}
		listed = set(re.findall(r'href="([^"]*)"', pages["index.html"]))
		for name, text in pages.items():
		    if name != "index.html" and name not in listed:
		        print(name, "is not in the index")
		    for link in re.findall(r'href="([^"]*)"', text):
		        page, _, anchor = link.partition("#")
		        if re.match(r"https://manpages.debian.org/(lib)?evs", link):
		            print(name, "leads away:", link)
		        elif not link.startswith("http") and not os.path.exists("pages/" + page) or anchor and anchor not in anchors[page or name]:
		            print(name, "leads nowhere:", link)
	END
	is "$(cat broken)" ''
	is "$(ls pages | grep -c '[1-8]\.html$')" "$(ls "$ROOT"/man/*.[1-8] | wc -l)"
}
