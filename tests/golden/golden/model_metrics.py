"""What models lose when the rows of a module are those that concepts reconstruct, zeros or their mean, by forward hooks in double
precision.

`model_metrics/expected.json`: for each case the loss (cross-entropy of `torch.nn.functional`), the divergence of Kullback and Leibler from
the model as it is, and the share of rows whose largest logit stays. The concepts are those of `interventions/<family>.safetensors`. Needs
the data of `models`, `encoders`, `decoders` and `interventions`.
"""
import json

import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from .common import DATA, folder, write_json
from .gradients import loaded
from .interventions import changed

# The family, the variant, the module, and what a row of logits predicts.
CASES = [
    ("gpt2", "causal_lm", "transformer.h.0", "next_token"),
    ("llama", "causal_lm", "model.layers.0.mlp", "next_token"),
    ("bert", "masked_lm", "bert.encoder.layer.0", "token"),
    ("bert", "classify", "bert.encoder.layer.0", "own_prediction"),
    ("bert", "classify", "bert.encoder.layer.0", "label"),
]


def rows_of(model, path, ids):
    """What the module gives for a text."""
    kept = []
    changed(model, ids, [(path, lambda rows: (kept.append(rows), rows)[1])])
    return kept[0].reshape(-1, kept[0].shape[-1])


def generate(_shared):
    listing = []
    for family, variant, path, predicted in CASES:
        source = DATA / "models" / family
        texts = [text["ids"] for text in json.load(open(source / "inputs.json")) if text["ids"]]
        model = loaded(source, variant)
        numbers = load_file(DATA / "interventions" / f"{family}.safetensors")
        numbers = {name: value.double() for name, value in numbers.items()}

        def reconstruct(rows):
            codes = (rows - numbers["offset"]) @ numbers["encoder"].T + numbers["bias"]
            return codes @ numbers["dictionary"] + numbers["offset"]

        mean = torch.cat([rows_of(model, path, ids) for ids in texts]).mean(0)
        # One that has the numbers of a 32-bit float, as a mean row has there.
        mean = mean.float().double()
        runs = {
            "original": None, "mean": lambda rows: mean.expand_as(rows).clone(), "zero": torch.zeros_like, "spliced": reconstruct,
        }
        columns, logits = model.config.num_labels if variant == "classify" else model.config.vocab_size, {}
        for name, change in runs.items():
            hooks = [(path, change)] if change else []
            logits[name] = [changed(model, ids, hooks).reshape(-1, columns) for ids in texts]
        labels = [number % 2 for number in range(len(texts))]

        def wanted(name):
            pairs = []
            for number, (ids, rows) in enumerate(zip(texts, logits[name])):
                ids = torch.tensor(ids)
                pairs.append({
                    "next_token": lambda: (rows[:-1], ids[1:]),
                    "token": lambda: (rows, ids),
                    "own_prediction": lambda: (rows, logits["original"][number].argmax(-1)),
                    "label": lambda: (rows, torch.tensor([labels[number]])),
                }[predicted]())
            return torch.cat([rows for rows, _ in pairs]), torch.cat([ids for _, ids in pairs])

        whole = {name: torch.cat(rows) for name, rows in logits.items()}
        losses = {name: cross_entropy(*wanted(name)).item() for name in runs}
        logs = {name: log_softmax(rows, -1) for name, rows in whole.items()}
        divergence = lambda name: kl_div(logs[name], logs["original"], log_target=True, reduction="batchmean").item()
        divergences = {name: divergence(name) for name in runs}
        same = (whole["spliced"].argmax(-1) == whole["original"].argmax(-1)).double().mean().item()
        centred = {name: rows - rows.mean(-1, keepdim=True) for name, rows in whole.items()}
        error = ((centred["spliced"] - centred["original"]).norm() / centred["original"].norm()).item()
        listing.append({
            "family": family, "variant": variant, "split_point": path, "predicted": predicted,
            "labels": labels if predicted == "label" else [], "predictions": len(wanted("original")[1]), "losses": losses,
            "divergences": divergences, "same": same, "logit_error": error,
        })
        print(f"  {family} {variant}: {losses}")
    write_json(folder("model_metrics") / "expected.json", listing)
