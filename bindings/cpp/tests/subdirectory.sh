#!/usr/bin/env bash
# What users see of an Eidos below their own CMake project. Cargo's part is played by a script that puts the library where cargo would.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { printf 'subdirectory.sh: %s\n' "$*" >&2; exit 1; }

library=${EIDOS_LIBRARY:-$root/target/release/libeidos.so}
cat >"$out/cargo" <<END
#!/bin/sh
[ "\$1 \$2 \$3 \$4 \$5 \$6" = "build --release --lib --manifest-path $root/Cargo.toml --target-dir" ] || exit 1
mkdir -p "\$7/release"
ln -sf "$library" "\$7/release/libeidos.so"
ln -sf "$library" "\$7/release/libeidos.so.0"
ln -sf "$(dirname "$library")/libeidos.a" "\$7/release/libeidos.a"
END
chmod +x "$out/cargo"
cmake -S "$root/bindings/cpp/tests/subdirectory" -B "$out/below" -DEIDOS_SOURCE="$root" -DEIDOS_CARGO="$out/cargo" \
    -DEIDOS_TARGET_DIR="$out/target" >/dev/null
cmake --build "$out/below" >"$out/below.log" 2>&1 || fail "$(cat "$out/below.log")"
for program in cpp-shared c-static; do
    [ "$("$out/below/$program")" = "Eidos 0.1.0: 4 words" ] || fail "$program says: $("$out/below/$program")"
done
readelf -d "$out/below/cpp-shared" | grep -q 'NEEDED.*\[libeidos.so.0\]' || fail "cpp-shared does not name the library as it is named"
# Without cargo, it says where that comes from.
if HOME=$out PATH=$(dirname "$(command -v cmake)"):/usr/bin:/bin cmake -S "$root" -B "$out/bare" >"$out/log" 2>&1; then
    command -v /usr/bin/cargo /bin/cargo >/dev/null || fail "it needs no cargo"
else
    grep -q 'https://rustup.rs' "$out/log" || fail "$(cat "$out/log")"
fi
