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

for tool in cmake ctest gcc g++ clang++ pkg-config readelf; do
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

# Each compiler, each standard and the sanitizers once; CPP_BUILDS=all: every compiler with every standard.
run_tests g++ 17 OFF
run_tests clang++ 20 ON
if [ "${CPP_BUILDS:-}" = all ]; then
    run_tests g++ 20 ON
    run_tests clang++ 17 ON
    run_tests clang++ 20 OFF
fi
say "the examples print what those in C print"
tests/examples/run.sh cpp "$builds/g++-17/NAME"
say "the blocks of the pages in C++, and their commands"
for language in cpp sh; do tests/pages/run.py $language; done
say "programs that use an installed Eidos, with CMake and pkg-config"
bindings/cpp/tests/installed.sh lib
multiarch=$(gcc -print-multiarch)
[ -z "$multiarch" ] || bindings/cpp/tests/installed.sh "lib/$multiarch" shared
say "programs that have Eidos below their own CMake project"
bindings/cpp/tests/subdirectory.sh
say "C++ sees what the header says"
