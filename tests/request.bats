# request and reply: an event that asks, a wait for its answer, and who gives it.
load helper

# request STATUS [ARG...]: what is asked is on standard input.
request() {
	local wanted=$1
	shift
	ran "$wanted" timeout 100 "$EVS_BIN/evs" request a.evs "$@"
}

# reply STATUS [ARG...]
reply() {
	local wanted=$1
	shift
	ran "$wanted" evs reply a.evs "$@"
}

# a_store: a.evs, with one event that nobody asks about.
a_store() {
	echo '{"eventType":"first","eventId":"first"}' | evs append a.evs
}

# asked N: the Nth request in a.evs is there. Fields of it, by jq.
asked() {
	[ "$(evs cat a.evs --where '.metadata.replyTo != null' | wc -l)" -ge "$1" ]
}
of_request() {
	evs cat a.evs --where '.metadata.replyTo != null' --last 1 | jq -c "$1"
}

# asks ARG...: a request in the background, which has appended its event; its output is in `out`, its id in $asker.
asks() {
	local before
	before=$(evs stat a.evs | jq .events)
	interruptible "$EVS_BIN/evs" request a.evs "$@" >out 2>err </dev/null &
	asker=$!
	wait_for more_than "$before"
}
more_than() {
	[ "$(evs stat a.evs | jq .events)" -gt "$1" ]
}

# sleeps_for_a_second PID: it does not run in that time, not even to look around.
sleeps_for_a_second() {
	local before
	before=$(grep ctxt "/proc/$1/status")
	sleep 1
	[ "$(grep ctxt "/proc/$1/status")" = "$before" ]
}

# responder ARG... -- HANDLER: evs consume in the background.
responder() {
	"$EVS_BIN/evs" consume a.evs responder --follow "$@" >>responder.out 2>>responder.err 3>&- &
}

@test "a request is answered by a handler of evs consume" {
	a_store
	responder --type price.asked -- sh -c 'jq -c "{price: (.data.n * 10)}" | evs reply "$EVS_STORE"'
	request 0 --type price.asked --timeout 60s <<<'{"n":4}'
	err_is ''
	is "$(wc -l <<<"$output")" 1
	is "$output" "$(evs cat a.evs --type price.asked.reply)"
	is "$(jq -c .data <<<"$output")" '{"price":40}'
	# The receipt of the reply is what the handler prints.
	wait_for lines_in responder.out 1
	is "$(jq -c '[.position,.duplicate]' responder.out)" '[3,false]'
}

@test "the request is an event with ids of its own and a tag for its reply" {
	a_store
	request 124 --type x --timeout 10ms </dev/null
	of_request . >one
	request 124 --type x --timeout 10ms </dev/null
	of_request . >two
	uuid='^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$'
	for file in one two; do
		is "$(jq -c keys "$file")" '["correlationId","eventId","eventType","metadata","position","recordedAt","timestamp"]'
		[[ $(jq -r .eventId $file) =~ $uuid ]]
		[[ $(jq -r .correlationId $file) =~ $uuid ]]
		is "$(jq -c .metadata $file)" "{\"replyTo\":\"reply:$(jq -r .eventId $file)\"}"
	done
	is "$(cat one two | jq -r '.eventId,.correlationId' | sort -u | wc -l)" 4
}

@test "options fill the request" {
	a_store
	request 124 --type x --stream s1 --aggregate-type T --source me --correlation c1 --causation first --tag t1 --tag t2 --timeout 10ms <<<7
	is "$(of_request '[.eventType,.aggregateId,.aggregateType,.source,.correlationId,.causationId,.tags,.revision,.data]')" \
		'["x","s1","T","me","c1","first",["t1","t2"],1,7]'
	request 124 -t y -s s1 --aggregate-type T --timeout 10ms <<<7
	is "$(of_request '[.eventType,.aggregateId,.revision]')" '["y","s1",2]'
}

@test "any JSON value is data, digit for digit; nothing is none" {
	a_store
	printf '{"a":\n\t1e400, "b":29.90,"b":[]}\n\n' >data
	request 124 --type x --timeout 10ms <data
	is "$(evs cat a.evs --type x --format data)" '{"a":1e400,"b":29.90,"b":[]}'
	for value in null false 0 '"a\u0000b"' '[]'; do
		request 124 --type y --timeout 10ms <<<"$value"
		is "$(evs cat a.evs --last 1 --fields .data)" "{\"data\":$value}"
	done
	for nothing in '' $' \n\t\n'; do
		request 124 --type z --timeout 10ms < <(printf '%s' "$nothing")
		is "$(of_request 'has("data")')" false
	done
	is "$(evs cat a.evs --type z | wc -l)" 2
}

