#!/usr/bin/env bash
# Runs the examples of one language and compares what they print and save with what those in C print and save:
#   tests/examples/run.sh LANGUAGE COMMAND...     in which NAME stands for the example's name: node examples/node/NAME.js
# `tests/examples/run.sh c` runs those in C. That happens once for all languages, and again when one of them or the library
# has changed. What they print lies in target/examples/LANGUAGE. EIDOS_LIBRARY is the libeidos.so to test.
set -euo pipefail
cd "$(dirname "$0")/../.."

library=$(realpath -m "${EIDOS_LIBRARY:-target/release/libeidos.so}")
[ -f "$library" ] || { echo "there is no $library: run cargo build --release --lib" >&2; exit 1; }
expected=target/examples/c

examples() { # LANGUAGE COMMAND...: runs all of them
    example "$@" modules
    # The one in Rust saves nothing.
    if [ "$1" = rust ]; then example "$@" concepts; else
        example "$@" concepts eidos:demo model.layers.2.mlp assets/demo-texts.txt FOLDER
    fi
    example "$@" explain
    example "$@" methods
    example "$@" own_activations
    example "$@" labels
    example "$@" resume FOLDER
    example "$@" steering
}

example() { # LANGUAGE COMMAND... NAME ARGUMENTS: FOLDER stands for a folder to save in
    local out=target/examples/$1 name word command=()
    shift
    for word in "$@"; do
        case $word in modules | concepts | explain | methods | own_activations | labels | resume | steering) name=$word ;; esac
    done
    mkdir -p "$out/$name"
    for word in "$@"; do
        [ "$word" = "$name" ] || { word=${word//NAME/$name}; command+=("${word/#FOLDER/$out/$name}"); }
    done
    "${command[@]}" >"$out/$name.txt" 2>"$out/$name.messages" || {
        cat "$out/$name.messages" >&2
        echo "the example $name failed: ${command[*]}" >&2
        return 1
    }
}

examples_in_c() {
    local source name
    rm -rf "$expected"
    mkdir -p "$expected/bin"
    for source in examples/c/*.c; do
        name=$(basename "$source" .c)
        gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -g -Iinclude "$source" -o "$expected/bin/$name" "$library" \
            "-Wl,-rpath,$(dirname "$library")" -lpthread -lm
    done
    examples c "$expected/bin/NAME"
    touch "$expected/whole"
}

# Languages may be tested side by side: one of them runs those in C, the others wait for it.
mkdir -p target/examples
exec 9>target/examples/lock
flock 9
current() { # whether nothing is newer than what they printed
    [ -e "$expected/whole" ] && [ -z "$(find "$library" examples/c include assets tests/examples -newer "$expected/whole")" ]
}
current || examples_in_c 9>&-
exec 9>&-

language=$1
shift
[ "$language" != c ] || exit 0
rm -rf "target/examples/$language"
examples "$language" "$@"
for file in "$expected"/*.txt; do
    diff "$file" "target/examples/$language/$(basename "$file")" ||
        { echo "the example $(basename "$file" .txt) does not print what the one in C prints" >&2; exit 1; }
done
for name in concepts resume; do
    [ "$language-$name" != rust-concepts ] || continue
    diff -r "$expected/$name" "target/examples/$language/$name" ||
        { echo "the example $name does not save what the one in C saves" >&2; exit 1; }
done

# What the README of a binding says that the examples print is printed; three dots stand for more.
readme=bindings/$language/README.md
if [ -e "$readme" ]; then
    while IFS= read -r line; do
        awk -v line="${line%...*}" -v whole="$([ "$line" = "${line%...*}" ] && echo yes)" '
            whole ? $0 == line : index($0, line) == 1 { found = 1 }
            END { exit !found }' "target/examples/$language/concepts.txt" ||
            { echo "$readme says that the examples print: $line" >&2; exit 1; }
    done < <(grep '^Concept [0-9]' "$readme")
fi
