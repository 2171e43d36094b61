#!/usr/bin/env bash
# Checks that the README shows the C example concepts as it is and what it and steering print; UPDATE=1 writes that into the
# README.
#   scripts/readme.sh CONCEPTS STEERING      examples/c/concepts.c and steering.c, compiled
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp)
output=$(mktemp)
steering=$(mktemp)
trap 'rm -f "$new" "$output" "$steering"' EXIT
"$1" >"$output" 2>/dev/null
"$2" >"$steering"

awk -v output="$output" -v steering="$steering" '
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
    /^<!-- output of steering -->$/ { show(steering, "text"); skipping = 1 }
' README.md >"$new"

if [ "${UPDATE:-}" = 1 ]; then cat "$new" >README.md; else diff -u README.md "$new"; fi
