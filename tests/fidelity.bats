# What goes in comes out: the same JSON value, in one canonical form.
load helper

# kept VALUE...: each comes back as data, byte for byte.
kept() {
	printf '{"eventType":"a","data":%s}\n' "$@" >in
	printf '%s\n' "$@" >wanted
	rm -f k.evs k.evs-lock
	quiet evs append k.evs in
	evs cat k.evs --format data >got
	diff wanted got
	# What is canonical stays so.
	evs cat k.evs | evs append k2.evs
	evs cat k2.evs --format data >got
	diff wanted got
	rm -f k2.evs*
}

# refused MESSAGE VALUE: as data it makes a bad line, and the store stays empty.
refused() {
	printf '{"eventType":"a","data":%b}\n' "$2" >in
	rm -f r.evs r.evs-lock
	ran 1 evs append r.evs in
	out_is ''
	[[ $stderr == "evs-append: in: line 1: "*"$1"* ]] || fail "no '$1' about $2"
	is "$(count r.evs)" 0
}

@test "numbers keep their digits" {
	kept 0 -0 1 -1 0.10 29.90 1E+2 1e2 1e400 -1e-400 0.0 -0.0 0e0 1.0 100 \
		123456789012345678901234567890 -123456789012345678901234567890 \
		9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 \
		18446744073709551615 18446744073709551616 3.141592653589793238462643383279502884197 \
		0.1000000000000000055511151231257827021181583404541015625 5e-324 1.7976931348623157e308
	kept "$(printf '9%.0s' $(seq 1000))" "0.$(printf '1%.0s' $(seq 5000))"
}

@test "strings keep every character" {
	kept '""' '"\u0000"' '"a\u0000b"' '"\""' '"\\"' '"é"' '"日本語"' '"😀"' '"𝄞"' '"\\u0041"' '"</script>"' '" "' '"퟿"' '"￿"' '"􏿿"'
	for i in $(seq 0 31); do
		case $i in
		8) escape='\b' ;; 9) escape='\t' ;; 10) escape='\n' ;; 12) escape='\f' ;; 13) escape='\r' ;;
		*) escape=$(printf '\\u%04x' "$i") ;;
		esac
		printf '{"eventType":"a","data":"x%sy","eventId":"%d"}\n' "$(printf '\\u%04X' "$i")" "$i" >>controls
		printf '"x%sy"\n' "$escape" >>controls.wanted
	done
	quiet evs append c.evs controls
	evs cat c.evs --format data | diff controls.wanted -
	evs cat c.evs | jq -c .data >/dev/null
}

@test "the spelling of escapes is normalised" {
	while IFS='|' read -r in out; do
		rm -f n.evs*
		echo '{"eventType":"a","data":'"$in"'}' | evs append n.evs
		is "$(evs cat n.evs --format data)" "$out"
	done <<-'END'
		"\u0041\u00e9\u20AC"|"Aé€"
		"\ud83d\ude00"|"😀"
		"\/"|"/"
		"\u002F\u0022\u005c"|"/\"\\"
		"\u0008\u000a\u001F"|"\b\n\u001f"
	END
	echo '{"eventType":"a","data":"\u007f"}' | evs append del.evs
	is "$(evs cat del.evs --format data)" $'"\x7f"'
}

@test "objects keep order, duplicate keys and empty keys" {
	kept '{"z":1,"a":2,"m":3}' '{"a":1,"a":2,"a":1}' '{"":1}' '{"":{"":[]},"":null}' '{"a":{},"b":[],"c":[{}]}' '{"a b":1,"a\"b":2,"\u0000":3}' '{"eventType":1,"eventId":2,"position":3,"data":4}'
	echo '{"zz":1,"eventType":"a","aa":{"y":1,"x":2},"zz":2,"eventId":"1","timestamp":"2026-05-14T10:30:00Z"}' >in
	quiet evs append o.evs in
	evs cat o.evs | sed 's/,"position".*/}/' | cmp - in
}

