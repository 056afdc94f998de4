# Two ways, one answer: evs against jq and Python on real logs (../shared/data, where it is there) and on logs made here.
load helper

# loans: loan applications of a bank; times with several offsets, types with spaces. Made once for all tests of this file.
setup_file() {
	cd "$BATS_FILE_TMPDIR"
	[ -e "$DATA/loans.ndjson.zst" ] || return 0
	shared_log loans >loans.ndjson
	evs append loans.evs --event-id hash loans.ndjson
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	for file in "$BATS_FILE_TMPDIR"/loans.*; do
		[ ! -e "$file" ] || [ "${file%-lock}" != "$file" ] || ln -s "$file" .
	done
}

needs_loans() {
	[ -e loans.evs ] || skip "no shared data: $DATA/loans.ndjson.zst"
}

# python PROGRAM [ARGUMENT...] over `all`, the events of loans.ndjson; `moment(e)` is an event's own time.
python() {
	python3 -c "
import datetime, json, sys, fnmatch
all = [json.loads(l) for l in open('loans.ndjson')]
def moment(e): return datetime.datetime.fromisoformat(e['timestamp'].replace('Z', '+00:00'))
def time(t): return datetime.datetime.fromisoformat(t)
def show(list):
    for e in list: print(json.dumps(e, ensure_ascii=False, separators=(',', ':')))
$1" "${@:2}"
}

# own cat-ARGUMENTS...: the events as they went in: without what append and the store add.
own() {
	evs cat loans.evs "$@" | LC_ALL=C sed 's/,"eventId":"[^"]*","position":[0-9]*,"revision":[0-9]*,"recordedAt":"[^"]*"}$/}/'
}

@test "all events come out as they went in" {
	needs_loans
	own >out
	python 'show(all)' >wanted
	cmp wanted out
	is "$(evs stat loans.evs | jq .events)" "$(wc -l <loans.ndjson)"
	ran 0 evs verify loans.evs
}

@test "a second append with --event-id hash adds nothing" {
	needs_loans
	cp --remove-destination "$(readlink loans.evs)" loans.evs
	quiet evs append loans.evs --event-id hash loans.ndjson
	is "$(evs stat loans.evs | jq .events)" "$(wc -l <loans.ndjson)"
	zstd -qc loans.ndjson | zstd -dqc | evs append loans.evs --event-id hash
	is "$(evs stat loans.evs | jq .events)" "$(wc -l <loans.ndjson)"
}

@test "stat --by type agrees with jq" {
	needs_loans
	jq -r .eventType loans.ndjson | LC_ALL=C sort | LC_ALL=C uniq -c | sed -E 's/^ *([0-9]+) /\1 /' >wanted
	evs stat loans.evs --by type | jq -r '"\(.events) \(.type)"' >got
	cmp wanted got
	is "$(evs stat loans.evs | jq -c '[.types,.streams]')" "[36,$(jq -r .aggregateId loans.ndjson | sort -u | wc -l)]"
}

@test "stat --by stream and day agree with Python" {
	needs_loans
	python 'import collections
c = collections.Counter((e["aggregateType"], e["aggregateId"]) for e in all)
for key in sorted(c): print(*key, c[key])' >wanted
	evs stat loans.evs --by stream | jq -r '"\(.aggregateType) \(.stream) \(.events)"' >got
	cmp wanted got
	python 'import collections
c = collections.Counter(moment(e).astimezone(datetime.timezone.utc).date().isoformat() for e in all)
for key in sorted(c): print(key, c[key])' >wanted
	evs stat loans.evs --by day | jq -r '"\(.day) \(.events)"' >got
	cmp wanted got
}

