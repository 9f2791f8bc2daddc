#!/bin/bash
# run.sh [LOGS]: run test suites and add up their results.
#
# Standard input has a suite a line: a name and a command for sh. A suite's last line of output is
# "N passed, N failed, N skipped"; one that dies, runs longer than TEST_TIMEOUT seconds or prints
# no such line counts as one failure. The outputs are kept in the folder LOGS; of those of failed
# suites the lines that say FAILED and the end are shown. The very last line is the total.
set -u
logs=${1:-build/test-logs}
limit=${TEST_TIMEOUT:-900}
mkdir -p "$logs"

passed=0 failed=0 skipped=0 table=
while read -r name command; do
	[[ -z $name || $name == '#'* ]] && continue
	log=$logs/${name//\//-}.log
	start=$SECONDS
	timeout --kill-after=20 "$limit" sh -c "$command" >"$log" 2>&1 </dev/null
	status=$?
	took=$((SECONDS - start))

	p=0 f=0 s=0 why=
	if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
	elif [[ $status == 0 ]]; then
		f=1 why='printed no result'
	fi
	if [[ $status == 124 || $status == 137 ]]; then
		f=$((f + 1)) why="stopped after $limit s"
	elif [[ $status != 0 && $f == 0 ]]; then
		f=1 why="exit status $status"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))

	if [[ $f == 0 ]]; then
		printf '  ok      %s (%d s)\n' "$name" "$took"
	else
		printf '  FAILED  %s (%d s)%s\n' "$name" "$took" "${why:+: $why}"
		printf -- '---- %s\n' "$command"
		grep -nE '^(FAILED|not ok)|: (FAILED|AddressSanitizer|ThreadSanitizer|runtime error)' "$log" | head -n 40
		printf -- '---- its end\n'
		tail -n 200 "$log"
		printf -- '---- all of it: %s\n' "$log"
	fi
	table+=$(printf '%-28s %6d passed %4d failed %4d skipped %5d s  %s' "$name" "$p" "$f" "$s" "$took" "$why")$'\n'
done

printf '\n%s\n' "$table"
if ((passed + failed + skipped == 0)); then
	echo 'no suite was run' >&2
	failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
