"""The gradient of one logit with respect to the output of modules, as PyTorch computes it in double precision.

`gradients/<family>.safetensors`: `<module path>` -> (tokens, width), for the first text and column 1 of the logits of its last token.
Modules outside of blocks, and those of the blocks of index 1. Needs the data of `models`.
"""
import json
import re
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import save_file

from . import decoders, models
from .common import DATA, folder

VARIANTS = {
    "bert": "masked_lm",
    "gpt2": "causal_lm",
    "llama": "causal_lm",
    "gemma3": "causal_lm",
    "gemma4": "causal_lm",
    "qwen3_5": "causal_lm",
    "t5": "seq2seq_lm",
    "modernbert": "masked_lm",
    "deberta_v2": "masked_lm",
    "bart": "seq2seq_lm",
}
COLUMN = 1


def loaded(source, variant):
    """The model of a variant in double precision."""
    own = source / f"weights_{variant}"
    with tempfile.TemporaryDirectory() as place:
        for file in [source / variant / "config.json", *(own if own.exists() else source / "weights").glob("*.safetensors")]:
            shutil.copy(file, place)
        name = json.load(open(f"{place}/config.json"))["architectures"][0]
        options = dict(dtype=torch.float64, attn_implementation=models.ATTENTION)
        return getattr(transformers, name).from_pretrained(place, **options).eval()


def gradients(model, ids):
    """By module path; without those that are called more than once for tokens."""
    outputs, several = {}, set()

    def keep(path):
        def hook(_module, _inputs, output):
            if decoders.first_per_token(output, len(ids)) is not None:
                several.update({path} & set(outputs))
                # Heads may lie in a dimension of their own: the gradient is asked of the tensor as it goes on.
                outputs[path] = output if isinstance(output, torch.Tensor) else models.first_per_token(output, len(ids))
                if outputs[path].requires_grad:
                    outputs[path].retain_grad()

        return hook

    for path, module in model.named_modules():
        if path:
            module.register_forward_hook(keep(path))
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    inputs |= models.decoder_inputs(model, inputs["input_ids"])
    model(**inputs).logits[0, -1, COLUMN].backward()
    kept = {path: output.grad for path, output in outputs.items() if path not in several and output.grad is not None}
    return {path: decoders.first_per_token(grad, len(ids))[0] for path, grad in kept.items()}


def generate(_shared):
    for family, variant in VARIANTS.items():
        source = DATA / "models" / family
        ids = json.load(open(source / "inputs.json"))[0]["ids"]
        found = gradients(loaded(source, variant), ids)
        # The first number of a path is that of its block.
        blocks = {path: re.search(r"\.(\d+)(\.|$)", path) for path in found}
        wanted = {path for path, block in blocks.items() if block is None or block[1] == "1"}
        kept = {path: grad.float().contiguous() for path, grad in found.items() if path in wanted}
        save_file(kept, folder("gradients") / f"{family}.safetensors")
        print(f"  {family}: {len(kept)} modules, largest {max(grad.abs().max() for grad in kept.values()):.3g}")
