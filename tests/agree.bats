# Odd events in odd amounts, wherever a store keeps them: evs must agree with a plain list. tests/agree/README.md says what is tried.
load helper

@test "appends, selectors, counts, states and copies of random stores are what a plain list has" {
	local seed
	for seed in $(seq "${SEED:-7}" $((${SEED:-7} + $(size 0 2)))); do
		ran 0 timeout $((PATIENCE * 10)) python3 -B "$ROOT/tests/agree/agree.py" "$seed" 2 $(size 800 3000)
		out_has 'no disagreement'
		echo "# $output" >&3
	done
}
