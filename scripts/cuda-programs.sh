#!/usr/bin/env bash
# Builds the programs of the kit for GPUs into a folder: `cuda` (tests/cuda), `unit` (the unit tests) and libeidos.so.
#
#   scripts/cuda-programs.sh FOLDER [CARGO ARGUMENT...]     such as `--features cuda --target-dir target/cuda`
#
# Without arguments they are those that `cargo test --release` built, linked into the folder and not copied.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
shift
mkdir -p "$folder"
cargo=${CARGO:-cargo}

# What cargo says it built: the kind and the name of each target, and its file.
"$cargo" build --release --lib "$@"
"$cargo" test --release --lib --test cuda --no-run --message-format json "$@" | python3 -c '
import json, os, sys
folder = sys.argv[1]
found = {}
for line in sys.stdin:
    said = json.loads(line) if line.startswith("{") else {}
    if said.get("reason") == "compiler-artifact" and said.get("executable"):
        kind, name = said["target"]["kind"][0], said["target"]["name"]
        if name in ("eidos", "cuda"):
            found["cuda" if kind == "test" else "unit"] = said["executable"]
            deps = os.path.dirname(said["executable"])
if set(found) != {"cuda", "unit"}:
    sys.exit(f"cargo built {sorted(found)}, and not both programs")
found["libeidos.so"] = os.path.join(os.path.dirname(deps), "libeidos.so")
for name, path in found.items():
    place = os.path.join(folder, name)
    if os.path.lexists(place):
        os.remove(place)
    os.symlink(os.path.abspath(path), place)
' "$folder"
