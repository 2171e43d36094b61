#!/bin/sh
# Stands in for cargo where the library is built: `cargo build --release [--lib] ...` finds the one that is tested, and nothing else is
# asked for. The archive is empty: bindings/cpp/tests/installed.sh installs the real one.
set -eu
[ "$1 $2" = "build --release" ] || { echo "this stand-in of cargo does not know: $*" >&2; exit 1; }
target=target
while [ $# -gt 0 ]; do
    if [ "$1" = --target-dir ]; then target=$2; fi
    shift
done
mkdir -p "$target/release"
ln -sf "$STAND_IN_LIBRARY" "$target/release/libeidos.so"
ln -sf "$STAND_IN_LIBRARY" "$target/release/libeidos.so.0"
[ -e "$target/release/libeidos.a" ] || ar rc "$target/release/libeidos.a"
