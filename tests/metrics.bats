# metrics: what is to be watched, in the text format of Prometheus.
load helper

# metrics ARG...: of a.evs, read strictly, as lines of JSON in `samples`.
metrics() {
	ran 0 evs metrics a.evs "$@"
	err_is ''
	printf '%s\n' "$output" >text
	samples_of text
}

samples_of() {
	python3 "$ROOT/tests/exposition.py" <"$1" >samples
	! command -v promtool >/dev/null || promtool check metrics <"$1"
}

# value NAME [LABEL TEXT]: of the one sample of that name.
value() {
	jq -c --arg name "$1" --arg key "${2-store}" --arg text "${3-$PWD/a.evs}" 'select(.name == $name and .labels[$key] == $text).value' samples
}

# within LOW HIGH NAME [LABEL TEXT]: the value is more than LOW and at most HIGH.
within() {
	jq -ne --argjson low "$1" --argjson high "$2" "$(value "${@:3}") | . > \$low and . <= \$high" || fail "${*:3}: $(value "${@:3}")"
}

# recently NAME [LABEL TEXT]: the value is a moment of the last minutes.
recently() {
	within $(($(date +%s) - 600)) $(($(date +%s) + 1)) "$@"
}

@test "the parser of these tests refuses what is wrong" {
	good=$'# HELP a_total A.\n# TYPE a_total counter\na_total{b="c\\\\\\"\\n"} 1'
	printf '%s\n' "$good" | python3 "$ROOT/tests/exposition.py" >out
	is "$(jq -c .labels out)" '{"b":"c\\\"\n"}'
	for bad in "$good"$'\na_total{b="c\\\\\\"\\n"} 2' "${good//a_total/a}" "${good/counter/gauge}" "${good/\} 1/\} x}" "$good"$'\nb 1' \
		"${good#*$'\n'}" "${good/c/\\c}" "$good"$'\n'"$good" "${good%$'\n'*}" "$good"$'\n'; do
		! printf '%s\n' "$bad" | python3 "$ROOT/tests/exposition.py" >/dev/null 2>&1 || fail "$bad"
	done
	h=$'# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2'
	printf '%s\n' "$h" | python3 "$ROOT/tests/exposition.py" >/dev/null
	for bad in "${h/count 2/count 3}" "${h/+Inf/2}" "${h/\} 1/\} 4}" "${h/h_sum 3$'\n'/}"; do
		! printf '%s\n' "$bad" | python3 "$ROOT/tests/exposition.py" >/dev/null 2>&1 || fail "$bad"
	done
}

@test "an empty store has its numbers" {
	evs append a.evs </dev/null
	metrics
	is "$(value evs_events_total)" 0
	is "$(value evs_last_position)" 0
	is "$(value evs_store_size_bytes)" "$(stat -c %s a.evs)"
	is "$(value evs_last_recorded_timestamp_seconds)" ''
	is "$(jq -r .kind samples | sort -u | paste -sd' ')" 'counter gauge'
}

@test "a store's numbers are those of stat" {
	{ events 3 a s1; events 2 b s2; echo bad; } | evs append a.evs --on-error dlq || true
	metrics
	is "$(value evs_events_total)" 5
	is "$(value evs_last_position)" 5
	is "$(value evs_streams)" 2
	is "$(value evs_event_types)" 2
	is "$(value evs_dead_letters)" 1
	is "$(value evs_store_size_bytes)" "$(evs stat a.evs | jq .bytes)"
	recently evs_last_recorded_timestamp_seconds
	is "$(jq -r .labels.store samples | sort -u)" "$PWD/a.evs"
}

