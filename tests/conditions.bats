# Expected revisions, append conditions, retries, reused eventIds: who may append, and who is told that it was late.
load helper

# event ID [TYPE [TAGS]]: a line; TAGS are words.
event() {
	local tags
	tags=$(printf '%s\n' ${3-} | jq -Rnc '[inputs | select(. != "")]')
	printf '{"eventType":"%s","eventId":"%s","tags":%s}\n' "${2:-t}" "$1" "$tags"
}

# refused NAME_OF_STORE MESSAGE append-ARGUMENTS...: a conflict, and not a byte of the store is changed.
refused() {
	local store=$1 message=$2
	shift 2
	cp "$store" before
	ran 3 evs append "$store" "$@"
	out_is ''
	err_is "evs-append: $store: $message"
	cmp "$store" before
}

# made ID...: a store a.evs whose stream T/s has these events.
made() {
	local id
	for id; do event "$id"; done >made
	quiet evs append a.evs --aggregate-type T -s s made
}

@test "--expect N appends to a stream that is at revision N" {
	made x y
	event z >in
	quiet evs append a.evs --aggregate-type T -s s --expect 2 in
	shows $'{"position":3,"revision":3,"eventId":"z"}' a.evs --last 1 --fields .position,.revision,.eventId
}

@test "--expect N refuses a stream that is at another revision" {
	made x y
	event z >in
	refused a.evs "stream 's' is at revision 2, not 1; nothing was appended" --aggregate-type T -s s --expect 1 in
	refused a.evs "stream 's' is at revision 2, not 3; nothing was appended" --aggregate-type T -s s --expect 3 in
	refused a.evs "stream 's' is at revision 2, not 0; nothing was appended" --aggregate-type T -s s --expect 0 in
	is "$(count a.evs)" 2
}

@test "--expect 0 makes a stream, and an empty store too" {
	event x >in
	quiet evs append a.evs --aggregate-type T -s s --expect 0 in
	event y >in
	quiet evs append a.evs --aggregate-type U -s s --expect 0 in
	shows $'{"revision":1}\n{"revision":1}' a.evs --fields .revision
}

@test "--expect N is about one stream of that type, not about its namesake" {
	made x y
	event z >in
	refused a.evs "stream 's' is at revision 0, not 2; nothing was appended" --aggregate-type U -s s --expect 2 in
	is "$(count a.evs)" 2
}

@test "--expect exists wants a stream that is there" {
	made x
	event y >in
	refused a.evs "stream 'other' does not exist; nothing was appended" --aggregate-type T -s other --expect exists in
	quiet evs append a.evs --aggregate-type T -s s --expect exists in
	is "$(count a.evs)" 2
}

@test "--expect wants a revision or exists" {
	event y >in
	for wrong in '' -1 1.5 foo 1x 99999999999999999999; do
		ran 2 evs append a.evs -s s --expect "$wrong" in
		out_is ''
		err_has --expect
	done
	[ ! -e a.evs ]
}

@test "--expect wants events of a stream" {
	event y >in
	ran 1 evs append a.evs --expect 0 in
	out_is ''
	err_has 'line 1: the event is in no stream'
	[ ! -e a.evs ] || is "$(count a.evs)" 0
}

@test "a retry whose events stand where they would have been put succeeds and adds nothing" {
	made x
	{ event y; event z; } >in
	quiet evs append a.evs --aggregate-type T -s s --expect 1 in
	cp a.evs before
	ran 0 evs append a.evs --aggregate-type T -s s --expect 1 --receipts in
	out_is $'{"eventId":"y","position":2,"stream":"s","revision":2,"duplicate":true}\n{"eventId":"z","position":3,"stream":"s","revision":3,"duplicate":true}'
	err_is ''
	cmp a.evs before
	event y >in
	quiet evs append a.evs --aggregate-type T -s s --expect 1 in
	is "$(count a.evs)" 3
}

