"""Logits while forward hooks change what modules give, in double precision.

`interventions/<family>.safetensors`, for the first text of a family: `direction` (width), and `encoder`, `dictionary` (concepts,
width), `bias` (concepts) and `offset` (width) of concepts, whose codes are `(row - offset) encoder^T + bias`; and the logits

* `added`: SCALE times the direction is added to the tokens TOKENS of the first module,
* `ablated`: what concept 1 adds is subtracted from the rows of the second module,
* `clamped`: concept 2 has the value CLAMPED there,
* `all`: the three of them, in this order.

Needs the data of `models`, `encoders` and `decoders`.
"""
import json

import torch
from safetensors.torch import save_file

from .common import DATA, folder
from .gradients import loaded

# The variant, and two modules of it.
FAMILIES = {
    "bert": ("masked_lm", "bert.encoder.layer.0.output", "bert.encoder.layer.1"),
    "gpt2": ("causal_lm", "transformer.h.0.mlp", "transformer.h.1"),
    "llama": ("causal_lm", "model.layers.0.mlp", "model.layers.1"),
    "t5": ("seq2seq_lm", "encoder.block.0", "decoder.block.1"),
}
SCALE, TOKENS, CLAMPED = 3.0, [1, 2], -2.5


def changed(model, ids, hooks):
    """The logits while functions change the rows of modules."""
    handles = []
    for path, change in hooks:

        def hook(_module, _inputs, output, change=change):
            rows = output[0] if isinstance(output, tuple) else output
            rows = change(rows.clone())
            return (rows, *output[1:]) if isinstance(output, tuple) else rows

        handles.append(dict(model.named_modules())[path].register_forward_hook(hook))
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    if hasattr(model, "_shift_right"):
        inputs["decoder_input_ids"] = model._shift_right(inputs["input_ids"])
    with torch.no_grad():
        logits = model(**inputs).logits[0]
    for handle in handles:
        handle.remove()
    return logits


def generate(_shared):
    for family, (variant, first, second) in FAMILIES.items():
        source = DATA / "models" / family
        ids = json.load(open(source / "inputs.json"))[0]["ids"]
        model = loaded(source, variant)
        width = model.config.hidden_size
        random = torch.Generator().manual_seed(7)
        # The numbers are those of float32, which the tests have.
        draw = lambda *shape: torch.randn(*shape, generator=random).double()
        direction, encoder, dictionary, bias, offset = draw(width), draw(3, width), draw(3, width), draw(3), draw(width)

        def add(rows):
            rows[0, TOKENS] += SCALE * direction
            return rows

        def set_concept(concept, value):
            def change(rows):
                codes = (rows - offset) @ encoder.T + bias
                return rows + (value - codes[..., concept : concept + 1]) * dictionary[concept]

            return change

        ablate, clamp = set_concept(1, 0.0), set_concept(2, CLAMPED)
        found = {
            "plain": changed(model, ids, []),
            "added": changed(model, ids, [(first, add)]),
            "ablated": changed(model, ids, [(second, ablate)]),
            "clamped": changed(model, ids, [(second, clamp)]),
            "all": changed(model, ids, [(first, add), (second, ablate), (second, clamp)]),
        }
        numbers = dict(direction=direction, encoder=encoder, dictionary=dictionary, bias=bias, offset=offset)
        tensors = {name: value.float().contiguous() for name, value in (numbers | found).items()}
        save_file(tensors, folder("interventions") / f"{family}.safetensors")
        least = min((found[name] - found["plain"]).abs().max() for name in found if name != "plain")
        print(f"  {family}: {len(ids)} tokens, each changes a logit by at least {least:.3g}")
