"""The peer of word activations: transformers on PyTorch's scaled dot product attention, written for speed.

    python peer_rows.py --model FOLDER --texts texts.jsonl --split layers.10.mlp --type bf16 [--repeat 5] [--rows FILE]

Texts are tokenised together, sorted by length and put into batches of equal or nearly equal length, which have a mask only where
there is padding. A hook ends the pass at the split. The tokens of a word are averaged on the device, each word at its place in the
result, which crosses to pinned memory in one copy. Prints one JSON object; times run from texts to rows on the host.
"""
import argparse
import json
import statistics
import time

import numpy
import tokenizers
import torch
import transformers


SPARE = 64


class Stop(Exception):
    """The pass came to the split."""


def plan(lengths, budget):
    """Texts in batches that hold at most `budget` tokens with their padding, the longest first."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    first = 0
    while first < len(order):
        longest = max(lengths[order[first]], 1)
        count = max(budget // longest, 1)
        yield order[first : first + count], longest
        first += count


class Peer:
    def __init__(self, arguments):
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        kind = {"bf16": torch.bfloat16, "f32": torch.float32}[arguments.type]
        self.tokenizer = tokenizers.Tokenizer.from_file(f"{arguments.model}/tokenizer.json")
        model = transformers.AutoModel.from_pretrained(arguments.model, dtype=kind, attn_implementation="sdpa")
        self.model = model.eval().to(self.device)
        if hasattr(self.model.config, "use_cache"):
            self.model.config.use_cache = False
        self.width = self.model.config.hidden_size
        self.model.get_submodule(arguments.split).register_forward_hook(self.keep)

    def keep(self, module, inputs, output):
        raise Stop(output[0] if isinstance(output, tuple) else output)

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def pinned(self, *shape, dtype):
        return torch.empty(shape, dtype=dtype, pin_memory=self.device.type == "cuda")

    @torch.inference_mode()
    def rows(self, texts, budget, steps):
        """The rows of the words of all texts, on the host."""
        begin = time.perf_counter()
        encoded = self.tokenizer.encode_batch(texts)
        lengths = [len(text.ids) for text in encoded]
        # Each word's place in the result; tokens that are in no word go to rows behind the last one, to several, because
        # sums into one would wait for each other.
        words = [text.word_ids for text in encoded]
        starts, total = [], 0
        for ids in words:
            starts.append(total)
            total += 1 + max((word for word in ids if word is not None), default=-1)
        batches = list(plan(lengths, budget))
        slots = sum(len(batch) * longest for batch, longest in batches)
        ids, places = self.pinned(slots, dtype=torch.int64), self.pinned(slots, dtype=torch.int64)
        id_array, place_array = ids.numpy(), places.numpy()
        id_array[:] = 0
        place_array[:] = total + numpy.arange(slots) % SPARE
        first = 0
        for batch, longest in batches:
            for text in batch:
                end = first + lengths[text]
                id_array[first:end] = encoded[text].ids
                spare = total + text % SPARE
                place_array[first:end] = [spare if word is None else starts[text] + word for word in words[text]]
                first += longest
        steps["tokenise"].append(time.perf_counter() - begin)

        begin = time.perf_counter()
        ids, places = ids.to(self.device, non_blocking=True), places.to(self.device, non_blocking=True)
        rows = torch.zeros(total + SPARE, self.width, device=self.device)
        first = 0
        for batch, longest in batches:
            shape = (len(batch), longest)
            part = slice(first, first + len(batch) * longest)
            first = part.stop
            mask = None
            if lengths[batch[-1]] != longest:
                valid = torch.tensor([lengths[text] for text in batch]).to(self.device, non_blocking=True)
                mask = (torch.arange(longest, device=self.device)[None, :] < valid[:, None]).long()
            try:
                self.model(input_ids=ids[part].view(shape), attention_mask=mask)
            except Stop as stop:
                rows.index_add_(0, places[part], stop.args[0].reshape(-1, self.width).float())
        counts = torch.bincount(places, minlength=total + SPARE)
        rows = rows[:total] / counts[:total, None]
        self.wait()
        steps["forward"].append(time.perf_counter() - begin)

        begin = time.perf_counter()
        result = self.pinned(total, self.width, dtype=torch.float32)
        result.copy_(rows, non_blocking=True)
        self.wait()
        steps["copy"].append(time.perf_counter() - begin)
        return result.numpy(), lengths, slots


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--texts", required=True)
    arguments.add_argument("--split", required=True)
    arguments.add_argument("--type", choices=("bf16", "f32"), required=True)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--batch-tokens", type=int, nargs="+", default=[8192, 32768])
    arguments.add_argument("--rows", help="the rows of some words, as f32, go to this file")
    arguments = arguments.parse_args()
    with open(arguments.texts, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    peer = Peer(arguments)
    best = None
    for budget in arguments.batch_tokens:
        steps = {"tokenise": [], "forward": [], "copy": []}
        peer.rows(texts, budget, {"tokenise": [], "forward": [], "copy": []})
        times = []
        for _ in range(arguments.repeat):
            start = time.perf_counter()
            rows, lengths, slots = peer.rows(texts, budget, steps)
            times.append(time.perf_counter() - start)
        found = {
            "seconds": times,
            "batch_tokens": budget,
            "padding": 1 - sum(lengths) / slots,
            "steps": {name: statistics.median(values) for name, values in steps.items()},
        }
        if best is None or statistics.median(times) < statistics.median(best["seconds"]):
            best = found
    if arguments.rows:
        # The same rows as the program of Eidos writes: one in so many.
        rows[:: max(len(rows) // 512, 1)].astype(numpy.float32).tofile(arguments.rows)
    if peer.device.type == "cuda":
        best["peak_bytes"] = torch.cuda.max_memory_allocated()
    best.update(tokens=sum(lengths), rows=list(rows.shape), torch=torch.__version__, transformers=transformers.__version__)
    print(json.dumps(best))


main()
