# What all bats files share. Tools come from EVS_BIN; each test has a fresh folder and is in it.
# A process that bats's shell starts costs several times what one of evs does, and there are thousands: what is here does without.
bats_require_minimum_version 1.5.0

ROOT=${BATS_TEST_DIRNAME%/*}
EVS_BIN=${EVS_BIN:-$ROOT/build/bin}
[[ $EVS_BIN == /* ]] || EVS_BIN=$PWD/$EVS_BIN
DATA=$ROOT/../shared/data
# Set where there is much time: tests/check --long. What is left to chance is tried more often then, and large logs are read in full.
LONG=${EVS_TEST_LONG:+1}
# A time limit for what must not hang. Sanitizers and full machines are slow.
PATIENCE=${EVS_TEST_PATIENCE:-60}
# The system's own tools first: a stand-in for python3 that chooses among versions takes ten times as long to start.
export PATH=$EVS_BIN:/usr/bin:/bin:$PATH LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR COLUMNS

# Expected numbers are as jq 1.6 prints them, 30.5; from 1.7 on it leaves them as they come, 30.50.
if [ "${EVS_TEST_JQ:=$(command jq -n 1.10)}" = 1.1 ]; then
	as_jq_has_it() { cat; }
else
	as_jq_has_it() { sed -E 's/(\.[0-9]*[1-9])0+([^0-9]|$)/\1\2/g; s/\.0+([^0-9]|$)/\1/g'; }
	jq() {
		command jq "$@" | as_jq_has_it
		return "${PIPESTATUS[0]}"
	}
fi

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# Children that a test left behind do not outlive it.
teardown() {
	[ -z "$!" ] || kill -9 $(jobs -p) 2>/dev/null || true
}

# size SHORT LONG: how much of something is tried.
size() {
	if [ -n "$LONG" ]; then echo "$2"; else echo "$1"; fi
}

# Say what is wrong, with what the last `try` gave, and fail.
fail() {
	printf '%s\n' "$@" >&2
	if [ -n "${status+x}" ]; then
		printf -- '--- status %s, stdout:\n%s\n--- stderr:\n%s\n---\n' "$status" "${output-}" "${stderr-}" >&2
	fi
	return 1
}

# try COMMAND...: run it. Then $status is how it ended, $output and $stderr are what it wrote, without the newlines at the end.
# As bats's own run, which takes five processes where this takes one.
try() {
	local flags=$-
	status=0
	set +eET
	if declare -F "$1" >/dev/null; then ("$@"); else "$@"; fi >"$BATS_TEST_TMPDIR.out" 2>"$BATS_TEST_TMPDIR.err" || status=$?
	read_whole output "$BATS_TEST_TMPDIR.out"
	read_whole stderr "$BATS_TEST_TMPDIR.err"
	set "-$flags"
}

# read_whole VARIABLE FILE: as VARIABLE=$(cat FILE), without a process; zero bytes are left out.
read_whole() {
	local IFS= parts text
	mapfile -d '' -t parts <"$2"
	text="${parts[*]}"
	printf -v "$1" %s "${text%"${text##*[!$'\n']}"}"
}

# ran STATUS COMMAND...: it must end with STATUS.
ran() {
	local wanted=$1
	shift
	try "$@"
	[ "$status" -eq "$wanted" ] || fail "status $status, not $wanted: $*"
}

# quiet COMMAND...: it ends with 0 and says nothing at all.
quiet() {
	ran 0 "$@"
	out_is ''
	err_is ''
}

out_is() {
	[ "$output" = "$1" ] || fail "stdout is not:" "$1"
}

err_is() {
	[ "$stderr" = "$1" ] || fail "stderr is not:" "$1"
}

out_has() {
	[[ $output == *"$1"* ]] || fail "stdout lacks: $1"
}

err_has() {
	[[ $stderr == *"$1"* ]] || fail "stderr lacks: $1"
}

# is GOT WANTED
is() {
	[ "$1" = "$2" ] || fail "it is:" "$1" "and not:" "$2"
}

# shows WANTED cat-ARGUMENTS...: cat ends with 0, WANTED on stdout and nothing on stderr.
shows() {
	local wanted=$1
	shift
	ran 0 evs cat "$@"
	out_is "$wanted"
	err_is ''
}

# positions "1 2 3" cat-ARGUMENTS...: cat selects these.
positions() {
	local wanted=$1
	shift
	ran 0 evs cat "$@" --fields .position
	err_is ''
	output=${output//[^0-9$'\n']/}
	is "${output//$'\n'/ }" "$wanted"
}

# events N [TYPE [STREAM]]: that many lines, with ids TYPE-1 and on.
events() {
	local n=$1 type=${2:-a} stream=${3:+",\"aggregateId\":\"$3\""}
	awk -v n="$n" -v type="$type" -v stream="$stream" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"eventType\":\"%s\",\"eventId\":\"%s-%d\",\"timestamp\":\"2026-05-14T10:30:00Z\"%s,\"data\":{\"n\":%d}}\n", type, type, i, stream, i
	}'
}

# count STORE: how many events it has, as verify and its last position say.
count() {
	evs verify "$1" >/dev/null 2>&1 || fail "verify finds damage in $1: $(evs verify "$1" 2>&1)" || return 1
	evs stat "$1" | sed -E 's/.*"events":([0-9]+).*/\1/'
}

