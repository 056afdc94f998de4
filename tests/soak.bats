# Processes that race and are killed: tests/soak. Short here; minutes of it with EVS_TEST_LONG.
load helper

export EVS_BIN BUILD=${EVS_BIN%/bin}
SOAK=$ROOT/tests/soak

setup_file() {
	[ -x "$BUILD/soak/client" ] || { echo 'make soak builds what this needs' >&2; false; }
}

# soak PROGRAM SHORT LONG: it finds nothing in so many seconds; what it counted is shown. SEED leaves other things to chance.
soak() {
	local seconds=${LONG:+$3}
	ran 0 "$SOAK/$1" "${seconds:-$2}" "${SEED:-1}"
	sed 's/^/# /' <<<"$output" >&3
}

@test "a history of appends, conditions and reads by racing clients is linearizable" {
	soak race 5 60
}

@test "whatever is killed when, nothing that was acknowledged is lost, and everything is done once" {
	soak storm 6 60
}

@test "histories that are not linearizable are refused, each for its reason" {
	local history
	ran 0 "$SOAK/judge" "$SOAK/histories/good"
	for history in "$SOAK"/histories/*; do
		[ "${history##*/}" != good ] || continue
		ran 1 "$SOAK/judge" "$history"
		out_has "$(sed -n 's/^# found: //p' "$history")"
	done
}

@test "a process that is killed while it is the first to open a store leaves nothing behind that others trip over" {
	events 3 a | quiet evs append a.evs
	rm a.evs-lock
	echo '{"eventType":"b"}' | LD_PRELOAD=$BUILD/soak/slow.so SLOW_US=30000000 "$EVS_BIN/evs-append" a.evs 3>&- &
	first=$!
	wait_for test -e a.evs-lock
	sleep 0.5 # until it is put aside
	for i in 1 2; do
		echo '{"eventType":"c"}' | "$EVS_BIN/evs-append" a.evs 3>&- &
		waiting[i]=$!
	done
	sleep 0.3
	kill -9 "$first"
	ends 0 "${waiting[1]}"
	ends 0 "${waiting[2]}"
	is "$(count a.evs)" 5
}
