#!/bin/sh
# check_isa.sh FILE.o...: only objects named for an instruction set may hold its code. One AVX
# instruction elsewhere kills the program on a CPU without it.
case $(uname -m) in
x86_64) ;;
*)
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
	;;
esac

passed=0 failed=0
for object; do
	case $object in *_avx2.o | *_avx512.o | *_vnni.o) continue ;; esac
	# VEX and EVEX encodings: names that begin with v, and the mask registers.
	found=$(objdump -d --no-show-raw-insn "$object" |
		grep -E '	(v[a-z0-9]+ .*%[xyz]mm|vzero|k[a-z]+ .*%k[0-7])' | head -n 3)
	if [ -n "$found" ]; then
		printf '%s has code that not every x86-64 runs:\n%s\n' "$object" "$found"
		failed=$((failed + 1))
	else
		passed=$((passed + 1))
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