@test "white space goes, and the kinds of values stay" {
	printf ' {\t"eventType" :\r "a" , "data" : [ 1 ,\t{ } , [ ] , null,true ,false ] } \r\n' >in
	quiet evs append w.evs in
	shows '[1,{},[],null,true,false]' w.evs --format data
}

@test "512 levels are kept, 513 are refused" {
	deep() { python3 -c "print('{\"eventType\":\"a\",\"eventId\":\"$1$2\",\"data\":' + ('[' * $1 if '$2' == 'a' else '{\"k\":' * $1 + '1') + (']' if '$2' == 'a' else '}') * $1 + '}')"; }
	for kind in a o; do
		deep 512 $kind >in
		quiet evs append d.evs in
		is "$(evs cat d.evs --event 512$kind | sed 's/,"timestamp.*/}/')" "$(cat in)"
		deep 513 $kind >in
		ran 1 evs append d.evs in
		err_has "nested deeper than 512 levels"
		deep 100000 $kind >in
		ran 1 evs append d.evs in
	done
	is "$(count d.evs)" 2
	for format in pretty cloudevents msgpack data table; do
		evs cat d.evs --format $format >/dev/null
	done
}

@test "a line of 16 MiB is kept, a longer one refused with its number, and those behind it go on" {
	line() { python3 -c "head = '{\"eventType\":\"a\",\"eventId\":\"$2\",\"data\":\"'; print(head + 'x' * ($1 - len(head) - 2) + '\"}')"; }
	line $((16 << 20)) big >in
	is "$(wc -c <in)" $(((16 << 20) + 1))
	quiet evs append b.evs in
	is "$(evs cat b.evs --format data | wc -c)" "$(jq .data in | wc -c)"
	{ events 1 first; line $(((16 << 20) + 1)) big; events 1 then; line $((40 << 20)) big; echo bad; events 1 last; } >in
	ran 4 evs append c.evs --on-error skip in
	err_has "evs-append: in: line 2: "
	err_has "16 MiB"
	err_has "evs-append: in: line 4: "
	err_has "evs-append: in: line 5: "
	shows $'{"eventId":"first-1"}\n{"eventId":"then-1"}\n{"eventId":"last-1"}' c.evs --fields .eventId
	ran 1 evs append d.evs in
	err_has "line 2: "
	is "$(count d.evs)" 1
}

@test "what is no UTF-8 is refused" {
	for bytes in '\xff' '\xc3' '\xc3x' '\xc0\x80' '\xe0\x80\x80' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xf8\x88\x80\x80\x80' '\x80' '\xfe'; do
		refused 'column ' "\"a$bytes\""
		refused 'column ' "{\"$bytes\":1}"
	done
}

@test "lone surrogates are refused" {
	for escape in '\\ud800' '\\udfff' '\\ud800x' '\\ud800\\u0041' '\\ude00\\ud83d' '\\ud83d' '\\uD83D\\uD83D'; do
		refused 'column ' "\"$escape\""
		refused 'column ' "{\"$escape\":1}"
	done
}

@test "what is no JSON is refused with its column" {
	refused 'column 25' 01
	refused 'column 25' +1
	refused 'column 25' .5
	refused 'column 25' NaN
	refused 'column 25' Infinity
	refused 'column' 1.
	refused 'column' 1e
	refused 'column' -
	refused 'column' "'a'"
	refused 'column' '"\\x"'
	refused 'column' '"\\u12"'
	refused 'column' '"\t"'
	refused 'column' '[1,]'
	refused 'column' '{"a":1,}'
	refused 'column' '{a:1}'
	refused 'column' '[1 2]'
	refused 'column' 'tru'
	refused 'column' '1}{"a":1'
	refused 'column' '// comment'
	refused 'column' '[1] /* */'
}

@test "a byte order mark begins an input, and stands nowhere else" {
	printf '\xef\xbb\xbf{"eventType":"a","eventId":"1"}\n' >one
	printf '\xef\xbb\xbf{"eventType":"a","eventId":"2"}\n\xef\xbb\xbf{"eventType":"a","eventId":"3"}\n' >two
	quiet evs append b.evs one
	shows '{"eventType":"a","eventId":"1"}' b.evs --fields .eventType,.eventId
	ran 1 evs append b.evs one two
	err_has "evs-append: two: line 2: column 1"
	is "$(count b.evs)" 2
	printf '\xef\xbb\xbf' | evs append b.evs
	printf '\xef\xbb' >half
	ran 1 evs append b.evs half
	is "$(count b.evs)" 2
}

