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

say "dependencies and compiling"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm run --silent build
(cd "$root/examples/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

say "types"
npm run --silent types

say "tests"
npm test --silent

cd "$root"
say "the blocks of the pages in JavaScript and TypeScript"
tests/pages/run.py node
say "examples, against those in C"
tests/examples/run.sh node node examples/node/NAME.js
