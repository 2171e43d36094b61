#!/usr/bin/env bash
# What users of an installed Eidos see: it is installed, moved, and programs of C and C++ are built from there with CMake and
# pkg-config, against the shared and the static library:
#   installed.sh [LIBDIR [shared]]     with `shared`, against that library alone, where another LIBDIR has shown the static one
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
unset LD_LIBRARY_PATH CMAKE_PREFIX_PATH PKG_CONFIG_PATH
fail() { printf 'installed.sh: %s\n' "$*" >&2; exit 1; }

# PROGRAM: it runs and says what it must. shared|static: how it finds the library.
check() {
    local kind=$2 needed
    needed=$(readelf -d "$1" | grep -c 'NEEDED.*\[libeidos.so.0\]' || true)
    [ "$needed" = "$([ "$kind" = shared ] && echo 1 || echo 0)" ] || fail "$1 is not $kind: $(readelf -d "$1" | grep NEEDED)"
    [ "$("$1")" = "Eidos 0.1.0: 4 words" ] || fail "$1 says: $("$1")"
}

libdir=${1:-lib}
kinds=${2:-shared static}
LIBDIR=$libdir "$root/scripts/install.sh" "$out/first" >/dev/null
LIBDIR=$libdir "$root/scripts/install.sh" "$out/first" >/dev/null # again, over itself
mv "$out/first" "$out/moved"
prefix=$out/moved
lib=$prefix/$libdir
if grep -rIl -e "$out" -e "$root" "$prefix" --exclude='*.a' --exclude='*.so*'; then fail "these name a folder of this machine"; fi
# Nor do the libraries name the folder of cargo, under which the sources of packages lay.
for file in "$lib"/libeidos.so "$lib"/libeidos.a; do
    if strings -n 8 "$file" | grep -E "${CARGO_HOME:-$HOME/.cargo}/|$root" | head -3 | grep .; then fail "$file names a folder of this machine"; fi
    [ "$(strings -n 8 "$file" | grep -c '/cargo/')" -gt 0 ] || fail "messages of panics in $file do not say where they are from"
done
[ "$(readlink "$lib/libeidos.so")" = libeidos.so.0 ] && [ "$(readlink "$lib/libeidos.so.0")" = libeidos.so.0.1.0 ] ||
    fail "the links are wrong: $(ls -l "$lib")"
if grep -rl '@[A-Z_]*@' "$lib/cmake" "$lib/pkgconfig"; then fail "these templates were not filled in"; fi
[ -f "$prefix/share/doc/eidos/LICENSE-MIT" ] && grep -q '^candle-core ' "$prefix/share/doc/eidos/THIRD-PARTY-LICENSES.txt" ||
    fail "the licences are not there"
[ -z "$(readelf -S "$lib/libeidos.so" | grep '\.symtab')" ] || fail "the library has the names of its own functions"
find "$prefix" -type f -not -perm -044 | grep . && fail "these files cannot be read by others"

# CMake
cmake -S "$root/bindings/cpp/tests/installed" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$prefix" >"$out/cmake.log"
for kind in $kinds; do
    cmake --build "$out/cmake" --target c-$kind cpp-$kind >/dev/null
    for language in c cpp; do check "$out/cmake/$language-$kind" $kind; done
done
cuda=no
if grep -qaF cuDevicePrimaryCtxRetain "${EIDOS_LIBRARY:-$root/target/release/libeidos.so}"; then cuda=yes; fi
grep -qx -- "-- Eidos with CUDA: $cuda" "$out/cmake.log" || fail "CMake does not know that CUDA: $cuda: $(cat "$out/cmake.log")"
sed 's/eidos 0.1 /eidos 0.2 /' "$root/bindings/cpp/tests/installed/CMakeLists.txt" >"$out/CMakeLists.txt"
if cmake -S "$out" -B "$out/newer" -DCMAKE_PREFIX_PATH="$prefix" >"$out/log" 2>&1; then fail "0.1 passes for 0.2"; fi
grep -q 'version: 0.1.0' "$out/log" || fail "$(cat "$out/log")"

# pkg-config
export PKG_CONFIG_PATH=$lib/pkgconfig
apps=$root/bindings/cpp/tests/installed
strict="-Wall -Wextra -Wpedantic -Werror"
for kind in $kinds; do
    package=eidos$([ $kind = shared ] || echo -static)
    flags="$(pkg-config --cflags --libs $package) $([ $kind = static ] || echo "-Wl,-rpath,$lib")"
    gcc $strict "$apps/app.c" $flags -o "$out/c-$kind"
    g++ -std=c++17 $strict "$apps/app.cpp" $flags -o "$out/cpp-$kind"
    for language in c cpp; do check "$out/$language-$kind" $kind; done
done
if [ "$kinds" != shared ]; then
    gcc "$apps/app.c" -static $(pkg-config --static --cflags --libs eidos) -o "$out/c-wholly-static" 2>/dev/null # warns of getaddrinfo
    check "$out/c-wholly-static" static
fi
for package in eidos eidos-static; do
    [ "$(pkg-config --variable=cuda $package)" = $cuda ] || fail "pkg-config does not know that CUDA: $cuda"
done
pkg-config --exact-version=0.1.0 eidos || fail "pkg-config knows another version"

# Packages are made in a folder that stands for the root.
DESTDIR=$out/package "$root/scripts/install.sh" /usr >/dev/null
[ -f "$out/package/usr/lib/libeidos.so.0.1.0" ] && [ -f "$out/package/usr/include/eidos/activations.hpp" ] ||
    fail "DESTDIR is not heeded"

# What was installed goes away again, and nothing else.
touch "$lib/libother.so" "$prefix/include/other.h"
LIBDIR=$libdir "$root/scripts/install.sh" --uninstall "$prefix" >/dev/null
left=$(cd "$prefix" && find . -not -type d | sort | xargs)
[ "$left" = "./include/other.h ./$libdir/libother.so" ] || fail "after uninstalling, there is $left"
