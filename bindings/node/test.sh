#!/usr/bin/env bash
# Installs the package's dependencies from npm, compiles it, and runs its tests, its type tests and the examples, whose
# output must be that of the examples in C. The library must be built (target/release, or EIDOS_LIBRARY).
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
say() { printf '  %s\n' "$*"; }

library=${EIDOS_LIBRARY:-$root/target/release/libeidos.so}
library=$(realpath "$library")
[ -e "$library" ] || { echo "$library is missing: cargo build --release" >&2; exit 1; }
export EIDOS_LIBRARY=$library
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 4) ? 0 : 1)' ||
    { echo "Node 20.4 or later is needed, this is $(node --version)" >&2; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

say "dependencies and compiling"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm run --silent build
(cd "$root/examples/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

say "types"
npm run --silent types

say "tests"
npm test --silent

say "examples, against those in C"
cd "$root"
export LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
compare() { # NAME: runs an example in C and in JavaScript with the same arguments, each with a folder of its own
    local name=$1
    shift
    gcc -std=c99 -Iinclude "examples/c/$name.c" -o "$out/$name" "$library" -lm
    mkdir "$out/$name-c" "$out/$name-node"
    "$out/$name" "${@/FOLDER/$out/$name-c}" >"$out/$name-c.txt" 2>/dev/null
    node "examples/node/$name.js" "${@/FOLDER/$out/$name-node}" >"$out/$name-node.txt" 2>"$out/$name-node.err" ||
        { cat "$out/$name-node.err" >&2; exit 1; }
    diff "$out/$name-c.txt" "$out/$name-node.txt"
}
compare modules eidos:demo
compare concepts eidos:demo model.layers.2.mlp assets/demo-texts.txt FOLDER
compare own_activations
compare labels - eidos:demo model.layers.2.mlp assets/demo-texts.txt 10
compare resume FOLDER assets/demo-texts.txt
compare steering assets/demo-texts.txt
diff "$out/concepts-c/meaning.json" "$out/concepts-node/meaning.json"
