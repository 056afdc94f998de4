# evs stat: sums and counts, against jq over the same events.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	local bin=${EVS_BIN:-$BATS_TEST_DIRNAME/../build/bin}
	python3 - >in <<-'END'
	import json, random
	random.seed(9)
	for i in range(21000):
	    e = {"eventType": random.choice(["order.placed", "order.paid", "é", "W_x y"]), "eventId": str(i)}
	    e["timestamp"] = "2026-0%d-%02dT%02d:%02d:00%s" % (random.randrange(1, 9), random.randrange(1, 28), random.randrange(24), random.randrange(60), random.choice(["Z", "+02:00", "-11:30", ""]))
	    if random.random() < .8:
	        e["aggregateId"] = str(random.randrange(500))
	        if random.random() < .9: e["aggregateType"] = random.choice(["Order", "Customer"])
	    if random.random() < .3: e["source"] = random.choice(["web", "app"])
	    print(json.dumps(e, ensure_ascii=False))
	END
	"$bin/evs" append a.evs in
	head -n 20950 in >/dev/null
}

setup() {
	cd "$BATS_FILE_TMPDIR"
}

# The model: evs stat over the lines of a file, in Python. model BY FILE
model() {
	python3 - "$1" "$2" <<-'END'
	import datetime, json, sys
	by, groups = sys.argv[1], {}
	def moment(e):
	    t = e["timestamp"].replace("Z", "+00:00")
	    t = datetime.datetime.fromisoformat(t)
	    return (t if t.tzinfo else t.replace(tzinfo=datetime.timezone.utc)).astimezone(datetime.timezone.utc)
	for line in open(sys.argv[2]):
	    e = json.loads(line)
	    m = moment(e)
	    key = {"stream": lambda: (e.get("aggregateId") is not None and e.get("aggregateType"), e.get("aggregateId")), "type": lambda: e["eventType"], "aggregate-type": lambda: e.get("aggregateType"),
	           "source": lambda: e.get("source"), "day": lambda: m.strftime("%Y-%m-%d"), "hour": lambda: m.strftime("%Y-%m-%dT%HZ")}[by]()
	    g = groups.setdefault(key, {"n": 0})
	    if g["n"] == 0 or m < g["first"][0]: g["first"] = (m, e["timestamp"])
	    if g["n"] == 0 or m > g["last"][0]: g["last"] = (m, e["timestamp"])
	    g["n"] += 1
	def order(key):
	    if by != "stream": return (key is not None, (key or "").encode())
	    return (key[1] is not None, bool(key[0]), (key[0] or "").encode(), (key[1] or "").encode())
	for key in sorted(groups, key=order):
	    g = groups[key]
	    head = {"aggregateType": key[0] or None, "stream": key[1]} if by == "stream" else {{"aggregate-type": "aggregateType"}.get(by, by): key}
	    print(json.dumps({**head, "events": g["n"], "first": g["first"][1], "last": g["last"][1]}, ensure_ascii=False, separators=(",", ":")))
	END
}

@test "stat sums up a store" {
	ran 0 evs stat a.evs
	err_is ''
	is "$(wc -l <<<"$output")" 1
	is "$(jq -r 'keys_unsorted|join(" ")' <<<"$output")" "events streams types firstTime lastTime firstRecordedAt lastRecordedAt bytes bytesPerEvent segments tailEvents deadLetters"
	is "$(jq -c '[.events,.types,.deadLetters]' <<<"$output")" '[21000,4,0]'
	is "$(jq .streams <<<"$output")" "$(jq -c 'select(.aggregateId)|[.aggregateType,.aggregateId]' in | sort -u | wc -l)"
	is "$(jq .bytes <<<"$output")" "$(stat -c %s a.evs)"
	is "$(jq '(.bytes/.events - .bytesPerEvent)|fabs < 0.1' <<<"$output")" true
	[ "$(jq .segments <<<"$output")" -ge 1 ]
	is "$(jq -r .firstRecordedAt <<<"$output")" "$(evs cat a.evs -n 1 | jq -r .recordedAt)"
	is "$(jq -r .lastRecordedAt <<<"$output")" "$(evs cat a.evs --last 1 | jq -r .recordedAt)"
	python3 - "$output" <<-'END'
	import datetime, json, sys
	def moment(t):
	    t = datetime.datetime.fromisoformat(t.replace("Z", "+00:00"))
	    return t if t.tzinfo else t.replace(tzinfo=datetime.timezone.utc)
	s, all = json.loads(sys.argv[1]), [moment(json.loads(l)["timestamp"]) for l in open("in")]
	assert moment(s["firstTime"]) == min(all) and moment(s["lastTime"]) == max(all), s
	END
}

@test "stat of an empty store has nulls" {
	quiet evs append empty.evs </dev/null
	ran 0 evs stat empty.evs
	is "$(jq -c 'del(.bytes)' <<<"$output")" '{"events":0,"streams":0,"types":0,"firstTime":null,"lastTime":null,"firstRecordedAt":null,"lastRecordedAt":null,"bytesPerEvent":null,"segments":0,"tailEvents":0,"deadLetters":0}'
	quiet evs stat empty.evs --by type
	ran 0 evs stat empty.evs --type x
	is "$(jq .events <<<"$output")" 0
}

