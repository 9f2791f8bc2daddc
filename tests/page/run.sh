#!/bin/sh
# run.sh BUILD [NAME ...]: the tests of the page, see run.mjs, where there is what they need.
cd "$(dirname "$0")/../.." || exit 1
if ! command -v node >/dev/null || [ ! -d build/page/node_modules ]; then
	echo "no node or no build/page: tests/install-deps.sh page installs them"
	echo "0 passed, 0 failed, $(cat tests/page/test_*.mjs | grep -c '^export async function') skipped"
	exit
fi
exec node tests/page/run.mjs "$@"
