#!/bin/sh
# version.sh RELEASE: what follows the release's number in this checkout: nothing at the release's tag, vRELEASE;
# "+12.g588564f" twelve commits after it, or after the first where there is no tag; ".dirty" when files were changed.
set -u
tag=v$1
commits=$(git rev-list --count HEAD "^$tag" 2>/dev/null || git rev-list --count HEAD 2>/dev/null) || exit 0
after=+$commits.g$(git rev-parse --short=7 HEAD)
[ "$commits" != 0 ] || after=
git diff --quiet HEAD -- 2>/dev/null || after=${after:-+0}.dirty
echo "$after"
