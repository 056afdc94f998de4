# Selectors: each flag has a row that is wrong without it. tests/unit/select.c asks at random.
load helper

# Twelve events whose fields differ in all that selectors ask for.
setup_file() {
	cd "$BATS_FILE_TMPDIR"
	local bin=${EVS_BIN:-$BATS_TEST_DIRNAME/../build/bin}
	cat >in <<-'END'
		{"eventId":"e1","eventType":"order.placed","timestamp":"2026-05-14T10:00:00Z","aggregateId":"42","aggregateType":"Order","source":"web","correlationId":"c1","tags":["vip","web"]}
		{"eventId":"e2","eventType":"order.paid","timestamp":"2026-05-14T10:30:00Z","aggregateId":"42","aggregateType":"Order","source":"bank","correlationId":"c1","causationId":"e1","tags":["vip"]}
		{"eventId":"e3","eventType":"customer.moved","timestamp":"2026-05-14T23:00:00-02:00","aggregateId":"42","aggregateType":"Customer","source":"web"}
		{"eventId":"e4","eventType":"order.placed","timestamp":"2026-05-15T00:30:00+02:00","aggregateId":"43","aggregateType":"Order","correlationId":"c2","tags":["web"]}
		{"eventId":"e5","eventType":"ping","timestamp":"2026-05-16T00:00:00.000000001Z"}
		{"eventId":"e6","eventType":"order.shipped","timestamp":"2026-05-15T12:00:00Z","aggregateId":"42","aggregateType":"Order","causationId":"e2"}
		{"eventId":"e7","eventType":"Order.Placed","timestamp":"2026-05-15T12:00:00Z","aggregateId":"44"}
		{"eventId":"0190c2a7-7e5b-7000-8000-000000000008","eventType":"order.placed","timestamp":"2026-05-15T12:00:01Z","aggregateId":"0190c2a7-7e5b-7000-8000-000000000001","aggregateType":"Order","source":"0190c2a7-7e5b-7000-8000-000000000002","correlationId":"0190c2a7-7e5b-7000-8000-000000000003","causationId":"0190c2a7-7e5b-7000-8000-000000000004","tags":["0190c2a7-7e5b-7000-8000-000000000005"]}
	END
	"$bin/evs" append a.evs in
	"$bin/evs" stat a.evs --format json | jq -r .lastRecordedAt >first-recorded
	sleep 0.01
	cat >later <<-'END'
		{"eventId":"e9","eventType":"W_Completeren aanvraag","timestamp":"2026-05-17T10:00:00Z","aggregateId":"45","aggregateType":"Order"}
		{"eventId":"e10","eventType":"order.","timestamp":"2026-05-13T10:00:00","aggregateId":"42","aggregateType":"Order"}
		{"eventId":"e11","eventType":"order*","timestamp":"1500-01-01T00:00:00Z","aggregateId":"","aggregateType":""}
		{"eventId":"e12","eventType":"é","timestamp":"9999-12-31T23:59:59Z","aggregateId":"é","tags":["","vip","é"]}
	END
	"$bin/evs" append a.evs later
}

setup() {
	cd "$BATS_FILE_TMPDIR"
}

# table: each line is positions | arguments; a shell reads the arguments.
table() {
	local wanted arguments
	while IFS='|' read -r wanted arguments; do
		eval "set -- $arguments"
		positions "$(echo $wanted)" a.evs "$@"
	done
}

@test "--type takes patterns, and any of several" {
	table <<-'END'
		1 4 8|--type order.placed
		1 4 8|-t order.placed
		1 2 4 6 8 10|--type 'order.*'
		1 2 4 6 8 10 11|--type 'order*'
		11|--type 'order\*'
		7|--type '[A-Z]*.*'
		1 4 7 8|--type '?rder.[Pp]laced'
		12|--type '?'
		2 5|-t ping -t order.paid
		5 9|-t ping -t 'W_*'
		9|--type 'W_Completeren aanvraag'
		|--type order
		|--type 'none.*'
		1 2 3 4 5 6 7 8 9 10 11 12|--type '*'
	END
}

