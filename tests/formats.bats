# What events can look like outside: --map, --format in and out.
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	cat >in <<-'END'
		{"eventType":"order.placed","eventId":"e1","timestamp":"2026-05-14T10:30:00Z","aggregateId":"42","aggregateType":"Order","version":2,"source":"/web","correlationId":"c","causationId":"d","tags":["x","y\"z"],"data":{"total":29.90,"n":12345678901234567890,"list":[],"s":"é\n"},"metadata":{"user":1},"own":[1e400]}
		{"eventType":"ping","eventId":"0190c2a7-7e5b-7000-8000-000000000001","timestamp":"2026-05-14T10:30:01+02:00"}
	END
	evs append a.evs in
}

# Without what the store adds.
bare() {
	sed 's/,"position":.*}$/}/'
}

@test "--format json is the default" {
	evs cat a.evs >default
	ran 0 evs cat a.evs --format json
	out_is "$(cat default)"
	is "$(bare <default)" "$(cat in)"
}

@test "--format pretty is the same, set out; in colour on a terminal alone" {
	evs cat a.evs --format pretty >pretty
	is "$(jq -c . pretty | jq -c 'del(.recordedAt,.own)')" "$(evs cat a.evs | jq -c 'del(.recordedAt,.own)')"
	is "$(head -n 2 pretty)" $'{\n  "eventType": "order.placed",'
	grep -qx '    "total": 29.90,' pretty
	grep -qx '    "list": \[\],' pretty
	! grep -q $'\e' pretty
	ran 0 on_terminal evs cat a.evs --format pretty
	out_has $'\e['
	is "$(sed $'s/\e\\[[0-9;]*m//g' <<<"$output")" "$(cat pretty)"
	NO_COLOR=1 ran 0 on_terminal evs cat a.evs --format pretty
	out_is "$(cat pretty)"
	NO_COLOR='' ran 0 on_terminal evs cat a.evs --format pretty
	out_has $'\e['
	EVS_TEST_TERM=dumb ran 0 on_terminal evs cat a.evs --format pretty
	out_is "$(cat pretty)"
	ran 0 on_terminal evs cat a.evs
	[[ $output != *$'\e'* ]] || fail "json in colour"
}

@test "--format data prints the payload alone" {
	shows '{"total":29.90,"n":12345678901234567890,"list":[],"s":"é\n"}
null' a.evs --format data
}