@test "stat counts what is not in a segment yet, and dead letters" {
	{ events 3 a s; echo bad; echo worse; } >few
	ran 4 evs append few.evs --on-error dlq few
	is "$(evs stat few.evs | jq -c '[.events,.streams,.types,.segments,.tailEvents,.deadLetters]')" '[3,1,1,0,3,2]'
}

@test "stat --by counts as a program over the lines does" {
	for by in stream type aggregate-type source day hour; do
		model $by in >wanted
		ran 0 evs stat a.evs --by $by
		err_is ''
		diff wanted - <<<"$output"
		is "$(jq -s 'map(.events)|add' <<<"$output")" 21000
	done
}

@test "stat with selectors sums up and counts what they select" {
	while IFS='|' read -r arguments; do
		eval "set -- $arguments"
		evs cat a.evs "$@" >selected
		ran 0 evs stat a.evs "$@"
		err_is ''
		is "$(jq -r 'keys_unsorted|join(" ")' <<<"$output")" "events streams types firstTime lastTime firstRecordedAt lastRecordedAt"
		is "$(jq -c '[.events,.streams,.types]' <<<"$output")" "[$(wc -l <selected),$(jq -c 'select(.aggregateId)|[.aggregateType,.aggregateId]' selected | sort -u | wc -l),$(jq -c .eventType selected | sort -u | wc -l)]"
		for by in type stream hour; do
			diff <(model $by selected) <(evs stat a.evs "$@" --by $by)
		done
	done <<-'END'
		--type 'order.*'
		--stream 7 --aggregate-type Order
		--since 2026-03-01 --until 2026-03-31
		--from 500 --to 1500 --source web
		--limit 100
		--last 100
		--limit 50 --reverse
		--type none
		--shard 2/3 --aggregate-type Customer
		--as-of 2020-01-01
		--from-revision 3
	END
}

@test "stat on a terminal is for people, and --format chooses" {
	ran 0 evs stat a.evs --format table
	[[ $output == events\ *21,000* ]] || fail "no table"
	out_has "streams"
	out_has "happened"
	out_has "bytes an event"
	out_has "dead letters"
	table=$output
	ran 0 on_terminal evs stat a.evs
	out_is "$table"
	ran 0 on_terminal evs stat a.evs --format json
	jq .events <<<"$output"
	ran 0 evs stat a.evs --by type --format table
	is "$(wc -l <<<"$output")" 4
	out_has █
	out_has order.placed
	ran 0 on_terminal --columns 60 evs stat a.evs --by day
	[ "$(wc -L <<<"$output")" -le 60 ] || fail "wider than the terminal"
	is "$(head -n 1 <<<"$output" | cut -c1-10)" "$(evs stat a.evs --by day | head -n 1 | jq -r .day)"
	ran 0 evs stat a.evs --by stream --format table
	is "$(wc -l <<<"$output")" 51
	out_has "more with"
	ran 0 evs stat a.evs --by type --format json
	is "$(jq -s length <<<"$output")" 4
}

@test "stat's table shows control characters as something else" {
	echo '{"eventType":"\u001b[31mred\u0007"}' | evs append red.evs
	ran 0 evs stat red.evs --by type --format table
	[[ $output != *$'\e'* && $output != *$'\a'* ]] || fail "control characters"
}

@test "stat refuses an ambiguous stream" {
	ran 2 evs stat a.evs --stream 7
	err_has "evs-stat: a.evs: stream '7' is there in several aggregate types"
}

@test "stat's first and last times are events' own, whatever their year" {
	for year in 1600 0001 9999; do
		echo "{\"eventType\":\"a\",\"timestamp\":\"$year-12-31T23:59:59.5Z\"}"
	done >all
	while read -r first last lines; do
		sed -n "$lines" all >in
		rm -f a.evs*
		quiet evs append a.evs in
		ran 0 jq -r '.firstTime, .lastTime' <<<"$(evs stat a.evs)"
		out_is "$first-12-31T23:59:59.500000Z"$'\n'"$last-12-31T23:59:59.500000Z"
		ran 0 jq -r '.firstTime, .lastTime' <<<"$(evs stat a.evs --type a)"
		out_is "$first-12-31T23:59:59.500000Z"$'\n'"$last-12-31T23:59:59.500000Z"
	done <<-'END'
		0001 9999 1,3p
		0001 1600 1,2p
		9999 9999 3p
		1600 1600 1p
	END
	# A moment whose year in UTC cannot be written counts on the nearest day that can.
	rm a.evs*
	printf '{"eventType":"a","timestamp":"%s"}\n' 0000-01-01T00:00:00+01:00 9999-12-31T23:59:59-00:01 >in
	quiet evs append a.evs in
	ran 0 evs stat a.evs --by hour
	ran 0 jq -r .hour <<<"$output"
	out_is $'0000-01-01T00Z\n9999-12-31T23Z'
}
