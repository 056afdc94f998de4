# What the samples have in common, read by each at its beginning: the tools, a folder of its own that goes when it ends, and
# commands that are shown before they are run.
set -eu
samples=$(cd "$(dirname "$0")" && pwd)
PATH=$(cd "${EVS_BIN:-$samples/../build/bin}" && pwd):$PATH
folder=$(mktemp -d)
started=
trap 'end_children; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$folder"

end_children() {
	for child in $started; do
		kill "$child" 2>/dev/null || :
	done
	wait
}

say() {
	printf '\n# %s\n' "$*"
}

# run COMMAND-LINE: show it, and have a shell run it.
run() {
	printf '$ %s\n' "$*"
	sh -c "$*"
}

# start COMMAND-LINE: in the background; $! is its process. One that is there at the end is told to end.
start() {
	printf '$ %s &\n' "$*"
	sh -c "exec $*" &
	started="$started $!"
}

# ended PID: wait for one that was started; what it ended with.
ended() {
	status=0
	wait "$1" || status=$?
	echo "exit $status"
}

# until_so COMMAND-LINE: wait until it succeeds, for a minute at most.
until_so() {
	tries=0
	until sh -c "$*" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries = 1200 ]; then
			echo "waited in vain for: $*" >&2
			exit 1
		fi
		sleep 0.05
	done
}