@test "--stream agrees with jq, for streams small and large" {
	needs_loans
	for id in $(python 'import collections
c = collections.Counter(e["aggregateId"] for e in all).most_common()
for i in 0, 1, 100, len(c) // 2, len(c) - 1: print(c[i][0])'); do
		jq -c --arg id "$id" 'select(.aggregateId == $id)' loans.ndjson >wanted
		own --stream "$id" >got
		cmp wanted got
		is "$(evs cat loans.evs --stream "$id" | jq .revision | paste -sd' ')" "$(seq -s' ' "$(wc -l <wanted)")"
	done
	own --stream no-such-stream >got
	[ ! -s got ]
}

@test "--type agrees with Python's fnmatch" {
	needs_loans
	globs=('W_*' 'A_*ED.*' '?_[A-M]*' 'O_SENT_BACK.COMPLETE' 'W_Nabellen incomplete*' '*.START' '[!W]_*')
	python "
for n, glob in enumerate(sys.argv[1:]):
    with open('wanted.%d' % n, 'w') as sys.stdout: show(e for e in all if fnmatch.fnmatchcase(e['eventType'], glob))" "${globs[@]}"
	for n in "${!globs[@]}"; do
		[ -s wanted.$n ] || fail "nothing is like ${globs[n]}"
		own --type "${globs[n]}" | cmp wanted.$n -
	done
	own --type A_SUBMITTED.COMPLETE -t O_SENT.COMPLETE | cmp <(jq -c 'select(.eventType == ("A_SUBMITTED.COMPLETE", "O_SENT.COMPLETE"))' loans.ndjson) -
}

@test "--since and --until agree with Python over mixed offsets" {
	needs_loans
	is "$(grep -oE '"timestamp":"[^"]*"' loans.ndjson | grep -oE '[+-]..:.."$' | sort -u | wc -l)" 2
	ranges=(
		'2011-10-30T00:00:00.000+02:00 2011-10-30T04:00:00.000+01:00'
		'2011-10-01T00:00:00.000Z 2011-10-31T23:59:59.999Z'
		'2012-03-01T00:00:00.000-05:00 2012-03-02T23:00:00.000+02:00'
		'2011-12-24T18:00:00.123+09:00 2012-01-02T06:00:00.456-03:00'
		'2011-10-30T02:00:00.000+01:00 2011-10-30T10:00:00.000+01:00'
		'2011-11-11T00:00:00.000Z 2011-11-11T23:59:59.999Z'
	)
	python "
for n, line in enumerate(sys.argv[1:]):
    since, until = (time(t.replace('Z', '+00:00')) for t in line.split())
    with open('wanted.%d' % n, 'w') as sys.stdout: show(e for e in all if since <= moment(e) <= until)" "${ranges[@]}"
	for n in "${!ranges[@]}"; do
		[ -s wanted.$n ] || fail "nothing is in ${ranges[n]}"
		own --since "${ranges[n]% *}" --until "${ranges[n]#* }" | cmp wanted.$n -
	done
	own --since 2011-11-11 --until 2011-11-11 | cmp wanted.5 -
}

@test "--last, --reverse and --limit agree with head, tail and tac" {
	needs_loans
	ln -s loans.ndjson wanted
	own --last 12345 | cmp - <(tail -n 12345 wanted)
	own --reverse | cmp - <(tac wanted)
	own --limit 40000 | cmp - <(head -n 40000 wanted)
	own --reverse --limit 40000 | cmp - <(tac wanted | head -n 40000)
	own --last 1000 --limit 10 | cmp - <(tail -n 1000 wanted | head -n 10)
	own --from 40001 --to 40100 | cmp - <(sed -n 40001,40100p wanted)
	own --type 'O_*' --last 50 --reverse | cmp - <(jq -c 'select(.eventType|startswith("O_"))' loans.ndjson | tail -n 50 | tac)
}

@test "shards share out all streams" {
	needs_loans
	for i in 1 2 3 4; do evs cat loans.evs --shard $i/4 --fields .position,.aggregateId >shard.$i; done
	sed 's/.*"position":\([0-9]*\).*/\1/' shard.? | sort -n | cmp - <(seq "$(wc -l <loans.ndjson)")
	is "$(for i in 1 2 3 4; do sed 's/.*"aggregateId":\("[^"]*"\).*/\1/' shard.$i | sort -u; done | sort | uniq -d | wc -l)" 0
}

@test "selected events copied to another store agree with those selected there" {
	needs_loans
	evs cat loans.evs --type 'A_*' | evs append b.evs
	cmp <(own --type 'A_*') <(evs cat b.evs | sed -E 's/,"eventId":"[0-9a-f-]{36}"(,"position":.*)$/\1/; s/,"position":.*$/}/')
	ran 0 evs verify b.evs
}

@test "fines: ties in time, money as strings" {
	needs_data fines
	quiet evs append f.evs --event-id hash fines.ndjson
	quiet evs append f.evs --event-id hash fines.ndjson
	is "$(evs stat f.evs | jq -c '[.events,.types,.streams]')" "[$(wc -l <fines.ndjson),11,$(jq -r .aggregateId fines.ndjson | sort -u | wc -l)]"
	evs cat f.evs --format data | cmp - <(jq -c .data fines.ndjson)
	evs stat f.evs --by type | jq -r '"\(.events) \(.type)"' | cmp - <(jq -r .eventType fines.ndjson | LC_ALL=C sort | uniq -c | sed -E 's/^ *//')
}

@test "ethereum: every integer comes back" {
	needs_data ethereum
	quiet evs append e.evs --event-id hash ethereum.ndjson
	evs cat e.evs | sed -E 's/,"eventId":"[0-9a-f-]{36}"(,"position":.*)$/\1/; s/,"position":.*$/}/' >out
	python3 - <<-'END'
	import json
	a, b = [json.loads(l) for l in open("ethereum.ndjson")], [json.loads(l) for l in open("out")]
	assert len(a) == 1272 and a == b
	def integers(v):
	    if isinstance(v, dict): return [n for x in v.values() for n in integers(x)]
	    if isinstance(v, list): return [n for x in v for n in integers(x)]
	    return [v] if isinstance(v, int) and not isinstance(v, bool) else []
	assert max(n.bit_length() for e in a for n in integers(e)) == 103
	END
	quiet evs append e.evs --event-id hash ethereum.ndjson
	is "$(evs stat e.evs | jq .events)" 1272
	ran 0 evs verify e.evs
}

@test "a log with every selector's fields agrees with jq" {
	python3 - >in <<-'END'
	import json, random
	random.seed(17)
	for i in range(30000):
	    e = {"eventType": random.choice(["order.placed", "order.paid", "ping"]), "eventId": "e%d" % i, "timestamp": "2026-05-%02dT%02d:00:00Z" % (random.randrange(1, 31), random.randrange(24))}
	    if random.random() < .9: e.update(aggregateId=str(random.randrange(300)), aggregateType="Order")
	    if random.random() < .5: e.update(correlationId="c%d" % random.randrange(1000), causationId="e%d" % random.randrange(i + 1), source=random.choice(["web", "app"]))
	    e["tags"] = random.sample(["vip", "web", "new", "old"], random.randrange(4))
	    print(json.dumps(e, separators=(",", ":")))
	END
	quiet evs append a.evs in
	while IFS='|' read -r arguments program; do
		eval "set -- $arguments"
		evs cat a.evs "$@" | sed 's/,"position":.*/}/' >got
		jq -c "select($program)" in >wanted
		cmp wanted got || fail "$arguments"
		[ -s wanted ] || fail "nothing: $arguments"
	done <<-'END'
		--correlation c7|.correlationId == "c7"
		--causation e5|.causationId == "e5"
		--event e29999|.eventId == "e29999"
		--source web --type 'order.*'|.source == "web" and (.eventType|startswith("order."))
		--tag vip|.tags|index("vip")
		--tag vip --tag old|(.tags|index("vip")) and (.tags|index("old"))
		--stream 17|.aggregateId == "17"
		--stream 17 --type ping --tag new|.aggregateId == "17" and .eventType == "ping" and (.tags|index("new"))
		--since 2026-05-10 --until 2026-05-11 --source app|.source == "app" and .timestamp >= "2026-05-10" and .timestamp < "2026-05-12"
	END
}