@test "at a terminal a request has no data, and a reply neither" {
	a_store
	on_terminal evs request a.evs --type x --timeout 10ms || true
	is "$(of_request '[.eventType,has("data")]')" '["x",false]'
	on_terminal evs reply a.evs --to first
	is "$(evs cat a.evs --type first.reply | jq 'has("data")')" false
}

@test "what is no JSON value is refused, and nothing is appended" {
	a_store
	for text in '{"a":1} 2' $'1\n2' '{"a":' 'abc' '1,"eventType":"y"' $'"\n"' $'"\xff"'; do
		request 1 --type x <<<"$text"
		err_has 'evs-request: standard input is no JSON value: column '
		out_is ''
		reply 1 --to first <<<"$text"
		err_has 'evs-reply: standard input is no JSON value: column '
		out_is ''
	done
	request 1 --type x <<<'1 2'
	err_is 'evs-request: standard input is no JSON value: column 3: more follows the JSON value'
	is "$(count a.evs)" 1
}

@test "options that make no event are refused" {
	a_store
	request 1 --type '' <<<1
	err_is "evs-request: a.evs: field 'eventType' is empty; nothing was appended"
	request 1 --type $'\xff' <<<1
	err_has 'evs-request: a.evs: no JSON: '
	request 2 </dev/null
	err_is 'evs-request: --type is missing: the eventType of the request'
	request 2 --type x --timeout soon </dev/null
	request 2 --type x more </dev/null
	is "$(count a.evs)" 1
	ran 1 evs request none.evs --type x </dev/null
	err_is 'evs-request: none.evs: no such store'
	ran 1 evs reply none.evs --to x </dev/null
	err_is 'evs-reply: none.evs: no such store'
	[ ! -e none.evs ]
}

@test "without a reply it ends with 124 when the time has passed, and says how to find one later" {
	a_store
	begun=$(date +%s%N)
	request 124 --type x --timeout 400ms </dev/null
	took=$((($(date +%s%N) - begun) / 1000000))
	[ $took -ge 390 ] || fail "after $took ms"
	[ $took -lt 20000 ] || fail "after $took ms"
	out_is ''
	id=$(of_request .eventId | tr -d '"')
	err_is "evs-request: a.evs: no reply within 0.4 s to the request '$id'; it stays in the store: evs cat a.evs --tag reply:$id shows a reply that comes later"
	reply 0 --to "$id" <<<'"late"'
	is "$(evs cat a.evs --tag "reply:$id" --format data)" '"late"'
}

@test "it waits five seconds where nothing else is said" {
	a_store
	begun=$(date +%s%N)
	request 124 --type x </dev/null
	took=$((($(date +%s%N) - begun) / 1000000))
	[ $took -ge 4900 ] || fail "after $took ms"
	[ $took -lt 30000 ] || fail "after $took ms"
	err_has 'no reply within 5 s'
}

@test "a timeout of 0 has no end, and it sleeps until the reply comes" {
	a_store
	asks --type x --timeout 0s
	# It has gone to sleep; then it does not wake as long as nothing happens, and uses no processor time.
	wait_for sleeps_for_a_second $asker
	ticks=$(awk '{print $14 + $15}' /proc/$asker/stat)
	[ "$ticks" -le 30 ] || fail "$ticks hundredths of a second of processor time"
	# What others append does not end it.
	events 5 other | evs append a.evs
	sleep 0.2
	kill -0 $asker
	reply 0 --to "$(of_request .eventId | tr -d '"')" <<<'"now"'
	ends 0 $asker
	is "$(jq -r .data out)" now
}

@test "a reply that is there before it looks is found" {
	a_store
	for i in 1 2 3 4 5; do
		asks --type x --timeout 30s
		kill -STOP $asker
		evs reply a.evs --to "$(of_request .eventId | tr -d '"')" <<<$i >receipt 3>&- &
		replier=$!
		# It may have been stopped with the write lock in its hand: then the reply is for later.
		for ((n = 0; n < 100; n++)); do [ ! -s receipt ] || break; sleep 0.02; done
		kill -CONT $asker
		ends 0 $replier
		ends 0 $asker
		is "$(jq .data out)" $i
	done
}

