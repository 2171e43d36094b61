#!/usr/bin/env bash
# Checks that docs/examples.md shows the C example concepts as it is and what it, steering and explain print (the latter without its
# list of concepts); UPDATE=1 writes that into the page. tests/examples/run.sh c ran the examples before.
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp)
trap 'rm -f "$new"' EXIT

printed=target/examples/c
awk -v output=$printed/concepts.txt -v steering=$printed/steering.txt -v explain=$printed/explain.txt '
    function show(file, kind,   line) {
        print "```" kind
        while ((getline line < file) > 0) if (file != explain || line !~ /^Concept /) print line
        close(file)
        print "```"
    }
    /^<!-- end -->$/ { skipping = 0 }
    !skipping { print }
    /^<!-- examples\/c\/concepts.c -->$/ { show("examples/c/concepts.c", "c"); skipping = 1 }
    /^<!-- output -->$/ { show(output, "text"); skipping = 1 }
    /^<!-- output of steering -->$/ { show(steering, "text"); skipping = 1 }
    /^<!-- output of explain -->$/ { show(explain, "text"); skipping = 1 }
' docs/examples.md >"$new"

if [ "${UPDATE:-}" = 1 ]; then cat "$new" >docs/examples.md; else diff -u docs/examples.md "$new"; fi
