"""The latency of one short text, warm, beside Eidos: tuned PyTorch and onnxruntime on the exported model, from the text to the
rows of its words. Prints medians in milliseconds as one JSON object.

    peer/bin/pip install onnxruntime onnx onnxscript
    peer/bin/python benches/latency.py --model FOLDER --eidos target/release/deps/latency-... [--threads 2]

The model is cut behind layer 4 (`encoder.layer.4.output`) for all three.
"""
import argparse, json, os, subprocess, tempfile, time, warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"

a = argparse.ArgumentParser()
a.add_argument("--model", required=True)
a.add_argument("--eidos", required=True, help="the program of benches/latency.rs")
a.add_argument("--threads", type=int, default=2)
a.add_argument("--repeat", type=int, default=400)
a.add_argument("--export", action="store_true", help="only export the model")
a.add_argument("--onnx", default=os.path.join(tempfile.gettempdir(), "eidos-latency.onnx"))
a = a.parse_args()

import numpy as np
import onnxruntime
import torch
import transformers
from tokenizers import Tokenizer

transformers.logging.set_verbosity_error()
torch.set_num_threads(a.threads)

TEXTS = [
    "a warm and funny film",
    "a warm and funny film about two sisters who inherit a cinema in a small town by the sea and try to keep it open for one "
    "last summer of old movies",
]

model = transformers.AutoModel.from_pretrained(a.model, num_hidden_layers=5, add_pooling_layer=False, dtype=torch.float32).eval()


class Rows(torch.nn.Module):
    def forward(self, ids, mask):
        return model(input_ids=ids, attention_mask=mask).last_hidden_state


if not os.path.exists(a.onnx):
    ids = torch.ones(1, 8, dtype=torch.long)
    rows = Rows().eval()
    rows.model = model
    torch.onnx.export(
        rows, (ids, ids), a.onnx, input_names=["input_ids", "attention_mask"], output_names=["rows"],
        dynamic_axes={"input_ids": {1: "tokens"}, "attention_mask": {1: "tokens"}, "rows": {1: "tokens"}}, dynamo=False,
    )
if a.export:
    raise SystemExit
tokenizer = Tokenizer.from_file(os.path.join(a.model, "tokenizer.json"))
tokenizer.no_padding()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = a.threads
session = onnxruntime.InferenceSession(a.onnx, options, providers=["CPUExecutionProvider"])


def words_of(encoding):
    kept = [i for i, word in enumerate(encoding.word_ids) if word is not None]
    words = [encoding.word_ids[i] for i in kept]
    starts = [i for i, word in enumerate(words) if i == 0 or words[i - 1] != word]
    return kept[0], kept[-1] + 1, starts


def pooled(rows, encoding):
    first, last, starts = words_of(encoding)
    counts = np.diff(starts + [last - first])
    return np.add.reduceat(rows[first:last], starts, axis=0) / counts[:, None]


def with_torch(text):
    encoding = tokenizer.encode(text)
    with torch.inference_mode():
        rows = model(torch.tensor([encoding.ids]), torch.ones(1, len(encoding.ids), dtype=torch.long)).last_hidden_state[0]
    return pooled(rows.numpy(), encoding)


def with_onnx(text):
    encoding = tokenizer.encode(text)
    ids = np.array([encoding.ids], dtype=np.int64)
    rows = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
    return pooled(rows, encoding)


def median(work, text):
    for _ in range(a.repeat // 10 + 5):
        work(text)
    times = []
    for _ in range(a.repeat):
        start = time.perf_counter()
        work(text)
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)[len(times) // 2]


command = [a.eidos, "--model", a.model, "--split", "encoder.layer.4.output", "--threads", str(a.threads)]
eidos = json.loads(subprocess.run(command + ["--repeat", str(a.repeat)], capture_output=True, text=True, check=True).stdout)
result = {}
for text in TEXTS:
    length = len(tokenizer.encode(text).ids)
    assert np.allclose(with_torch(text), with_onnx(text), atol=1e-4)
    mine = {name: part["median"] for name, part in eidos["microseconds"][f"{length} tokens"].items()}
    medians = {"Eidos": mine["text to rows"], "PyTorch": median(with_torch, text), "onnxruntime": median(with_onnx, text)}
    result[length] = {name: round(microseconds / 1e3, 3) for name, microseconds in {**medians, **mine}.items()}
print(json.dumps(result))
