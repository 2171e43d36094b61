#!/usr/bin/env bash
# Packs what a machine with a GPU needs to check Eidos there into one file: programs, scripts, fixtures, texts.
#
#   scripts/cuda-kit.sh FOLDER DATA     FOLDER/bin has the programs; DATA is a folder with eurobert-tokenizer and rotten_tomatoes
set -euo pipefail
cd "$(dirname "$0")/.."
kit=$1 data=$2

# Programs without what only a debugger reads.
for name in cuda unit libeidos.so; do
    strip -s -o "$kit/bin/$name.stripped" "$kit/bin/$name"
    rm "$kit/bin/$name"
    mv "$kit/bin/$name.stripped" "$kit/bin/$name"
done
mkdir -p "$kit/data/rotten_tomatoes" "$kit/data/eurobert-tokenizer"
cp "$data"/eurobert-tokenizer/*.json "$kit/data/eurobert-tokenizer/"
cp "$data"/rotten_tomatoes/train.jsonl "$kit/data/rotten_tomatoes/"
chmod -R u+w "$kit/data"
for path in scripts/check-cuda.sh benches/cuda benches/eurobert-210m.json include/eidos.api.json assets tests/golden/data/models \
    tests/golden/data/gradients tests/golden/data/half; do
    mkdir -p "$kit/$(dirname "$path")"
    cp -r "$path" "$kit/$(dirname "$path")/"
done
find "$kit" -name __pycache__ -prune -exec rm -r {} +
git describe --always --dirty --abbrev=12 >"$kit/COMMIT"

# The programs hold much that is the same, such as the demo model: a dictionary that spans them has it once.
tar -cf - -C "$(dirname "$kit")" "$(basename "$kit")" | xz --lzma2=preset=6,dict=96MiB >"$kit.tar.xz"
echo "What is carried:"
ls -l "$kit"/bin | awk 'NR > 1 { printf "  %-14s %6.1f MB\n", $9, $5 / 1e6; sum += $5 } END { printf "  %-14s %6.1f MB\n", "programs", sum / 1e6 }'
du -sb "$kit" | awk '{ printf "  %-14s %6.1f MB\n", "unpacked", $1 / 1e6 }'
du -sb "$kit.tar.xz" | awk '{ printf "  %-14s %6.1f MB   <- the file to carry\n", "packed", $1 / 1e6 }'
echo "There:"
echo "  tar -xf $(basename "$kit").tar.xz && $(basename "$kit")/scripts/check-cuda.sh --out report"
