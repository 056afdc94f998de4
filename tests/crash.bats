# The power goes, and calls fail: tests/crash. Short here; all of it with EVS_TEST_LONG.
load helper

long=${EVS_TEST_LONG:+--long}
export BUILD=${EVS_BIN%/bin}

setup_file() {
	[ -x "$BUILD/crash/replay" ] || { echo 'make crash builds what this needs' >&2; false; }
}

# survives SCRIPT WORKLOAD...: no findings; what was counted is shown. In the long run all workloads.
survives() {
	local script=$1
	shift
	[ -z "$long" ] || set --
	run --separate-stderr "$ROOT/tests/crash/$script" $long "$@"
	[ "$status" = 0 ] || fail "tests/crash/$script $long $* fails"
	grep -E '^(power cuts|errors): [1-9]' <<<"$output" | sed 's/^/# /' >&3
}

@test "a power cut loses nothing that was acknowledged, and leaves a whole store" {
	survives run single pipe killed emit project dlq backup
}

@test "without syncs much is lost, and the test says so" {
	for workload in single backup; do
		run --separate-stderr env MUTATE=--ignore-sync "$ROOT/tests/crash/run" $workload
		[ "$status" = 1 ] || fail "nothing is lost by $workload"
		out_has FOUND
	done
}

@test "a call that fails is said, the store stays whole, and the next run does what is left" {
	survives errors new append emit project backup
}
