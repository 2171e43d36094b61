"""LoRA adapters that PEFT writes, and what PEFT and transformers compute with them: see README.md.

`lora/<name>/` is a folder as `save_pretrained` of PEFT leaves it, with the family and the variant of its base model in `case.json`,
and what the base model with the adapter gives, not merged.
"""
import json
import shutil
import tempfile

import peft
import torch
import transformers
from safetensors.torch import save_file

from . import decoders, models
from .common import DATA, folder, write_json

CAUSAL = "AutoModelForCausalLM"
OF_LLAMA = "model.layers.{}"
LLAMA = ("llama", "causal_lm", CAUSAL, OF_LLAMA)
ATTENTION = ["q_proj", "v_proj"]
PATTERNS = dict(
    target_modules="all-linear",
    rank_pattern={"q_proj": 2, "model.layers.1.mlp.up_proj": 3},
    alpha_pattern={"k_proj": 9, "layers.1.mlp.up_proj": 5},
    use_rslora=True,
)
TABLES = dict(target_modules=["embed_tokens", "o_proj", "lm_head"], modules_to_save=["norm"])
SOME_BLOCKS = dict(bias="lora_only", layers_to_transform=[0, 2], layers_pattern="layer")
# Of each case the family and the variant whose configuration the base model has, its class, its blocks, the task, the rank and
# the rest of the adapter.
CASES = {
    "llama": (*LLAMA, "CAUSAL_LM", 4, dict(lora_alpha=6, target_modules=[*ATTENTION, "down_proj"])),
    "llama_patterns": (*LLAMA, "CAUSAL_LM", 4, dict(lora_alpha=6, **PATTERNS)),
    "llama_tables": (*LLAMA, "CAUSAL_LM", 3, dict(lora_alpha=6, **TABLES)),
    "llama_classify": (
        *("llama", "base", "AutoModelForSequenceClassification", OF_LLAMA),
        *("SEQ_CLS", 2, dict(target_modules=ATTENTION)),
    ),
    "gpt2": (
        *("gpt2", "causal_lm", CAUSAL, "transformer.h.{}"),
        *("CAUSAL_LM", 4, dict(target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, bias="all")),
    ),
    "bert": (
        *("bert", "base", "AutoModelForTokenClassification", "bert.encoder.layer.{}"),
        *("TOKEN_CLS", 4, dict(target_modules=["query", "dense"], **SOME_BLOCKS)),
    ),
    "t5": (
        *("t5", "base", "AutoModelForSeq2SeqLM", "decoder.block.{}"),
        *("SEQ_2_SEQ_LM", 4, dict(target_modules=["q", "v", "wo"])),
    ),
    "phi3": (
        *("phi3", "causal_lm", CAUSAL, OF_LLAMA),
        *("CAUSAL_LM", 4, dict(target_modules=["qkv_proj", "gate_up_proj"])),
    ),
}


def case(number, name, family, variant, auto, block, task, rank, settings):
    place = folder("lora", name)
    with tempfile.TemporaryDirectory() as base:
        shutil.copy(DATA / "models" / family / variant / "config.json", base)
        for file in (DATA / "models" / family / "weights").iterdir():
            shutil.copy(file, base)
        labels = {"num_labels": 5, "ignore_mismatched_sizes": True} if task.endswith("CLS") else {}
        load = getattr(transformers, auto).from_pretrained
        model = load(base, dtype=torch.float32, attn_implementation="eager", **labels)
        model = peft.get_peft_model(model, peft.LoraConfig(task_type=task, r=rank, **settings)).eval()
        generator = torch.Generator().manual_seed(900 + number)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if parameter.requires_grad:
                    noise = torch.randn(parameter.shape, generator=generator) * 0.3
                    parameter.copy_(1 + noise if "norm" in key.lower() and key.endswith("weight") else noise)
        model.save_pretrained(place)
    (place / "README.md").unlink(missing_ok=True)
    # Where the base model was is the test's to say.
    config = json.loads((place / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "base"
    # They are sets, whose order is another one each time.
    config |= {key: sorted(config[key]) for key in ("target_modules", "modules_to_save") if isinstance(config.get(key), list)}
    (place / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    ids = json.loads((DATA / "models" / family / "inputs.json").read_text())[0]["ids"]
    inner, expected = model.get_base_model(), {}
    outputs, logits = models.run(inner, ids)
    paths = [block.format(index) for index in (0, 1)]
    expected |= {path: outputs[path][0].contiguous() for path in paths}
    expected["logits"] = logits[0].contiguous()
    save_file(expected, place / "expected.safetensors")
    write_json(place / "case.json", {"family": family, "variant": variant})
    with torch.inference_mode():
        merged = model.merge_and_unload().eval()
    difference = (models.run(merged, ids)[1] - logits).abs().max() / logits.abs().max()
    print(f"  {name}: merged by PEFT the logits differ by {difference:.1g}")


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    shutil.rmtree(folder("lora"))
    with models.reading(first_per_token=decoders.first_per_token):
        for number, (name, settings) in enumerate(CASES.items()):
            case(number, name, *settings)