@test "--stream is a pair of type and id" {
	table <<-'END'
		1 2 6 10|--stream 42 --aggregate-type Order
		3|--stream 42 --aggregate-type Customer
		|--stream 42 --aggregate-type Invoice
		4|--stream 43
		4|-s 43
		7|--stream 44
		|--stream 44 --aggregate-type Order
		|--stream 46
		11|--stream ''
		12|--stream é
		8|--stream 0190c2a7-7e5b-7000-8000-000000000001
		|--stream 0190C2A7-7E5B-7000-8000-000000000001
		1 2 4 6 8 9 10|--aggregate-type Order
		3|--aggregate-type Customer
		5 7 11 12|--aggregate-type ''
		7|--stream 44 --aggregate-type ''
		|--stream 43 --aggregate-type ''
		|--aggregate-type order
	END
	ran 2 evs cat a.evs --stream 42
	out_is ''
	err_has "evs-cat: a.evs: stream '42' is there in several aggregate types: Customer, Order; add --aggregate-type"
}

@test "--event, --correlation, --causation, --source, --tag take exact names" {
	table <<-'END'
		3|--event e3
		|--event e
		|--event E3
		8|--event 0190c2a7-7e5b-7000-8000-000000000008
		1 2|--correlation c1
		4|--correlation c2
		|--correlation c
		8|--correlation 0190c2a7-7e5b-7000-8000-000000000003
		2|--causation e1
		6|--causation e2
		8|--causation 0190c2a7-7e5b-7000-8000-000000000004
		1 3|--source web
		2|--source bank
		8|--source 0190c2a7-7e5b-7000-8000-000000000002
		1 2 12|--tag vip
		1 4|--tag web
		1|--tag vip --tag web
		|--tag vip --tag bank
		12|--tag ''
		12|--tag é
		8|--tag 0190c2a7-7e5b-7000-8000-000000000005
	END
}

@test "--from, --after, --to, --from-revision are places, both ends count" {
	table <<-'END'
		11 12|--from 11
		12|--after 11
		1 2 3 4 5 6 7 8 9 10 11 12|--after 0
		1 2|--to 2
		3 4|--from 3 --to 4
		3|--after 2 --to 3
		4|--from 2 --after 3 --to 4
		|--from 13
		|--from 5 --to 4
		|--after 18446744073709551615
		1 2 3 4 5 6 7 8 9 10 11 12|--to 18446744073709551615
		1 2 3 4 6 7 8 9 10 11 12|--from-revision 0
		1 2 3 4 6 7 8 9 10 11 12|--from-revision 1
		2 6 10|--from-revision 2
		6 10|--from-revision 3
		10|--from-revision 3 --stream 42 --aggregate-type Order --after 6
		|--from-revision 5
	END
}

@test "--since and --until compare moments, whatever the offset; both ends count" {
	table <<-'END'
		3 5 6 7 8 9 12|--since 2026-05-15
		1 2 4 10 11|--until 2026-05-14
		1 2 4|--since 2026-05-14 --until 2026-05-14
		1|--since 2026-05-14T10:00:00Z --until 2026-05-14T10:00:00Z
		1|--since 2026-05-14T12:00:00+02:00 --until 2026-05-14T05:00:00-05:00
		|--since 2026-05-14T10:00:00.000001Z --until 2026-05-14T10:00:00.9Z
		1|--since 2026-05-14T10:00 --until 2026-05-14T10:00
		3|--since 2026-05-15T01:00:00Z --until 2026-05-15T01:00:00Z
		4|--since 2026-05-14T22:30:00Z --until 2026-05-14T22:30:00Z
		5|--since 2026-05-16T00:00:00.000000001Z --until 2026-05-16T00:00:00.000000001Z
		|--since 2026-05-16 --until 2026-05-16T00:00:00Z
		|--since 2026-05-16T00:00:00.000000002Z --until 2026-05-17T09:59:59Z
		|--since 2026-05-15T12:00:02Z --until 2026-05-16T00:00:00.000000000Z
		11|--until 1700-01-01
		12|--since 2200-01-01
		9 12|--since '2026-05-17 10:00'
	END
	# Against now: everything here but position 12 was long ago or is to come.
	now=$(date -d '+400 days' +%Y)
	quiet evs append now.evs <<<'{"eventType":"now"}'
	positions 1 now.evs --since -1h
	positions 1 now.evs --since -2w --until -0s
	positions '' now.evs --until -1h
	positions '' now.evs --until -15m --since -7d
}

