"""What transformers computes in bfloat16 and float16 for the first text: every block, an MLP, the final norm and the logits.

One file a family, `half/<family>.safetensors`: `bf16/<module path>`, `bf16/logits` and the same with `f16`, in that type. The model is
a variant of the family, see `variant_of`, with weights and configuration as `calmed` makes them. Needs the data of `models`.
"""
import json
import re
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

from . import alibi_encoders, decoders, models
from .common import DATA, folder

TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
VARIANTS = ("causal_lm", "masked_lm", "seq2seq_lm", "classify_tokens")
# What tables of embeddings are called.
TABLES = ("embed", "wte", "wpe", "shared")
# The families whose norms stand behind branches and nowhere else.
BEHIND = ("olmo2", "olmo3")
# The projection or the module that ends an MLP, by the many names that it has.
MLP = r"(mlp|ffn|output\.dense|fc2|layer\.1\.DenseReluDense)"
NORM = r"(norm|final_norm|ln_f|final_layer_norm)"


def variant_of(family):
    """The variant that runs: the first of these that the family has."""
    return next(name for name in VARIANTS if (DATA / "models" / family / name / "config.json").exists())


def calmed(config, tensors, dtype):
    """The projections halved, all in the type; scores capped at 30 or not at all.

    The projections of the tiny models double the roundings of each block, which no trained model does: transformers' own bfloat16
    would be off by 3e-2. A norm behind a branch undoes that, so it is halved as well where there is none before it. And gemma2's cap is 1.5 here, where nearly all scores are beyond it and the others rounding: 0.25.
    """
    if config.get("final_logit_softcapping"):
        config["final_logit_softcapping"] = 30.0
    projections = {name for name, value in tensors.items() if value.dim() > 1 and not any(word in name for word in (*TABLES, "conv1d"))}
    if config["model_type"] in BEHIND:
        projections |= {name for name in tensors if "layernorm" in name}
    # Scores without a scale but what the norms of queries and keys learned; norms whose weights count from one.
    norms = {"gemma4_text": ("q_norm", "k_norm", "post_"), "qwen3_5_text": ("norm",)}.get(config["model_type"], ())
    projections |= {name for name in tensors if any(word in name for word in norms)}
    return config, {name: (value.float() * (0.5 if name in projections else 1)).to(dtype) for name, value in tensors.items()}


def wanted(paths):
    """Every block, an MLP and the final norm."""
    blocks = [path for path in paths if re.fullmatch(r"[^\d]*\.\d+", path)]
    mlps = [path for path in paths if re.fullmatch(re.escape(blocks[:2][-1]) + r"\.(\w+\.\d+\.)?" + MLP, path)]
    return [*blocks, min(mlps, key=len), *(path for path in paths if re.fullmatch(r"(\w+\.){0,2}" + NORM, path))]


def run(place, dtype, ids):
    """The kept outputs of the model in a folder when it computes in a type."""
    config = json.load(open(f"{place}/config.json"))
    own = alibi_encoders if "position_embedding_type" in config else transformers
    klass = getattr(own, config["architectures"][0])
    options = models.experts_of(klass.config_class.from_pretrained(place))
    model = klass.from_pretrained(place, dtype=dtype, attn_implementation=models.ATTENTION, **options).eval()
    outputs, logits = models.run(model, ids)
    return {path: outputs[path][0] for path in wanted(list(outputs))} | {"logits": logits[0]}


def furthest(ours, theirs):
    """The largest difference over the largest value, and where."""
    far = {path: (ours[path].double() - theirs[path]).abs().max() / theirs[path].abs().max() for path in theirs}
    path = max(far, key=far.get)
    return far[path].item(), path


def of_family(family):
    source, variant = DATA / "models" / family, variant_of(family)
    ids = json.load(open(source / "inputs.json"))[0]["ids"]
    own = source / f"weights_{variant}"
    files = sorted((own if own.exists() else source / "weights").glob("*.safetensors"))
    tensors = {name: value for file in files for name, value in load_file(file).items()}
    expected = {}
    for name, dtype in TYPES.items():
        with tempfile.TemporaryDirectory() as place:
            config, halves = calmed(json.load(open(source / variant / "config.json")), tensors, dtype)
            json.dump(config, open(f"{place}/config.json", "w"))
            save_file(halves, f"{place}/model.safetensors", metadata={"format": "pt"})
            half, single, double = (run(place, kind, ids) for kind in (dtype, torch.float32, torch.float64))
        off, path = furthest(half, double)
        print(f"  {family} {variant}: {name} is off by {off:.1e} at {path}, f32 by {furthest(single, double)[0]:.1e}")
        expected |= {f"{name}/{path}": value.to(dtype).contiguous() for path, value in half.items()}
    save_file(expected, folder("half") / f"{family}.safetensors")


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    families = sorted(path.name for path in (DATA / "models").iterdir())
    with models.reading(first_per_token=decoders.first_per_token):
        for family in [family for family in families if family in sys.argv] or families:
            of_family(family)