@test "--format cloudevents gives CloudEvents 1.0" {
	ran 0 evs cat a.evs --format cloudevents
	err_is ''
	is "$(sed 's/"recordedat":"[^"]*"/"recordedat":"T"/' <<<"$output")" '{"specversion":"1.0","type":"order.placed","id":"e1","time":"2026-05-14T10:30:00Z","subject":"42","aggregatetype":"Order","eventversion":2,"source":"/web","correlationid":"c","causationid":"d","tags":"[\"x\",\"y\\\"z\"]","data":{"total":29.90,"n":12345678901234567890,"list":[],"s":"é\n"},"metadata":"{\"user\":1}","own":[1e400],"position":1,"revision":1,"recordedat":"T"}
{"specversion":"1.0","type":"ping","id":"0190c2a7-7e5b-7000-8000-000000000001","time":"2026-05-14T10:30:01+02:00","source":"urn:evs:none","position":2,"recordedat":"T"}'
}

@test "CloudEvents go out and in and are the same events" {
	evs cat a.evs --format cloudevents >ce
	quiet evs append b.evs --format cloudevents ce
	is "$(evs cat b.evs | bare)" "$(cat in)"
	# Into the store they came from they are nothing new.
	quiet evs append a.evs --format cloudevents ce
	is "$(count a.evs)" 2
}

@test "append --format cloudevents reads what others write" {
	cat >ce <<-'END'
		{"specversion":"1.0","type":"com.github.pull_request.opened","source":"https://github.com/cloudevents","subject":"123","id":"A234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"datacontenttype":"text/xml","data":"<much wow=\"xml\"/>"}
		{"specversion":"1.0","type":"t","source":"s","id":"B","time":null,"data_base64":"eA=="}
	END
	quiet evs append c.evs --format cloudevents ce
	shows '{"eventType":"com.github.pull_request.opened","source":"https://github.com/cloudevents","aggregateId":"123","eventId":"A234","timestamp":"2018-04-05T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"datacontenttype":"text/xml","data":"<much wow=\"xml\"/>"}' \
		c.evs --limit 1 --fields .eventType,.source,.aggregateId,.eventId,.timestamp,.comexampleextension1,.comexampleothervalue,.datacontenttype,.data
	shows '{"data_base64":"eA==","eventId":"B"}' c.evs --from 2 --fields .data_base64,.eventId
	ran 1 evs append c.evs --format cloudevents in
	err_has "evs-append: in: line 1: no CloudEvents 1.0: 'specversion' is not \"1.0\""
	while IFS='|' read -r event message; do
		ran 1 evs append c.evs --format cloudevents <<<"$event"
		err_has "line 1: no CloudEvents 1.0: $message"
	done <<-'END'
		{"specversion":"1.0","type":"t","source":"s"}|'id' is missing
		{"specversion":"1.0","type":"t","id":"1","source":null}|'source' is missing
		{"specversion":"1.0","type":"t","id":"1","source":"s","data":1,"data_base64":"eA=="}|'data' and 'data_base64' exclude each other
	END
	echo '{"specversion":"1.0","type":"t","source":"s","data":1}' | quiet evs append e.evs --format cloudevents --event-id hash
	echo '{"specversion":"1.0","type":"t","id":"1"}' | quiet evs append e.evs --format cloudevents --source mine
	ran 1 evs append c.evs <ce
	err_has "'eventType' is missing"
	quiet evs append d.evs --format ndjson in
}

@test "own fields with the names of attributes, and attributes with the names of fields, go out and in" {
	echo '{"eventType":"t","eventId":"2","timestamp":"2026-01-01T00:00:00Z","id":"own","time":5,"specversion":"9","evsid":1}' >in
	quiet evs append c.evs in
	evs cat c.evs --format cloudevents >ce
	is "$(jq -c '[.id,.time,.specversion,.evsid,.evstime,.evsspecversion,.evsevsid]' ce)" '["2","2026-01-01T00:00:00Z","1.0","own",5,"9",1]'
	quiet evs append d.evs --format cloudevents ce
	is "$(evs cat d.evs | bare)" "$(cat in)"
	echo '{"specversion":"1.0","id":"A","source":"/s","type":"x","time":"2026-01-01T00:00:00Z","version":"3","tags":"foo","data":1}' >ce
	quiet evs append e.evs --format cloudevents ce
	is "$(evs cat e.evs --format cloudevents | jq -c 'del(.position,.recordedat)')" "$(jq -c . ce)"
	shows '{"ce-version":"3","ce-tags":"foo"}' e.evs --fields '.["ce-version"],.["ce-tags"]'
}

@test "a CloudEvents extension cannot pass for a field of the envelope" {
	for name in eventType eventId timestamp aggregateId aggregateType position recordedAt correlationId; do
		rm -f [de].evs [de].evs-lock
		echo '{"specversion":"1.0","type":"t","source":"s","id":"1","subject":"42","'$name'":"2026-05-14T10:30:00Z"}' >ce
		evs append d.evs --format cloudevents ce || [ $? = 1 ]
		is "$(evs verify d.evs 2>/dev/null)" ''
		evs cat d.evs | evs append e.evs
		evs cat d.evs >out
		python3 -c '
import json
def pairs(list):
    assert len(list) == len(dict(list)), list
    return dict(list)
for line in open("out"): json.loads(line, object_pairs_hook=pairs)'
	done
}

@test "--format msgpack gives the same values to a decoder of MessagePack" {
	evs cat a.evs --format msgpack >packed
	cat >decode.py <<-'END'
		import json, struct, sys
		try:
		    from msgpack import Unpacker
		    values = list(Unpacker(sys.stdin.buffer))
		except ImportError:
		    bytes, at = sys.stdin.buffer.read(), 0
		    def take(n):
		        global at
		        at += n
		        assert at <= len(bytes)
		        return bytes[at - n:at]
		    def number(f):
		        return struct.unpack(">" + f, take(struct.calcsize(f)))[0]
		    def string(n):
		        return take(n).decode()
		    def array(n):
		        return [value() for _ in range(n)]
		    def map(n):
		        return {value(): value() for _ in range(n)}
		    def value():
		        head = number("B")
		        if head < 0x80: return head
		        if head < 0x90: return map(head & 15)
		        if head < 0xa0: return array(head & 15)
		        if head < 0xc0: return string(head & 31)
		        if head >= 0xe0: return head - 256
		        if head in (0xc0, 0xc2, 0xc3): return {0xc0: None, 0xc2: False, 0xc3: True}[head]
		        if 0xca <= head <= 0xd3: return number("fdBHIQbhiq"[head - 0xca])
		        if 0xd9 <= head <= 0xdb: return string(number("BHI"[head - 0xd9]))
		        if 0xdc <= head <= 0xdd: return array(number("HI"[head - 0xdc]))
		        if 0xde <= head <= 0xdf: return map(number("HI"[head - 0xde]))
		        raise ValueError(hex(head))
		    values = []
		    while at < len(bytes): values.append(value())
		for v in values: print(json.dumps(v, ensure_ascii=False, separators=(",", ":")))
	END
	python3 decode.py <packed >decoded
	# Digits that no float holds are a string.
	is "$(cat decoded)" "$(evs cat a.evs | sed 's/1e400/"1e400"/; s/29\.90/29.9/')"
	for n in 0 1 -1 127 128 255 256 65535 65536 4294967296 -32 -33 -129 -32769 -2147483649 -9223372036854775808 18446744073709551615 0.5 -1.5e-7 0.0 123456789012.25; do
		echo '{"eventType":"n","data":['$n']}'
	done >numbers
	quiet evs append n.evs numbers
	evs cat n.evs --format msgpack | python3 decode.py | jq -c .data >got
	jq -c .data numbers >wanted
	cmp got wanted
	seq -f '{"eventType":"long","data":"%030.0f"}' 40 | jq -c '.data *= 3000' | evs append l.evs
	is "$(evs cat l.evs --format msgpack | python3 decode.py | jq -r .data | md5sum)" "$(evs cat l.evs | jq -r .data | md5sum)"
}

@test "--format table is for people" {
	ran 0 evs cat a.evs --format table
	err_is ''
	out_is 'position  timestamp                  eventType     stream    data
       1  2026-05-14T10:30:00Z       order.placed  Order/42  {"total":29.90,"n":12345678901234567890,"list":[],"s":"é\n"}
       2  2026-05-14T10:30:01+02:00  ping                    '
	shows 'eventType     data.total  tags[1]
order.placed       29.90  y"z
ping                      ' a.evs --format table --fields .eventType,.data.total,.tags[1]
	# It fits the terminal, and what it shows cannot command it.
	echo '{"eventType":"\u001b[31mred\u0007","data":"'"$(printf 'wide %.0s' $(seq 60))"'"}' | evs append a.evs
	ran 0 on_terminal --columns 80 evs cat a.evs --format table
	[[ $output != *$'\e[31m'* && $output != *$'\a'* ]] || fail "control characters reach the terminal"
	[ "$(wc -L <<<"$output")" -le 80 ] || fail "wider than the terminal"
	out_has …
	is "$(wc -l <<<"$output")" 4
	ran 2 evs cat a.evs --format table --fields .a..b
	ran 0 evs cat a.evs --format table --type none
	out_is ''
}

@test "--map makes events of foreign JSON" {
	cat >log <<-'END'
		{"kind":"login","user":{"id":9,"tags":["a b"]},"at":"2026-05-14T10:30:00Z","v":3}
		{"kind":"logout","user":{},"at":null}
	END
	quiet evs append m.evs --map 'eventType=.kind,aggregateId=.user.id,timestamp=.at,version=.v,tags=.user["tags"]' log
	shows '{"eventType":"login","aggregateId":"9","timestamp":"2026-05-14T10:30:00Z","version":3,"tags":["a b"],"data":{"kind":"login","user":{"id":9,"tags":["a b"]},"at":"2026-05-14T10:30:00Z","v":3}}' \
		m.evs --limit 1 --fields .eventType,.aggregateId,.timestamp,.version,.tags,.data
	shows '{"eventType":"logout","data":{"kind":"logout","user":{},"at":null}}' m.evs --from 2 --fields .eventType,.aggregateId,.version,.tags,.data
	quiet evs append n.evs --map 'eventType=.kind,data=.user' --type x log
	shows $'{"data":{"id":9,"tags":["a b"]}}\n{"data":{}}' n.evs --fields .data
}

@test "--map with options and --event-id hash is an import that can be run again" {
	printf '%s\n' '{"n":1}' '{"n":2}' >log
	for i in 1 2 3; do
		quiet evs append m.evs --map aggregateId=.n --type counted --aggregate-type N --event-id hash log
	done
	shows $'{"eventType":"counted","aggregateType":"N","aggregateId":"1","data":{"n":1}}\n{"eventType":"counted","aggregateType":"N","aggregateId":"2","data":{"n":2}}' \
		m.evs --fields .eventType,.aggregateType,.aggregateId,.data
}

@test "wrong maps are refused before anything is appended" {
	while IFS='|' read -r map message; do
		ran 2 evs append w.evs --map "$map" in
		out_is ''
		err_has "$message"
	done <<-'END'
		kind=.a|'kind' is no field of the envelope
		eventType|'eventType' lacks its path; write eventType=.path,...
		aggregateId=.a,eventType|'eventType' lacks its path
		eventType=kind|no path at
		eventType=.|names no field
		position=.a|'position' is no field of the envelope
		eventType=.a[|no path at
		eventType=.a,aggregateId=.b,eventType=.b|'eventType' is there twice
	END
	ran 2 evs append w.evs --map eventType=.a --format cloudevents in
	err_has "--map and --format cloudevents exclude each other"
	ran 1 evs append w.evs --map eventType=.gone in
	err_has "line 1: nothing at .gone: field 'eventType' is missing; every event needs one, or give eventType=.path in --map, or --type"
	# What is wrong in a line is said with the path that led there.
	echo '{"a":"x","b":{"at":[1700000000]},"c d":{}}' >wrong
	ran 1 evs append w.evs --map 'eventType=.a,timestamp=.b.at[0]' wrong
	err_has "line 1: at .b.at[0]: field 'timestamp' must be an RFC 3339 string such as 2026-05-14T10:30:00Z, not a number"
	ran 1 evs append w.evs --map 'eventType=.a,aggregateId=.["c d"]' wrong
	err_has "line 1: at .[\"c d\"]: field 'aggregateId' must be a string, not an object"
	[ ! -e w.evs ] || is "$(count w.evs)" 0
}

@test "unknown formats are refused" {
	ran 2 evs cat a.evs --format xml
	err_is "evs-cat: option '--format' is one of json, pretty, cloudevents, msgpack, data, table, not 'xml'"
	ran 2 evs append a.evs --format json in
	err_is "evs-append: option '--format' is one of ndjson, cloudevents, not 'json'"
	ran 2 evs append a.evs --event-id random in
	err_has "is one of hash, uuid"
	ran 2 evs stat a.evs --format xml
	ran 2 evs stat a.evs --by colour
}
