#!/usr/bin/env bash
# Everything that must hold of the C++ binding: its tests in C++17 and C++20, with GCC and Clang, natively and under
# AddressSanitizer and UBSan; the examples, which print what those in C print; and programs that use an installed Eidos.
#
# Build the library first: cargo build --release --lib. EIDOS_LIBRARY is the libeidos.so to test, with libeidos.a beside it.
# JOBS is how many compilers run at once.
set -euo pipefail
cd "$(dirname "$0")/../.."

export EIDOS_LIBRARY=${EIDOS_LIBRARY:-$PWD/target/release/libeidos.so}
EIDOS_LIBRARY=$(realpath -m "$EIDOS_LIBRARY")
jobs=${JOBS:-$(nproc)}
builds=$PWD/target/cpp
say() { printf '  %s\n' "$*"; }
fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

for tool in cmake ctest gcc g++ pkg-config patchelf readelf; do
    command -v $tool >/dev/null || fail "$tool is missing; see bindings/cpp/README.md for the packages"
done
[ -f "$EIDOS_LIBRARY" ] || fail "$EIDOS_LIBRARY is missing; build it: cargo build --release --lib"

# COMPILER STANDARD SANITIZE: builds and runs the tests.
run_tests() {
    local build=$builds/$1-$2 output
    [ "$3" = ON ] && build+=-sanitized
    say "$1, C++$2$([ "$3" = ON ] && echo ", AddressSanitizer and UBSan")"
    output=$(
        exec 2>&1
        cmake -S bindings/cpp -B "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$1" -DCMAKE_CXX_STANDARD="$2" \
            -DEIDOS_SANITIZE="$3" -DEIDOS_LIBRARY="$EIDOS_LIBRARY" &&
            cmake --build "$build" --parallel "$jobs" &&
            cd "$build" && ctest --output-on-failure --parallel "$jobs"
    ) || fail "$output"
}

# The examples of one build against those in C.
compare_examples() {
    local out example arguments
    out=$(mktemp -d)
    for example in modules concepts own_activations resume labels steering; do
        gcc -std=c99 -Iinclude "examples/c/$example.c" "$EIDOS_LIBRARY" "-Wl,-rpath,$(dirname "$EIDOS_LIBRARY")" -lm -o "$out/$example"
        for language in c cpp; do
            case $example in
                concepts) arguments="eidos:demo model.layers.2.mlp assets/demo-texts.txt $out/$language-saved" ;;
                resume) arguments=$out/$language-resumed ;;
                *) arguments= ;;
            esac
            mkdir -p "$out/$language-saved"
            if [ $language = c ]; then "$out/$example" $arguments; else "$1/$example" $arguments; fi \
                >"$out/$language" 2>"$out/messages" || fail "$language, $example: $(cat "$out/messages")"
        done
        diff "$out/c" "$out/cpp" || fail "the example $example does not print what the one in C prints"
    done
    diff -r "$out/c-saved" "$out/cpp-saved" || fail "the example concepts does not save what the one in C saves"
    rm -rf "$out"
}

run_tests g++ 17 OFF
run_tests g++ 20 ON
if command -v clang++ >/dev/null; then
    run_tests clang++ 17 ON
    run_tests clang++ 20 OFF
fi
say "the examples print what those in C print"
compare_examples "$builds/g++-17"
say "programs that use an installed Eidos, with CMake and pkg-config"
bindings/cpp/tests/installed.sh lib
multiarch=$(gcc -print-multiarch)
[ -z "$multiarch" ] || bindings/cpp/tests/installed.sh "lib/$multiarch"
say "C++ sees what the header says"
