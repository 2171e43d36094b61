#!/bin/bash
# Builds the emulated device into the folder OUT and tests it: through the driver's entry points in seconds, and with `--candle`, which
# compiles candle's CUDA backend first, through that too.
#
#     tests/cuda/emulator/test.sh OUT [--candle]
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: test.sh OUT [--candle]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
"$here/build.sh" "$1"
out=$(cd "$1" && pwd)
export LD_LIBRARY_PATH=$out${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
"${CXX:-g++}" -std=c++17 -O1 -mf16c -Wall -Wextra -Wpedantic -Werror "$here/tests/faults.cpp" -o "$out/faults" -L "$out" -lcuda -pthread
"$out/faults"
[ "${2:-}" = --candle ] || exit 0
export NVCC=$here/nvcc CUDA_COMPUTE_CAP=80 CUDARC_CUDA_VERSION=13000 CUDAFORGE_THREADS=2 EIDOS_EMULATOR=$out
cargo build --release --manifest-path "$here/candle/Cargo.toml" --target-dir "$out/candle"
"$out/candle/release/eidos-emulator-candle"