@test "a retry succeeds also when others have appended since" {
	made x
	event y >in
	quiet evs append a.evs --aggregate-type T -s s --expect 1 in
	event z >later
	quiet evs append a.evs --aggregate-type T -s s later
	quiet evs append a.evs --aggregate-type T -s s --expect 1 in
	is "$(count a.evs)" 3
}

@test "events that stand elsewhere than where they would be put are a conflict" {
	made x y z
	event z >in
	cp a.evs before
	ran 3 evs append a.evs --aggregate-type T -s s --expect 1 in
	out_is ''
	err_has 'nothing was appended'
	cmp a.evs before
	# The expectation holds, and all events are there: it is said where.
	{ event x; event y; } >in
	refused a.evs "eventId 'x' is in the store already, at revision 1 of its stream, not 4; nothing was appended" --aggregate-type T -s s --expect 3 in
	refused a.evs "eventId 'x' is in the store already, at position 1, not 3; nothing was appended" --fail-if '[{"types":["none"]}]' --after 2 \
		--aggregate-type T -s s in
	{ event x; event z; } >in
	refused a.evs "eventId 'z' is in the store already, at position 3, not 2; nothing was appended" --fail-if '[{"types":["none"]}]' \
		--aggregate-type T -s s in
}

@test "a partial overlap is a conflict, and nothing is written" {
	made x
	{ event y; event z; } >in
	event y >first
	quiet evs append a.evs --aggregate-type T -s s --expect 1 first
	cp a.evs before
	for n in 1 2; do
		ran 3 evs append a.evs --aggregate-type T -s s --expect $n --receipts in
		out_is ''
		err_has 'nothing was appended'
		cmp a.evs before
	done
}

@test "an eventId with other content is a conflict that names id and position" {
	made x y
	event y other >in
	evs cat a.evs >before
	ran 3 evs append a.evs --aggregate-type T -s s --receipts in
	out_is ''
	err_is "evs-append: in: line 1: eventId 'y' is in the store at position 2 with other content; 0 events before it are committed"
	is "$(count a.evs)" 2
	evs cat a.evs | cmp - before
}

@test "an eventId with other content is found within one input" {
	{ event y; event x; event y other; event z; } >in
	ran 3 evs append a.evs in
	out_is ''
	err_has "line 3: eventId 'y' came before in the input with other content"
	positions '1 2' a.evs
}

@test "the same event twice in one input is stored once" {
	{ event y; event x; event y; event z; } >in
	quiet evs append a.evs in
	shows $'{"eventId":"y"}\n{"eventId":"x"}\n{"eventId":"z"}' a.evs --fields .eventId
}

# dcb.events: types are alternatives, tags must all be there, items are alternatives.
@test "--fail-if: types or, tags and, items or" {
	{ event 1 red 'a b'; event 2 green 'a c'; event 3 blue; } >in
	quiet evs append a.evs in
	event 4 new >in
	while read -r result query; do
		cp a.evs b.evs
		cp a.evs-lock b.evs-lock
		if [ "$result" = 0 ]; then
			quiet evs append b.evs --fail-if "$query" in
			is "$(count b.evs)" 4
		else
			refused b.evs "the append condition fails: the event at position $result matches; nothing was appended" \
				--fail-if "$query" in
		fi
	done <<-'END'
		1 [{"types":["red"]}]
		2 [{"types":["green"]}]
		2 [{"types":["white","green"]}]
		0 [{"types":["white"]}]
		0 [{"types":["gre"]}]
		1 [{"tags":["b"]}]
		2 [{"tags":["a","c"]}]
		0 [{"tags":["b","c"]}]
		0 [{"tags":["a","b","c"]}]
		2 [{"types":["green"],"tags":["a"]}]
		0 [{"types":["blue"],"tags":["a"]}]
		0 [{"types":["red"],"tags":["c"]}]
		3 [{"types":["red"],"tags":["c"]},{"types":["blue"]}]
		2 [{"tags":["z"]},{"tags":["c"]}]
		0 [{"tags":["z"]},{"types":["white"]}]
	END
}