@test "of many that ask at once each gets its own answer" {
	a_store
	responder --type square --concurrency 3 -- sh -c 'jq -c "{n: .data.n, square: (.data.n * .data.n)}" | evs reply "$EVS_STORE"'
	for i in $(seq 20); do
		echo "{\"n\":$i}" | evs request a.evs --type square --timeout 90s >"answer.$i" 2>"trouble.$i" 3>&- &
		askers[i]=$!
	done
	for i in $(seq 20); do
		ends 0 "${askers[i]}"
		is "$(jq -c .data "answer.$i")" "{\"n\":$i,\"square\":$((i * i))}"
		is "$(cat "trouble.$i")" ''
	done
	is "$(evs cat a.evs --type square.reply | wc -l)" 20
}

@test "a signal ends the wait, and the request stays" {
	a_store
	for pair in INT:130 TERM:143 HUP:129; do
		asks --type x --timeout 0s
		kill -${pair%:*} $asker
		ends ${pair#*:} $asker
		is "$(cat out)" ''
		id=$(of_request .eventId | tr -d '"')
		is "$(cat err)" "evs-request: a.evs: the request '$id' stays in the store: evs cat a.evs --tag reply:$id shows a reply that comes later"
	done
}

@test "what else a request gives rise to is no reply; what has its tag is one" {
	a_store
	asks --type x --timeout 60s
	id=$(of_request .eventId | tr -d '"')
	echo '{"eventType":"audited"}' | evs append a.evs --causation "$id" --correlation "$(of_request .correlationId | tr -d '"')"
	sleep 0.2
	kill -0 $asker
	echo '{"eventType":"answered","data":"by hand"}' | evs append a.evs --tag "reply:$id"
	ends 0 $asker
	is "$(jq -c '[.eventType,.data]' out)" '["answered","by hand"]'
}

@test "a handler of evs consume --emit can reply, exactly once" {
	a_store
	responder --type ask --emit -- jq -c '{eventType: "told", tags: [.metadata.replyTo], data: (.data + 1)}'
	request 0 --type ask --timeout 60s <<<41
	is "$(jq -c '[.eventType,.data]' <<<"$output")" '["told",42]'
	is "$(jq -c .causationId <<<"$output")" "$(of_request .eventId)"
	is "$(jq -c .correlationId <<<"$output")" "$(of_request .correlationId)"
}

@test "a reply takes its links from the request" {
	a_store
	echo '{"eventType":"asked","eventId":"q1","correlationId":"c1","metadata":{"replyTo":"here"}}' | evs append a.evs
	reply 0 --to q1 <<<'{"a":1.50}'
	err_is ''
	is "$(jq -c 'del(.eventId)' <<<"$output")" '{"position":3,"stream":null,"revision":null,"duplicate":false}'
	evs cat a.evs --last 1 >reply
	is "$(jq -c '[.eventType,.correlationId,.causationId,.tags]' reply)" '["asked.reply","c1","q1",["here"]]'
	is "$(evs cat a.evs --last 1 --format data)" '{"a":1.50}'
	# One without a correlationId is the beginning of what it gives rise to; one without replyTo has no tag.
	reply 0 --to first <<<1
	is "$(evs cat a.evs --last 1 | jq -c '[.eventType,.correlationId,.causationId,has("tags")]')" '["first.reply","first","first",false]'
}

@test "options fill the reply" {
	a_store
	echo '{"eventType":"asked","eventId":"q1","metadata":{"a":{"replyTo":"no"},"replyTo":"here"}}' | evs append a.evs
	reply 0 --to q1 --type done --stream s1 --aggregate-type T --source me --tag t1 --tag t2 <<<1
	is "$(jq -c '[.stream,.revision]' <<<"$output")" '["s1",1]'
	is "$(evs cat a.evs --last 1 | jq -c '[.eventType,.aggregateId,.aggregateType,.source,.tags]')" '["done","s1","T","me",["t1","t2","here"]]'
	reply 0 --to first -t other -s s1 --aggregate-type T <<<1
	is "$(jq -c '[.stream,.revision]' <<<"$output")" '["s1",2]'
	is "$(evs cat a.evs --last 1 | jq -c '[.eventType,has("tags")]')" '["other",false]'
}

@test "where a request wants its reply may be any string" {
	local n=0 to
	for to in '"01a222b6-629c-700b-b194-e42d815990a3"' '"a\"b\u0000c"' '""'; do
		n=$((n + 1))
		echo "{\"eventType\":\"a\",\"eventId\":\"q$n\",\"metadata\":{\"replyTo\":$to}}" | evs append a.evs
		reply 0 --to q$n </dev/null
		is "$(evs cat a.evs --last 1 --fields .tags)" "{\"tags\":[$to]}"
	done
	for to in 7 null '["a"]' '{"replyTo":"a"}'; do
		n=$((n + 1))
		echo "{\"eventType\":\"a\",\"eventId\":\"q$n\",\"metadata\":{\"replyTo\":$to}}" | evs append a.evs
		reply 0 --to q$n </dev/null
		is "$(evs cat a.evs --last 1 --fields .tags)" '{}'
	done
}

@test "a reply to what is not there fails" {
	a_store
	reply 1 --to nobody <<<1
	err_is "evs-reply: a.evs: there is no event 'nobody' to reply to; nothing was appended"
	out_is ''
	is "$(count a.evs)" 1
}

@test "the same reply again adds nothing, another one is a conflict" {
	a_store
	reply 0 --to first <<<'{"a":1}'
	first=$output
	reply 0 --to first <<<'{ "a": 1 }'
	out_is "${first/false/true}"
	for other in '{"a":2}' '{"a":1.0}' ''; do
		reply 3 --to first <<<"$other"
		err_is "evs-reply: a.evs: the request 'first' has another reply already: eventId '$(jq -r .eventId <<<"$first")' is in the store at position 2 with other content; nothing was appended"
		out_is ''
	done
	reply 3 --to first --type other <<<'{"a":1}'
	is "$(count a.evs)" 2
	# It is made of the request's eventId: that of another one is another.
	echo '{"eventType":"a","eventId":"second"}' | evs append a.evs
	reply 0 --to second <<<'{"a":1}'
	[ "$(jq -r .eventId <<<"$output")" != "$(jq -r .eventId <<<"$first")" ]
}

@test "a handler that is run again after its reply replies once" {
	a_store
	responder --type ask --initial-delay 10ms -- sh -c 'echo 1 | evs reply "$EVS_STORE"; test $EVS_ATTEMPT = 2'
	request 0 --type ask --timeout 60s </dev/null
	wait_for lines_in responder.out 2
	is "$(jq -c .duplicate responder.out | paste -sd' ')" 'false true'
	is "$(evs cat a.evs --type ask.reply | wc -l)" 1
}

@test "the event at hand is what is replied to, where nothing else is said" {
	a_store
	echo '{"eventType":"a","eventId":"second"}' | evs append a.evs
	EVS_EVENT_ID=second reply 0 <<<1
	is "$(evs cat a.evs --last 1 | jq -r .causationId)" second
	EVS_EVENT_ID=second reply 0 --to first <<<1
	is "$(evs cat a.evs --last 1 | jq -r .causationId)" first
	EVS_EVENT_ID= reply 2 <<<1
	err_is 'evs-reply: --to is missing: the eventId of the request; a handler of evs consume has it in EVS_EVENT_ID'
	unset EVS_EVENT_ID
	reply 2 <<<1
	is "$(count a.evs)" 4
}

@test "a reply that cannot be printed is a failure" {
	a_store
	"$EVS_BIN/evs" request a.evs --type x --timeout 60s >/dev/full 2>err </dev/null 3>&- &
	asker=$!
	wait_for asked 1
	reply 0 --to "$(of_request .eventId | tr -d '"')" <<<1
	ends 1 $asker
	is "$(cat err)" 'evs-request: cannot write: No space left on device'
}

@test "the sample asks and answers" {
	EVS_BIN=$EVS_BIN ran 0 "$ROOT/samples/request-reply"
	out_has '"eventType":"price.told"'
	for n in 10 20; do
		out_has "$n apple: {\"item\":\"apple\",\"price\":$n}"
		out_has "$n pear: {\"item\":\"pear\",\"price\":$((2 * n))}"
		out_has "$n plum: {\"item\":\"plum\",\"price\":$((3 * n))}"
	done
	out_has $'exit 124\n'
	out_has '"duplicate":true'
	out_has $'exit 4\n'
	out_has $'7 price.asked\n7 price.told\n1 shop.opened\n1 stock.asked\n1 stock.asked.reply\n'
	err_has 'another reply already'
}
