#!/bin/sh
# run.sh PACKAGE: what becomes of a Debian package: its form, and its life on a bare machine, from being installed to
# being purged. CONVD_FRESH_MACHINE names a program that runs a command in a new Debian, `fresh-machine --copy FOLDER --
# COMMAND`, with a copy of the folder at /src/NAME. Prints "N passed, N failed, N skipped" last.
set -u
cd "$(dirname "$0")/../.." || exit 1
package=$1
machine=${CONVD_FRESH_MACHINE:-../shared/tools/fresh-machine}
work=build/tests/package
passed=0 failed=0 skipped=0

good() { passed=$((passed + 1)) && echo "ok      $1"; }
bad() { failed=$((failed + 1)) && echo "FAILED  $1"; }
skip() { skipped=$((skipped + 1)) && echo "skipped $1"; }

rm -rf "$work"
mkdir -p "$work"

# Lintian's errors and warnings. That nobody has asked for the package in Debian is none.
if command -v lintian >/dev/null; then
	complaints=$(lintian --allow-root --tag-display-limit 0 --fail-on none \
		--suppress-tags initial-upload-closes-no-bugs "$package" 2>&1)
	if [ -z "$complaints" ]; then good lintian; else bad "lintian: $complaints"; fi
else
	skip 'lintian: not installed'
fi

# The same commit gives the same bytes.
first=$(sha256sum <"$package")
sleep 1 # another time of files
if make -s deb >/dev/null && [ "$(sha256sum <"$package")" = "$first" ]; then
	good 'made again, the same bytes'
else
	bad 'made again, other bytes'
fi

if [ ! -x "$machine" ]; then
	skip "a bare machine: no $machine"
elif [ "$(id -u)" != 0 ]; then
	skip 'a bare machine: needs root'
else
	cp "$package" "$work/convd.deb"
	cp tests/deb/life.sh docs/clock.jpg "$work"
	if "$machine" --copy "$work" -- sh /src/package/life.sh >"$work.log" 2>&1; then
		good 'a life on a bare machine'
	else
		bad 'a life on a bare machine'
		tail -n 40 "$work.log"
	fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