@test "--fail-if [{}] matches every event, and none in an empty store" {
	event x >in
	quiet evs append a.evs --fail-if '[{}]' in
	event y >in
	refused a.evs 'the append condition fails: the event at position 1 matches; nothing was appended' --fail-if '[{}]' in
	is "$(count a.evs)" 1
}

@test "--after POS counts only events at positions greater than POS" {
	{ event 1 red; event 2 red; event 3 green; } >in
	quiet evs append a.evs in
	event 4 >in
	refused a.evs 'the append condition fails: the event at position 2 matches; nothing was appended' \
		--fail-if '[{"types":["red"]}]' --after 1 in
	refused a.evs 'the append condition fails: the event at position 3 matches; nothing was appended' \
		--fail-if '[{}]' --after 2 in
	quiet evs append a.evs --fail-if '[{"types":["red"]}]' --after 2 in
	is "$(count a.evs)" 4
}

@test "--fail-if finds what is in a segment" {
	events 20000 >in
	event needle rare hay >>in
	events 20000 b >>in
	quiet evs append a.evs in
	[ "$(evs stat a.evs | jq .segments)" -gt 0 ]
	event x >in
	refused a.evs 'the append condition fails: the event at position 20001 matches; nothing was appended' \
		--fail-if '[{"types":["rare"],"tags":["hay"]}]' in
	refused a.evs 'the append condition fails: the event at position 20001 matches; nothing was appended' \
		--fail-if '[{"tags":["hay"]}]' --after 20000 in
	quiet evs append a.evs --fail-if '[{"tags":["hay"]}]' --after 20001 in
	is "$(count a.evs)" 40002
}

@test "a retry under --fail-if does not fail on its own events" {
	{ event x red a; event y green a; } >in
	quiet evs append a.evs --fail-if '[{"tags":["a"]}]' in
	cp a.evs before
	quiet evs append a.evs --fail-if '[{"tags":["a"]}]' in
	cmp a.evs before
}

@test "a query that is none is wrong usage, and no store is made" {
	event x >in
	for wrong in '' '[]' '{}' foo '[{}' '[1]' '"x"' '[{"types":"a"}]' '[{"types":[1]}]' '[{"tags":"a"}]' '[{"type":["a"]}]' '[{}] x'; do
		ran 2 evs append a.evs --fail-if "$wrong" in
		out_is ''
		err_has 'evs-append: '
		[ ! -e a.evs ] || fail "made for $wrong"
	done
}

@test "--after wants a position and --fail-if" {
	event x >in
	for wrong in -1 x 1.5 ''; do
		ran 2 evs append a.evs --fail-if '[{}]' --after "$wrong" in
		out_is ''
		err_has --after
	done
	ran 2 evs append a.evs --after 1 in
	out_is ''
	err_has --fail-if
	[ ! -e a.evs ]
}

@test "--atomic: a bad line in the middle, and nothing is appended" {
	made x
	{ events 3000; echo '{"eventType":'; events 3000 b; } >in
	cp a.evs before
	ran 1 evs append a.evs --atomic --receipts in
	out_is ''
	err_has 'line 3001: column'
	err_has 'nothing was appended'
	cmp a.evs before
	{ events 3000; event x other; } >in
	ran 3 evs append a.evs --atomic --receipts in
	out_is ''
	err_has "line 3001: eventId 'x' is in the store at position 1 with other content"
	cmp a.evs before
}

@test "--atomic: good lines are appended together" {
	events 30000 >in
	quiet evs append a.evs --atomic in
	is "$(count a.evs)" 30000
}

@test "duplicates are found over the whole history" {
	events 20000 a s >in
	quiet evs append a.evs in
	[ "$(evs stat a.evs | jq .segments)" -gt 0 ]
	quiet evs append a.evs in
	quiet evs append a.evs --atomic in
	is "$(count a.evs)" 20000
	head -n 1 in >first
	quiet evs append a.evs first
	sed 's/"n":1}/"n":2}/' first >other
	ran 3 evs append a.evs other
	err_has "eventId 'a-1' is in the store at position 1 with other content"
	tac in >backwards
	ran 0 evs append a.evs --receipts backwards
	err_is ''
	is "$(jq -s 'map(select(.duplicate and .position == .revision)) | length' <<<"$output")" 20000
	is "$(count a.evs)" 20000
}