@test "CRLF, blank lines and a missing last newline make no difference" {
	printf '{"eventType":"a","eventId":"1"}\r\n\r\n \t\n\n{"eventType":"a","eventId":"2"}\r\n{"eventType":"a","eventId":"3"}' >in
	quiet evs append l.evs in
	shows $'{"eventId":"1"}\n{"eventId":"2"}\n{"eventId":"3"}' l.evs --fields .eventId
	printf '\n\n{"eventType":"a"}\n\r\nbad' >in
	ran 1 evs append l.evs in
	err_has "line 5: "
	is "$(count l.evs)" 4
}

@test "timestamps are kept as they were written" {
	for time in 2026-05-14T10:30:00Z 2026-05-14t10:30:00z 2026-05-14T10:30:00 '2026-05-14 10:30:00+02:00' 2026-05-14T10:30:00.123456789123Z 2016-12-31T23:59:60Z 0001-01-01T00:00:00Z 9999-12-31T23:59:59-12:00; do
		rm -f t.evs*
		echo '{"eventType":"a","timestamp":"'"$time"'"}' | evs append t.evs
		shows "{\"timestamp\":\"$time\"}" t.evs --fields .timestamp
	done
}

@test "ids of all shapes are kept" {
	for id in 0190c2a7-7e5b-7000-8000-0123456789ab 0190C2A7-7E5B-7000-8000-0123456789AB 00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff 0190c2a77e5b700080000123456789ab é "$(printf 'x%.0s' $(seq 255))" ' ' 0; do
		echo '{"eventType":"'"$id"'","eventId":"'"$id"'","aggregateId":"'"$id"'","aggregateType":"'"$id"'","correlationId":"'"$id"'","tags":["'"$id"'"],"data":{"'"$id"'":"'"$id"'"}}'
	done >in
	quiet evs append i.evs in
	evs cat i.evs | sed 's/,"timestamp".*/}/' | diff in -
	while read -r id; do
		is "$(evs cat i.evs --event "$id" --stream "$id" --type "$id" --correlation "$id" --tag "$id" --fields .eventId | jq -r .eventId)" "$id"
	done < <(jq -r .eventId in)
}

@test "any JSON that Python makes comes back" {
	python3 - >in <<-'END'
	import json, random
	random.seed(5)
	def text():
	    return "".join(chr(random.choice([random.randrange(0, 128), random.randrange(0, 0xd800), random.randrange(0xe000, 0x110000)])) for _ in range(random.randrange(12)))
	def value(depth):
	    kind = random.randrange(8 if depth < 5 else 6)
	    if kind == 0: return random.choice([None, True, False])
	    if kind == 1: return random.randrange(-2 ** random.randrange(1, 100), 2 ** random.randrange(1, 100))
	    if kind == 2: return random.uniform(-1, 1) * 10 ** random.randrange(-300, 300)
	    if kind < 6: return text()
	    if kind == 6: return [value(depth + 1) for _ in range(random.randrange(6))]
	    return {text(): value(depth + 1) for _ in range(random.randrange(6))}
	for i in range(3000):
	    print(json.dumps({"eventType": text() or "t", "data": value(0), "k" + text(): value(0)}, ensure_ascii=i % 2 == 0))
	END
	quiet evs append p.evs in
	evs cat p.evs >out
	python3 - <<-'END'
	import json
	def read(line): return json.loads(line, parse_float=str, parse_int=str)
	a, b = [read(l) for l in open("in", newline="\n")], [read(l) for l in open("out", newline="\n")]
	assert len(a) == len(b) == 3000
	for x, y in zip(a, b):
	    for key in "eventId", "timestamp", "position", "recordedAt":
	        del y[key]
	    assert x == y and list(x) == list(y), (x, y)
	END
	is "$(count p.evs)" 3000
}
