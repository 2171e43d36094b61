#!/usr/bin/env bash
# The contract of the calls or the examples under valgrind, each of which keeps one core busy for minutes:
#   tests/c/valgrind.sh contract
#   tests/c/valgrind.sh examples
set -euo pipefail
source "$(dirname "$0")/common.sh"

check="valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect"

case ${1:-} in
contract)
    say "the contract of the calls under valgrind"
    gcc -std=c11 $strict -g tests/c/abi.c -o "$out/abi" $link
    mkdir "$out/files" && $check "$out/abi" "$out/files"
    ;;
examples)
    say "the examples under valgrind"
    for example in examples/c/*.c; do
        gcc -std=c99 $strict -g "$example" -o "$out/$(basename "$example" .c)" $link
    done
    head -n 5 assets/demo-texts.txt >"$out/5-texts.txt"
    examples "" "$out/5-texts.txt" $check
    ;;
*)
    echo "usage: tests/c/valgrind.sh contract|examples" >&2
    exit 2
    ;;
esac
