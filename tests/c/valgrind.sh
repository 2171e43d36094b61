#!/usr/bin/env bash
# The contract of the calls or the examples under valgrind, with a model that is narrower than the demo model:
#   tests/c/valgrind.sh contract
#   tests/c/valgrind.sh examples
set -euo pipefail
source "$(dirname "$0")/common.sh"

check="valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect"

# Nearly all the time goes into arithmetic, which computes nothing else with wider rows.
model=$out/narrow
python3 tests/c/narrow_model.py "$model"

case ${1:-} in
contract)
    say "the contract of the calls under valgrind"
    gcc -std=c11 $strict -g tests/c/abi.c -o "$out/abi" $link
    mkdir "$out/files" && $check "$out/abi" "$out/files" "$model"
    ;;
examples)
    say "the examples under valgrind"
    for example in examples/c/*.c; do
        sed "s|\"eidos:demo\"|\"$model\"|" "$example" | gcc -std=c99 $strict -g -x c - -x none -o "$out/$(basename "$example" .c)" $link
    done
    head -n 5 assets/demo-texts.txt >"$out/5-texts.txt"
    examples "" "$out/5-texts.txt" "$model" $check
    ;;
*)
    echo "usage: tests/c/valgrind.sh contract|examples" >&2
    exit 2
    ;;
esac