@test "a group's numbers are those of group show" {
	events 6 a | evs append a.evs
	ran 4 evs consume a.evs work --type a --emit --max-retries 1 --initial-delay 10ms -- \
		sh -c 'test $EVS_POSITION != 3 && echo "{\"eventType\":\"b\"}"'
	echo '{"eventType":"a"}' | evs append a.evs
	metrics
	evs group a.evs show work >shown
	for pair in position:position lag_events:lag handled_total:handled retried_total:retried dead_lettered_total:dead \
		emitted_total:emitted waiting:waiting parked:parked dead_letters:deadLetters members:members; do
		is "$(value evs_group_${pair%:*} group work)" "$(jq ".${pair#*:}" shown)"
	done
	is "$(jq -c '[.position,.lag,.handled,.retried,.dead,.emitted,.deadLetters,.members]' shown)" '[6,1,5,1,1,5,1,0]'
	is "$(value evs_group_stuck group work)" 0
	within 0 600 evs_group_lag_seconds group work
	recently evs_group_last_commit_timestamp_seconds group work
	# Each try counts: five that did it, and two that failed.
	is "$(value evs_group_handler_duration_seconds_count group work)" 7
	is "$(jq -r 'select(.name == "evs_group_handler_duration_seconds_bucket").labels.le' samples | paste -sd' ')" \
		'0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 60 +Inf'
	is "$(jq -s 'map(select(.labels.le == "60" or .labels.le == "+Inf").value)' -c samples)" '[7,7]'
	within 0 360 evs_group_handler_duration_seconds_sum group work
}

@test "a slow handler is in the bucket of its time" {
	events 1 a | evs append a.evs
	evs consume a.evs work -- sleep 0.3
	metrics
	is "$(jq -c 'select(.labels.le == "0.25").value' samples)" 0
	is "$(jq -c 'select(.labels.le == "60").value' samples)" 1
	within 0.29 60 evs_group_handler_duration_seconds_sum group work
}

@test "members, events that wait, and a stop show" {
	echo '{"eventType":"a","aggregateId":"s"}' | evs append a.evs
	evs consume a.evs waits --follow --initial-delay 1h -- false 3>&- 2>/dev/null &
	waiting() { evs group a.evs show waits | jq -e '.waiting == 1' >/dev/null; }
	wait_for waiting
	ran 1 evs consume a.evs stops --max-retries 0 --on-failure stop -- false
	ran 4 evs consume a.evs parks --max-retries 0 --on-failure park -- false
	metrics
	is "$(value evs_group_members group waits)" 1
	is "$(value evs_group_waiting group waits)" 1
	is "$(value evs_group_stuck group waits)" 0
	is "$(value evs_group_stuck group stops)" 1
	is "$(value evs_group_parked group parks)" 1
	is "$(value evs_group_parked group waits)" 0
	is "$(jq -r 'select(.name == "evs_group_position").labels.group' samples | paste -sd' ')" 'parks stops waits'
}

@test "a projection's numbers are those of project status" {
	events 4 a s1 | evs append a.evs
	echo 'on "a" { if .data.n == 3 { fail "no" }; n += 1 }' >a.fold
	ran 1 evs project a.evs run stuck --fold a.fold
	ran 4 evs project a.evs run dead --fold a.fold --on-failure dlq
	events 2 b s2 | evs append a.evs
	metrics
	for name in stuck dead; do
		evs project a.evs status $name >shown
		for pair in position:position lag_events:lag applied_total:events dead_lettered_total:deadLetters states:states; do
			is "$(value evs_projection_${pair%:*} projection $name)" "$(jq ".${pair#*:}" shown)"
		done
	done
	is "$(jq -c 'select(.labels.projection == "stuck" and .name == "evs_projection_position").value' samples)" 2
	is "$(value evs_projection_lag_events projection stuck)" 4
	is "$(value evs_projection_stuck projection stuck)" 1
	is "$(value evs_projection_stuck projection dead)" 0
	is "$(value evs_projection_dead_lettered_total projection dead)" 1
	is "$(value evs_projection_running projection dead)" 0
	within 0 600 evs_projection_lag_seconds projection stuck
	recently evs_projection_last_commit_timestamp_seconds projection dead
	evs project a.evs skip stuck 3
	metrics
	is "$(value evs_projection_skipped_total projection stuck)" 1
	evs project a.evs run dead --fold a.fold --on-failure dlq --follow 3>&- &
	running() { evs project a.evs status dead | jq -e .running >/dev/null; }
	wait_for running
	metrics
	is "$(value evs_projection_running projection dead)" 1
}

@test "labels hold any name" {
	mkdir $'d\\i"r\nx\xff'
	echo '{"eventType":"a"}' | evs append $'d\\i"r\nx\xff/a.evs'
	evs consume $'d\\i"r\nx\xff/a.evs' 'g\"é{},=' >/dev/null
	ran 0 evs metrics $'d\\i"r\nx\xff/a.evs'
	printf '%s\n' "$output" >text
	samples_of text
	is "$(jq -r .labels.store samples | sort -u)" "$(printf '%s\n' "$PWD/d\\i\"r" $'x\ufffd/a.evs' | sort -u)"
	is "$(jq -r 'select(.name == "evs_group_position").labels.group' samples)" 'g\"é{},='
}

@test "stores are told apart, wherever the path begins" {
	echo '{"eventType":"a"}' | evs append a.evs
	mkdir there
	echo '{"eventType":"a"}' | evs append there/a.evs
	ln -s there/a.evs link.evs
	evs metrics a.evs >one
	(cd there && evs metrics a.evs) >two
	evs metrics link.evs >three
	samples_of one
	is "$(jq -r .labels.store samples | sort -u)" "$PWD/a.evs"
	samples_of two
	is "$(jq -r .labels.store samples | sort -u)" "$PWD/there/a.evs"
	is "$(cat three)" "$(cat two)"
}

@test "--output replaces a file as a whole, and all can read it" {
	echo '{"eventType":"a"}' | evs append a.evs
	evs metrics a.evs >stdout
	mkdir out
	umask 077
	quiet evs metrics a.evs --output out/evs.prom
	is "$(cat out/evs.prom)" "$(cat stdout)"
	is "$(stat -c %a out/evs.prom)" 644
	is "$(ls -A out)" evs.prom
	# One who reads the old file has it to its end.
	exec 4<out/evs.prom
	echo '{"eventType":"a"}' | evs append a.evs
	quiet evs metrics a.evs -o out/evs.prom
	is "$(cat <&4)" "$(cat stdout)"
	exec 4<&-
	samples_of out/evs.prom
	is "$(value evs_events_total)" 2
	is "$(stat -c %a out/evs.prom)" 644
	is "$(ls -A out)" evs.prom
	# A mode that somebody chose stays.
	chmod 640 out/evs.prom
	quiet evs metrics a.evs --output out/evs.prom
	is "$(stat -c %a out/evs.prom)" 640
	ran 0 evs metrics a.evs --output -
	out_is "$(cat out/evs.prom)"
	[ ! -e ./- ]
}

@test "what cannot be measured or written is said, and the old file stays" {
	echo '{"eventType":"a"}' | evs append a.evs
	echo old >evs.prom
	ran 1 evs metrics none.evs --output evs.prom
	err_is 'evs-metrics: none.evs: no such store'
	is "$(cat evs.prom)" old
	ran 1 evs metrics a.evs --output no/evs.prom
	err_is "evs-metrics: cannot write 'no/evs.prom': No such file or directory"
	mkdir folder
	ran 1 evs metrics a.evs --output folder
	err_is "evs-metrics: cannot write 'folder': Is a directory"
	mkfifo pipe
	ran 1 evs metrics a.evs --output pipe
	err_is "evs-metrics: cannot write 'pipe': Operation not supported"
	[ -p pipe ]
	is "$(ls | paste -sd' ')" 'a.evs a.evs-lock evs.prom folder pipe'
	ran 1 sh -c 'evs metrics a.evs >/dev/full'
	err_is 'evs-metrics: cannot write: No space left on device'
	ran 2 evs metrics a.evs b.evs
}
