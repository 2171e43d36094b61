#!/usr/bin/env bash
# Checks that the README shows the C example as it is and what it prints; UPDATE=1 writes both into the README.
#   scripts/readme.sh PROGRAM      PROGRAM is examples/c/concepts.c, compiled
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp)
output=$(mktemp)
trap 'rm -f "$new" "$output"' EXIT
"$1" >"$output" 2>/dev/null

awk -v output="$output" '
    function show(file, kind,   line) {
        print "```" kind
        while ((getline line < file) > 0) print line
        close(file)
        print "```"
    }
    /^<!-- end -->$/ { skipping = 0 }
    !skipping { print }
    /^<!-- examples\/c\/concepts.c -->$/ { show("examples/c/concepts.c", "c"); skipping = 1 }
    /^<!-- output -->$/ { show(output, "text"); skipping = 1 }
' README.md >"$new"

if [ "${UPDATE:-}" = 1 ]; then cat "$new" >README.md; else diff -u README.md "$new"; fi