@test "--as-of is what the store knew then" {
	then=$(cat first-recorded)
	positions "1 2 3 4 5 6 7 8" a.evs --as-of "$then"
	positions "" a.evs --as-of 2020-01-01
	positions "" a.evs --as-of -1d
	positions "1 2 3 4 5 6 7 8 9 10 11 12" a.evs --as-of -0s
	positions "6 8" a.evs --as-of "$then" --last 2 --aggregate-type Order
}

@test "--limit, --last and --reverse choose from what matches" {
	table <<-'END'
		1 2 3|--limit 3
		1 2 3|-n 3
		1 2 3|-n3
		|--limit 0
		|--last 0
		11 12|--last 2
		9 10|--last 2 --type '[oW]*' --aggregate-type Order
		12 11 10 9 8 7 6 5 4 3 2 1|--reverse
		12 11|-r -n 2
		12 11|--reverse --last 2
		10|--last 3 --limit 1
		12|--last 3 --limit 1 --reverse
		8 4 1|-rt order.placed
		8 4|-rn2 -t order.placed
		1 2 3 4 5 6 7 8 9 10 11 12|--last 100
		1 2 3 4 5 6 7 8 9 10 11 12|--limit 18446744073709551615
		3 4|--to 4 --last 2
		4 3|--to 4 --last 2 -r
		2|--from 2 --to 9 --limit 1
		8 4|--to 9 --last 2 --type order.placed --reverse
	END
}

@test "--shard spreads streams, each always in the same one" {
	for n in 1 2 3 7; do
		for i in $(seq 1 $n); do
			evs cat a.evs --shard $i/$n --fields .position,.aggregateType,.aggregateId
		done >shards
		is "$(jq .position shards | sort -n | paste -sd' ')" "1 2 3 4 5 6 7 8 9 10 11 12"
	done
	# A stream is in one shard: the evs-selectors(7) hash.
	positions "1 2 6 10" a.evs --shard 2/5 --stream 42 --aggregate-type Order
	positions "3" a.evs --shard 3/5 --stream 42 --aggregate-type Customer
	positions "" a.evs --shard 1/5 --stream 42 --aggregate-type Order
	# The same in another store.
	evs cat a.evs --reverse | evs append b.evs
	for i in 1 2 3; do
		diff <(evs cat a.evs --shard $i/3 | jq -r .eventId | sort) <(evs cat b.evs --shard $i/3 | jq -r .eventId | sort)
	done
	for wrong in 0/4 5/4 x 1 1/ /4 1/0 -1/4 1/4/2 ''; do
		ran 2 evs cat a.evs --shard "$wrong"
		err_has "option '--shard' needs I/N"
	done
}

@test "selectors together must all match" {
	table <<-'END'
		2|--type 'order.*' --tag vip --source bank --correlation c1 --causation e1 --event e2
		|--type 'order.*' --tag vip --source web --causation e1
		1|--aggregate-type Order --source web --until 2026-05-14
		6|--stream 42 --aggregate-type Order --since 2026-05-15 --from 2 --from-revision 2 --limit 5
	END
}