# wait_for COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + PATIENCE))
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "waited in vain for: $*"
		sleep 0.01
	done
}

# consume STATUS GROUP [ARG...]: of a.evs.
consume() {
	local wanted=$1
	shift
	ran "$wanted" timeout 60 "$EVS_BIN/evs" consume a.evs "$@"
}

# lines_in FILE N: it has at least that many.
lines_in() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# ended PID: so that `wait PID` gives its status; false with a message when it does not end.
ended() {
	local end=$((SECONDS + PATIENCE))
	while kill -0 "$1" 2>/dev/null; do
		[ $SECONDS -lt $end ] || fail "process $1 does not end"
		sleep 0.01
	done
}

# ends STATUS PID: a child ends so.
ends() {
	ended "$2"
	status=0
	wait "$2" || status=$?
	is "$status" "$1"
}

# interruptible COMMAND... &: bash has its background jobs ignore SIGINT, and nohup what it starts SIGHUP; this one does not, and $! is its own id.
interruptible() {
	exec env --default-signal=INT,HUP "$@" 3>&-
}

# on_terminal COMMAND...: run it with a terminal of 100 columns as stdin, stdout and stderr; what it showed on stdout.
on_terminal() {
	python3 "$ROOT/tests/on_terminal.py" "$@"
}

# needs_data NAME: the log of that name as NAME.ndjson, or the test is skipped: these come with the machine, not the source.
needs_data() {
	[ -e "$DATA/$1.ndjson.zst" ] || skip "no shared data: $DATA/$1.ndjson.zst"
	shared_log "$1" >"$1.ndjson"
}

# shared_log NAME: the log. Of those of loans and fines, which are large, three streams in ten, each whole, but in the long run.
shared_log() {
	case $1$LONG in
	loans | fines) zstd -dqc "$DATA/$1.ndjson.zst" | grep -E '"aggregateId":"[A-Z0-9]*[234]"' ;;
	*) zstd -dqc "$DATA/$1.ndjson.zst" ;;
	esac
}

# within MEGABYTES COMMAND...: it succeeds, and takes no more memory than that; with sanitizers, which need their own, as much as it likes.
within() {
	local most=$1
	shift
	ran 0 python3 -c 'import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(status)' "$@"
	[ "$output" -le "$most" ] || [[ $EVS_BIN == */[at]san/bin ]] || fail "$1 $2 took $output MB"
}

# unprivileged COMMAND...: so that modes of files count.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}