@test "--event-id hash: the same import twice adds nothing" {
	events 20000 | jq -c 'del(.eventId)' >in
	quiet evs append a.evs --event-id hash in
	is "$(count a.evs)" 20000
	quiet evs append a.evs --event-id hash in
	is "$(count a.evs)" 20000
	# Spacing is no content.
	head -n 10 in | sed 's/,/ , /g' >spaced
	quiet evs append a.evs --event-id hash spaced
	is "$(count a.evs)" 20000
	echo '{"eventType":"a","data":{"n":20001}}' >new
	quiet evs append a.evs --event-id hash new
	is "$(count a.evs)" 20001
}

# With the same input again, now that the events stand there, it is the retry.
@test "an event twice in an input under a condition is stored once, and other content under its id is told of" {
	{ event p; event p; event q; event p; } >in
	for condition in '--expect 0' "--fail-if [{\"types\":[\"t\"]}]"; do
		rm -f k.evs k.evs-lock
		quiet evs append k.evs --aggregate-type T -s s $condition in
		is "$(evs cat k.evs --fields .eventId,.revision | tr -d '\n')" '{"eventId":"p","revision":1}{"eventId":"q","revision":2}'
		quiet evs append k.evs --aggregate-type T -s s $condition in
		is "$(count k.evs)" 2
	done
	{ event r; event r other; } >in
	ran 3 evs append k.evs --atomic in
	err_is "evs-append: in: line 2: eventId 'r' came before in the input with other content; nothing was appended"
}

@test "while the input of a whole is awaited, others append, and a group that feeds it goes on" {
	local waiting
	for how in --atomic '--expect 0 --stream s' '--fail-if [{"types":["z"]}]'; do
		rm -f a.evs*
		mkfifo "in$((++n))"
		"$EVS_BIN/evs" append a.evs $how <"in$n" 3>&- &
		waiting=$!
		exec 7>"in$n"
		echo '{"eventType":"whole"}' >&7
		sleep 0.1
		echo '{"eventType":"other"}' | timeout 5 "$EVS_BIN/evs" append a.evs
		is "$(evs cat a.evs --fields .eventType)" '{"eventType":"other"}'
		exec 7>&-
		ends 0 $waiting
		is "$(evs cat a.evs | jq -r .eventType | paste -sd' ')" 'other whole'
	done
	events 200 in | quiet evs append b.evs
	timeout 20 "$EVS_BIN/evs" consume b.evs g --type in | jq -c '{eventType: "out", data}' | timeout 20 "$EVS_BIN/evs" append b.evs --atomic
	is "$(evs stat b.evs --by type | jq -c '[.type,.events]' | paste -sd' ')" '["in",200] ["out",200]'
}

@test "what is one whole may be more than is held in memory before it ends, and its bad line is found" {
	head -c 70000000 /dev/zero | tr '\0' x | fold -w 1000000 | sed 's/.*/{"eventType":"big","data":"&"}/' >in
	echo >>in
	quiet evs append a.evs --atomic in
	is "$(count a.evs)" "$(wc -l <in)"
	echo '{bad' >>in
	ran 1 evs append b.evs --atomic in
	err_has "line $(wc -l <in): column 2: "
	err_has 'nothing was appended'
	is "$(count b.evs)" 0
}

@test "--fail-if is looked at also where all lines are bad" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	for policy in dlq skip; do
		ran 3 evs append a.evs --on-error $policy --fail-if '[{}]' <<<'bad'
		err_has 'the append condition fails: the event at position 1 matches; nothing was appended'
		ran 4 evs append a.evs --on-error $policy --fail-if '[{"types":["b"]}]' <<<'bad'
	done
	is "$(evs dlq a.evs list | wc -l)" 1
}