@test "wrong values are refused with what is right" {
	while IFS='|' read -r arguments message; do
		eval "set -- $arguments"
		ran 2 evs cat a.evs "$@"
		out_is ''
		err_has "$message"
	done <<-'END'
		--from x|option '--from' needs a number from 0, not 'x'
		--from -1|not '-1'
		--to 1.5|not '1.5'
		--after ''|option '--after' needs a number from 0, not ''
		--from-revision -0|option '--from-revision' needs a number from 0
		--limit ten|option '--limit' needs a number from 0, not 'ten'
		-n -5|option '-n' needs a number from 0, not '-5'
		--last 1e3|option '--last' needs a number
		--from 18446744073709551616|option '--from' takes no number above 18446744073709551615, and not '18446744073709551616'
		--since yesterday|option '--since' needs a time such as
		--until 2026-02-30|option '--until' needs a time
		--as-of ''|option '--as-of' needs a time
		--since 15m|needs a time
	END
}

@test "--stream TYPE/ID is looked for as it stands, and a message says how to write it" {
	evs append c.evs <<-'END'
		{"eventType":"a","aggregateType":"Order","aggregateId":"7/8"}
		{"eventType":"a","aggregateType":"Order","aggregateId":"a/b"}
		{"eventType":"a","aggregateType":"a","aggregateId":"b"}
	END
	for command in cat stat 'consume g' 'replay --speed max'; do
		set -- $command
		ran 0 evs $1 c.evs ${@:2} --stream Order/7/8
		err_is "evs-$1: c.evs: there is no stream 'Order/7/8'; a type and an ID are given apart: --aggregate-type 'Order' --stream '7/8'"
	done
	echo 'on "*" { n += 1 }' >f.fold
	ran 0 evs project c.evs run p --fold f.fold --stream Order/7/8
	err_has "--aggregate-type 'Order' --stream '7/8'"
	# Nothing is said of streams that are there, or not there in any way.
	positions 2 c.evs --stream a/b
	positions '' c.evs --stream Order/9
	positions '' c.evs --stream Order/7/8 --aggregate-type a
}

@test "an event that has a tag twice is found once, in the tail and in a segment" {
	local n
	for n in 10 40000; do
		rm -f a.evs*
		seq "$n" | sed 's/.*/{"eventType":"a","eventId":"&","tags":["u"]}/; 5~10s/"u"/"t","t"/' | quiet evs append a.evs
		is "$(evs cat a.evs --tag t | wc -l)" $((n / 10))
		is "$(evs cat a.evs --tag t --tag t --reverse | wc -l)" $((n / 10))
		positions $((n - 5)) a.evs --tag t --last 1
		ran 0 evs verify a.evs
		rm -f b.evs*
		seq "$n" | sed 's/.*/{"eventType":"a","eventId":"&","tags":["t","t"]}/' | quiet evs append b.evs
		is "$(evs cat b.evs --tag t | wc -l)" "$n"
		echo '{"eventType":"b"}' | ran 3 evs append b.evs --fail-if '[{"tags":["t"]}]' --after $((n - 1))
		echo '{"eventType":"b"}' | ran 3 evs append b.evs --fail-if '[{"types":["a","c","a"],"tags":["t"]}]' --after $((n - 1))
		echo '{"eventType":"b"}' | quiet evs append b.evs --fail-if '[{"tags":["t"]}]' --after "$n"
	done
}

@test "--stream finds the one stream of that id whose type has a zero byte, in the tail and in a segment" {
	local n
	for n in 2 40000; do
		rm -f a.evs*
		seq "$n" | sed 's/.*/{"eventType":"a","aggregateId":"s","aggregateType":"T\\u0000&"}/; 2~1s/"s"/"t"/; 2~1s/0000[0-9]*/0000/' | quiet evs append a.evs
		positions 1 a.evs --stream s
		is "$(evs cat a.evs --stream t | wc -l)" $((n - 1))
		is "$(evs stat a.evs --stream s | jq .events)" 1
	done
}
