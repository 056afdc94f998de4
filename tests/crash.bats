# The power goes, and calls fail: tests/crash. Short here; all of it with EVS_TEST_LONG.
load helper

long=${LONG:+--long}
export BUILD=${EVS_BIN%/bin}

setup_file() {
	[ -x "$BUILD/crash/replay" ] || { echo 'make crash builds what this needs' >&2; false; }
}

# survives SCRIPT WORKLOAD...: no findings; what was counted is shown. In the long run all workloads.
survives() {
	local script=$1
	shift
	[ -z "$long" ] || set --
	try "$ROOT/tests/crash/$script" $long "$@"
	[ "$status" = 0 ] || fail "tests/crash/$script $long $* fails"
	grep -E '^(power cuts|errors): [1-9]' <<<"$output" | sed 's/^/# /' >&3
}

@test "a power cut loses nothing that was acknowledged, and leaves a whole store" {
	survives run single pipe killed emit project dlq backup
}

@test "without syncs much is lost, and the test says so" {
	for workload in single backup; do
		try env MUTATE=--ignore-sync "$ROOT/tests/crash/run" $workload
		[ "$status" = 1 ] || fail "nothing is lost by $workload"
		out_has FOUND
	done
}

@test "a call that fails is said, the store stays whole, and the next run does what is left" {
	survives errors new append emit project backup
}

# emits_once OPTION...: a group that is consumed with these emits once for each event, also where a member is killed in its commit.
emits_once() {
	local n status emit='while read -r line; do id=${line#*\"eventId\":\"}; echo "{\"eventType\":\"made\",\"causationId\":\"${id%%\"*}\"}"; done'
	for n in $(seq 12); do
		rm -f a.evs a.evs-lock
		events 6 t | quiet evs append a.evs
		# While another has the store open, nobody looks anew at which commit is the last.
		"$EVS_BIN/evs" cat -f a.evs --marker >reached 2>/dev/null 3>&- &
		wait_for lines_in reached 7
		: >log
		status=0
		CRASH_ROOT=$PWD CRASH_LOG=$PWD/log CRASH_FAIL=write:$n:-1 LD_PRELOAD=$BUILD/crash/shim.so \
			"$EVS_BIN/evs" consume a.evs g --type t "$@" --limit 2 --emit -- sh -c "$emit" || status=$?
		[ "$status" = 137 ] || break
		consume 0 g --type t "$@" --emit -- sh -c "$emit"
		is "$(evs cat a.evs --type made | jq -r .causationId | sort | paste -sd' ')" 't-1 t-2 t-3 t-4 t-5 t-6'
		kill $!
	done
	[ "$n" -gt 3 ] || fail "no commit was reached"
}

@test "a group that emits does so once, also where a member is killed in its commit" {
	emits_once
}

@test "likewise for several events at once" {
	emits_once --batch 2
}

@test "likewise where they are tried again: another member takes them when the first is killed in its commit" {
	local n status first killed=0 emit='while read -r line; do id=${line#*\"eventId\":\"}; echo "{\"eventType\":\"made\",\"causationId\":\"${id%%\"*}\"}"; done'
	for n in 1 2 3; do
		rm -f a.evs a.evs-lock
		for i in 1 2 3 4 5 6; do echo "{\"eventId\":\"t-$i\",\"eventType\":\"t\",\"aggregateId\":\"s$i\"}"; done | quiet evs append a.evs
		ran 124 timeout 0.5 "$EVS_BIN/evs" consume a.evs g --type t --batch 6 --emit --max-retries 9 --initial-delay 1s -- false
		: >log
		CRASH_ROOT=$PWD CRASH_LOG=$PWD/log CRASH_FAIL=write:$n:-1 LD_PRELOAD=$BUILD/crash/shim.so \
			"$EVS_BIN/evs" consume a.evs g --type t --batch 2 --limit 2 --emit --max-retries 9 --initial-delay 1s -- sh -c "$emit" 2>/dev/null 3>&- &
		first=$!
		sleep 0.3
		"$EVS_BIN/evs" consume a.evs g --type t --batch 6 --emit --max-retries 9 --initial-delay 1s -- sh -c "$emit" 2>/dev/null 3>&- &
		status=0
		wait "$first" || status=$?
		wait
		is "$(evs cat a.evs --type made | jq -r .causationId | sort | paste -sd' ')" 't-1 t-2 t-3 t-4 t-5 t-6'
		[ "$status" != 137 ] || killed=$((killed + 1))
	done
	[ $killed -gt 0 ] || fail "no commit was reached"
}
