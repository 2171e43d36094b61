#!/usr/bin/env bash
# Writes the files to begin with into fuzz/corpus: the fixtures of tests/golden, a folder for each target.
set -euo pipefail
cd "$(dirname "$0")/.."
EIDOS_FUZZ_CORPUS=fuzz/corpus exec cargo test --release --quiet --test fuzz damaged_and_hostile
