#!/usr/bin/env bash
# Installs what the tests need and the machine lacks, with apt where that is there; says what is missing otherwise.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

need cargo "cargo (https://rustup.rs)"
need gcc gcc
need g++ g++
need nm binutils
need valgrind valgrind

[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] && command -v cargo >/dev/null 2>&1; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
else
    printf 'the tests need: %s\n' "${missing[*]}" >&2
    exit 1
fi
