#!/usr/bin/env bash
# What C and C++ programs see: the header under every standard, the exported symbols, the layout of the structs, the
# contract of the calls and the examples, natively and under AddressSanitizer and UBSan. `valgrind.sh` runs them under valgrind.
set -euo pipefail
source "$(dirname "$0")/common.sh"

sanitize="-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
head -n 60 assets/demo-texts.txt >"$out/60-texts.txt"

say "the header alone: C99, C11, C++17, C++20"
echo '#include "eidos.h"' >"$out/alone.c"
for standard in c99 c11; do gcc -std=$standard $strict -fsyntax-only "$out/alone.c"; done
for standard in c++17 c++20; do g++ -x c++ -std=$standard $strict -fsyntax-only "$out/alone.c"; done

say "the header in two files, twice in each"
printf '#include "eidos.h"\n#include "eidos.h"\nuint32_t one(void);\nuint32_t one(void) { return eidos_abi_version(); }\n' >"$out/one.c"
printf '#include "eidos.h"\n#include "eidos.h"\nuint32_t one(void);\nint main(void) { return one() != EIDOS_ABI_VERSION; }\n' >"$out/two.c"
gcc -std=c99 $strict "$out/one.c" "$out/two.c" -o "$out/two" $link
"$out/two"

say "the exported symbols: those of the header and no others"
nm -D --defined-only $library/libeidos.so | awk '{print $3}' | LC_ALL=C sort | diff -u tests/abi/symbols.txt -

say "the layout of the structs"
gcc -std=c11 $strict -fsyntax-only tests/abi/layout.c
g++ -x c++ -std=c++17 $strict -fsyntax-only tests/abi/layout.c

say "all functions in one table, for programs that open the library while they run"
gcc -std=c99 $strict tests/c/plugin.c -o "$out/plugin" -Iinclude -ldl
"$out/plugin" "$library/libeidos.so"
echo '#include "eidos_api.h"' >"$out/alone.c"
g++ -x c++ -std=c++17 $strict -fsyntax-only "$out/alone.c"
printf '#include <eidos_api.h>\nint wrong_members(const eidos_api_table *);\nint main(void) { return wrong_members((const eidos_api_table *)eidos_api(EIDOS_ABI_VERSION)); }\n' >"$out/members.c"
gcc -std=c11 $strict tests/abi/table.c "$out/members.c" -o "$out/members" $link
"$out/members"

say "the blocks of the pages in C and Rust"
for language in c rust; do EIDOS_LIBRARY=$library/libeidos.so tests/pages/run.py $language; done

say "the contract of the calls"
gcc -std=c11 $strict -g tests/c/abi.c -o "$out/abi" $link
mkdir "$out/native" && "$out/abi" "$out/native"

say "the examples, and the same in Rust"
tests/examples/run.sh rust "$library/examples/NAME"
grep -qx 'first run: cancelled' target/examples/c/resume.txt
grep -qx 'from the rows as they are, the same logits: yes' target/examples/c/steering.txt

say "what is wrong with a file of texts is said, by every example that reads one"
split="eidos:demo model.layers.2.mlp"
for arguments in "concepts $split" "explain $split" "labels - $split" "resume $out" steering; do
    read -r name rest <<<"$arguments"
    if "target/examples/c/bin/$name" $rest "$out/missing.txt" >"$out/said" 2>&1; then exit 1; fi
    grep -q "^error: .*missing.txt" "$out/said" || { cat "$out/said"; exit 1; }
done

say "other line ends and a byte order mark change nothing"
{ printf '\xef\xbb\xbf'; sed 's/$/\r/' "$out/60-texts.txt"; } >"$out/other-60-texts.txt"
for program in target/examples/c/bin/concepts "$library/examples/concepts"; do
    for texts in 60-texts other-60-texts; do
        "$program" eidos:demo model.layers.2.mlp "$out/$texts.txt" >"$out/$texts.output" 2>/dev/null
    done
    diff "$out/60-texts.output" "$out/other-60-texts.output"
done

say "the page of the examples shows them as they are"
scripts/examples.sh

say "the contract and the examples under AddressSanitizer and UBSan"
gcc -std=c11 $strict $sanitize tests/c/abi.c -o "$out/abi-sanitized" $link
mkdir "$out/sanitized" && "$out/abi-sanitized" "$out/sanitized"
for example in examples/c/*.c; do
    name=$(basename "$example" .c)
    gcc -std=c99 $strict $sanitize "$example" -o "$out/$name-sanitized" $link
done
examples -sanitized "$out/60-texts.txt" eidos:demo

say "C sees what the header says"
