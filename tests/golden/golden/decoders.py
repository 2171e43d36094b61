"""Tiny random decoders, run on ids: the output of every module, one text at a time."""
import contextlib
import json
import pathlib
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from . import models
from .common import folder, write_json

IDS = 64
PAD = 3
# Short, a single id, longer than windows and first training lengths, one id repeated, and one with the padding id inside
# and at the end. No length is a number of heads or the width of one.
TEXTS = [
    [2, 17, 40, 9, 33, 21, 5],
    [2],
    [2, *(5 + (7 * index * index + 3 * index) % 59 for index in range(29))],
    [2, 30, 30, 30, 30],
    [2, 11, PAD, 12, 0, 1, 50, PAD, PAD],
]
COMMON = dict(
    vocab_size=IDS,
    hidden_size=24,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=40,
    max_position_embeddings=40,
    num_labels=3,
    pad_token_id=PAD,
    bos_token_id=2,
    eos_token_id=5,
)
GROUPED = {**COMMON, "num_key_value_heads": 2}
HEADS = {"causal_lm": "ForCausalLM", "classify": "ForSequenceClassification", "classify_tokens": "ForTokenClassification"}


def first_per_token(output, length):
    """As for encoders; besides, tensors that hold the tokens' values in another shape.

    Norms of heads give (1, length, heads, columns) or (1, heads, length, columns), OPT's MLP (length, columns), and so do
    routers, with what follows from it, and experts; the norms of gated delta nets give (length * heads, columns).
    """
    if isinstance(output, tuple) and isinstance(output[0], torch.Tensor) and output[0].dim() == 2:
        output = output[0]
    if isinstance(output, torch.Tensor) and output.dim() == 2 and output.shape[-1] == 10 and output.shape[0] % length == 0:
        return output.reshape(1, length, -1)
    if isinstance(output, torch.Tensor) and output.dim() == 4 and output.shape[-1] in (6, 8, 10):
        heads = output if output.shape[1] == length else output.transpose(1, 2)
        return heads.flatten(2)
    if isinstance(output, torch.Tensor) and output.dim() == 2 and output.shape[0] == length:
        return output.unsqueeze(0)
    return encoders_first(output, length)


def run(model, ids):
    """As for encoders; but a module that gives another value at each of several calls has no one value."""
    calls = {}
    hooks = [
        module.register_forward_hook(lambda *_, path=path: calls.update({path: calls.get(path, 0) + 1}))
        for path, module in model.named_modules()
    ]
    outputs, logits = encoders_run(model, ids)
    for hook in hooks:
        hook.remove()
    for path, count in calls.items():
        if count > 1:
            outputs.pop(path, None)
    return outputs, logits


encoders_first, encoders_run = models.first_per_token, models.run


def own_tensors(model):
    """The tensors of a model without the second names of those that are tied."""
    seen, tensors = set(), {}
    for name, value in model.state_dict().items():
        if value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            tensors[name] = value.contiguous()
    return tensors


def saved_tensors(model):
    """The tensors of a model as `save_pretrained` names them: each expert by itself, as in published files."""
    with tempfile.TemporaryDirectory() as place:
        model.save_pretrained(place)
        return load_file(f"{place}/model.safetensors")


class Family:
    """One family's fixtures: a checkpoint with the tensors of every head, and the variants that run with it."""

    def __init__(self, name, classes, settings, seed, heads=tuple(HEADS), named=None, config=None, block="1", texts=TEXTS):
        self.name, self.classes, self.settings, self.seed, self.block = name, classes, settings, seed, block
        self.texts = texts
        self.named, self.config_class = named or {}, config or f"{classes}Config"
        shutil.rmtree(folder("models", name))
        write_json(folder("models", name) / "inputs.json", [{"ids": ids} for ids in texts])
        tensors = {}
        for number, head in enumerate(heads):
            model = models.randomise(self.class_of(head)(self.config()), 10 * seed + number, torch.bfloat16)
            named = saved_tensors(model) if models.experts_of(model.config) else own_tensors(model)
            tensors |= {key: value for key, value in named.items() if key not in tensors}
        self.weights = self.save(tensors, "weights")
        self.base("base")
        for head in heads:
            self.head(head, head)

    def class_of(self, head):
        name = self.named.get(head) or self.classes + HEADS.get(head, "Model")
        return getattr(transformers, name)

    def config(self, **changes):
        return getattr(transformers, self.config_class)(**{**self.settings, **changes})

    def save(self, tensors, name):
        place = folder("models", self.name, name)
        halves = {name: value.to(torch.bfloat16) for name, value in tensors.items()}
        save_file(halves, place / "model.safetensors", metadata={"format": "pt"})
        return place

    def base(self, variant, config=None, weights=None, edit=None, **kept):
        """The model without a head: every module for the first text, a block for all texts."""
        config, klass = config or self.config(), self.class_of("base")
        last = f".{self.block}"
        partial = [path for path, _ in klass(config).named_modules() if f".{path}".endswith(last)]
        kept = {"complete": (0,), "partial": partial, **kept}
        return models.variant(self.name, variant, klass, config, weights or self.weights, self.texts, edit, **kept)

    def changed(self, variant, edit=None, only=("layers.2",), list_modules=False, own=False, **changes):
        """The model without a head and other settings: the last block for all texts."""
        config = self.config(**changes)
        weights = self.own_weights(variant, config) if own else None
        partial = [path for path, _ in self.class_of("base")(config).named_modules() if path in only]
        return self.base(variant, config, weights, edit, complete=(), partial=partial, list_modules=list_modules)

    def head(self, variant, head, config=None, weights=None, **kept):
        """A head: its own modules and its logits."""
        klass, config = self.class_of(head), config or self.config()
        model = klass(config)
        own = tuple(path for path, _ in model.named_children() if path != model.base_model_prefix)
        kept = {"complete": (0,), "only": own, "all_logits": True, **kept}
        return models.variant(self.name, variant, klass, config, weights or self.weights, self.texts, **kept)

    def own_weights(self, variant, config, head="base"):
        """A checkpoint for one variant whose tensors have other shapes."""
        model = models.randomise(self.class_of(head)(config), 10 * self.seed + 9, torch.bfloat16)
        return self.save(own_tensors(model), f"weights_{variant}")


def older_rope(**scaling):
    """Writes rotary positions as transformers 4 did."""

    def edit(settings):
        theta = settings.pop("rope_parameters")["rope_theta"]
        return {**settings, "rope_theta": theta, "rope_scaling": scaling or None}

    return edit


def llama():
    family = Family("llama", "Llama", {**GROUPED, "rms_norm_eps": 1e-5}, 30)
    rope = dict(rope_theta=100.0, factor=4.0)
    family.changed("rope_linear", rope_parameters={**rope, "rope_type": "linear"})
    family.changed("rope_dynamic", max_position_embeddings=16, rope_parameters={**rope, "rope_type": "dynamic"})
    llama3 = dict(rope_type="llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
    family.changed("rope_llama3", rope_parameters={**rope, **llama3})
    yarn = dict(rope_type="yarn", original_max_position_embeddings=16)
    family.changed("rope_yarn", rope_parameters={**rope, **yarn})
    ramp = dict(beta_fast=2.0, beta_slow=0.5, mscale=1.0, mscale_all_dim=0.7, truncate=False)
    family.changed("rope_yarn_ramp", rope_parameters={**rope, **yarn, **ramp})
    family.changed("rope_older", edit=older_rope(type="linear", factor=2.0), rope_parameters={"rope_type": "default", "rope_theta": 300.0})
    # SmolLM and small Llamas: tied output; others have biases, and heads of another width.
    tied = family.config(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=8, num_key_value_heads=1)
    family.head("tied", "causal_lm", tied, family.own_weights("tied", tied, "causal_lm"), partial=("model.layers.2",))
    # As the embedding models that were made from decoders.
    family.changed("bidirectional", is_causal=False)
    # Without a padding id the last token counts.
    family.head("classify_no_pad", "classify", family.config(pad_token_id=None), list_modules=False)


def qwen2():
    family = Family("qwen2", "Qwen2", GROUPED, 31)
    window = dict(use_sliding_window=True, sliding_window=8, max_window_layers=1)
    family.changed("window", **window)


def qwen3():
    Family("qwen3", "Qwen3", {**GROUPED, "head_dim": 8}, 32)


def qwen3_5():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5, mrope_section=[1, 1, 0], mrope_interleaved=True)
    types = ["linear_attention", "full_attention", "linear_attention", "full_attention"]
    linear = dict(linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=6, linear_value_head_dim=10)
    settings = dict(num_hidden_layers=4, layer_types=types, head_dim=8, intermediate_size=44, rope_parameters=rope, **linear)
    settings["max_position_embeddings"] = 128
    named = dict(base="Qwen3_5TextModel", causal_lm="Qwen3_5ForCausalLM", classify="Qwen3_5TextForSequenceClassification")
    # One text is longer than the rows that transformers computes at a time.
    texts = [*TEXTS, [2, *(5 + (11 * index * index + 5 * index) % 59 for index in range(69))]]
    family = Family("qwen3_5", "Qwen3_5", {**GROUPED, **settings}, 65, ("causal_lm", "classify"), named, "Qwen3_5TextConfig", "2", texts)

    def as_published(settings):
        """Fields of the published files that transformers does not write."""
        settings = {key: value for key, value in settings.items() if key != "layer_types"}
        more = dict(attn_output_gate=True, full_attention_interval=2, mamba_ssm_dtype="float32", mtp_num_hidden_layers=1)
        return {**settings, **more}

    family.changed("published", as_published, only=("layers.3",))
    # As many heads of keys as of values, and another number of taps.
    changes = dict(linear_num_key_heads=4, linear_conv_kernel_dim=3, attention_bias=True, num_hidden_layers=2, layer_types=types[:2])
    family.changed("taps", own=True, list_modules=True, only=("layers.0", "layers.1"), **changes)


def mistral():
    family = Family("mistral", "Mistral", {**GROUPED, "sliding_window": 8}, 33)
    # Here transformers counts the end of the window in.
    family.changed("bidirectional", is_causal=False)


def mixtral():
    experts = dict(num_local_experts=5, num_experts_per_tok=2)
    family = Family("mixtral", "Mixtral", {**GROUPED, **experts}, 54)
    # One tensor holds all experts of a block, as transformers 5 has them in memory.
    family.changed("fused", own=True, list_modules=True)
    family.changed("window", sliding_window=8)


def qwen2_moe():
    experts = dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=20, shared_expert_intermediate_size=28)
    family = Family("qwen2_moe", "Qwen2Moe", {**GROUPED, **experts, "mlp_only_layers": [0]}, 55)
    family.changed("normalised", norm_topk_prob=True)
    window = dict(use_sliding_window=True, sliding_window=8, max_window_layers=2)
    sparse = dict(mlp_only_layers=[], decoder_sparse_step=2, qkv_bias=False)
    family.changed("sparse", own=True, list_modules=True, **window, **sparse)


def qwen3_moe():
    experts = dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=20, norm_topk_prob=True)
    family = Family("qwen3_moe", "Qwen3Moe", {**GROUPED, **experts, "head_dim": 8}, 56)
    family.changed("unnormalised", norm_topk_prob=False)
    family.changed("window", use_sliding_window=True, sliding_window=8)
    family.changed("sparse", own=True, list_modules=True, decoder_sparse_step=2, attention_bias=True)


def gpt_oss():
    yarn = dict(rope_type="yarn", factor=4.0, rope_theta=100.0, truncate=False, original_max_position_embeddings=16)
    # A limit that values are beyond.
    experts = dict(num_local_experts=5, num_experts_per_tok=2, swiglu_limit=1.0, swiglu_alpha=1.3, intermediate_size=28)
    settings = dict(head_dim=8, sliding_window=8, rope_parameters=yarn)
    family = Family("gpt_oss", "GptOss", {**GROUPED, **experts, **settings}, 57)

    def as_published(settings):
        """The keys of the published files, which transformers 4 wrote."""
        settings = {key: value for key, value in settings.items() if key not in ("rope_parameters", "swiglu_alpha")}
        scaling = {key: value for key, value in yarn.items() if key != "rope_theta"}
        return {**settings, "rope_theta": 100.0, "rope_scaling": scaling, "initial_context_length": 16, "experts_per_token": 2}

    family.changed("older", as_published, swiglu_alpha=1.702)
    four_bits(family, "mxfp4", family.config(hidden_size=32, intermediate_size=32, num_local_experts=3))


def four_bits(family, variant, config):
    """A variant whose experts lie in blocks of four bits, as gpt-oss was published; transformers runs what it unpacks of them."""
    generator = torch.Generator().manual_seed(10 * family.seed + 9)
    random = lambda least, past, *shape: torch.randint(least, past, shape, generator=generator, dtype=torch.uint8)
    tensors = own_tensors(models.randomise(family.class_of("base")(config), 10 * family.seed + 9, torch.bfloat16))
    packed, place = {}, folder("models", family.name, f"weights_{variant}")
    for name, value in list(tensors.items()):
        if name.endswith(("gate_up_proj", "down_proj")):
            count, inputs, outputs = value.shape
            blocks, scales = random(0, 256, count, outputs, inputs // 32, 16), random(122, 126, count, outputs, inputs // 32)
            packed |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
            tensors[name] = convert_moe_packed_tensors(blocks, scales)
    with tempfile.TemporaryDirectory() as unpacked:
        halves = {name: value.to(torch.bfloat16).contiguous() for name, value in tensors.items()}
        save_file(halves, f"{unpacked}/model.safetensors", metadata={"format": "pt"})
        family.base(variant, config, pathlib.Path(unpacked), complete=(), partial=("layers.2",))
    own = {name: value for name, value in halves.items() if f"{name}_blocks" not in packed}
    save_file(own | packed, place / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((place.parent / variant / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}
    (place.parent / variant / "config.json").write_text(json.dumps(settings, indent=2) + "\n")


def gemma():
    Family("gemma", "Gemma", {**GROUPED, "head_dim": 8}, 34)


def gemma2():
    settings = dict(head_dim=8, query_pre_attn_scalar=6, sliding_window=8, attn_logit_softcapping=2.0)
    Family("gemma2", "Gemma2", {**GROUPED, **settings, "final_logit_softcapping": 1.5}, 35)


def gemma3():
    rope = dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000.0),
        sliding_attention=dict(rope_type="default", rope_theta=50.0),
    )
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    settings = dict(head_dim=8, query_pre_attn_scalar=10, sliding_window=8, layer_types=types, rope_parameters=rope)
    named = dict(base="Gemma3TextModel", causal_lm="Gemma3ForCausalLM", classify="Gemma3TextForSequenceClassification")
    heads = ("causal_lm", "classify")
    family = Family("gemma3", "Gemma3", {**GROUPED, **settings}, 36, heads, named, "Gemma3TextConfig")

    def as_published(settings):
        """The keys of the published files, which transformers 4 wrote."""
        settings = {key: value for key, value in settings.items() if key not in ("rope_parameters", "layer_types")}
        older = dict(rope_theta=1000.0, rope_local_base_freq=50.0, rope_scaling=dict(rope_type="linear", factor=8.0))
        return {**settings, **older, "sliding_window_pattern": 2}

    family.changed("older", as_published)
    # As EmbeddingGemma.
    family.changed("bidirectional", use_bidirectional_attention=True)


def gemma4():
    rope = dict(
        full_attention=dict(rope_type="proportional", partial_rotary_factor=0.5, rope_theta=1000.0),
        sliding_attention=dict(rope_type="default", rope_theta=50.0),
    )
    # The last two read the keys and values of those with the indices 2 and 1.
    types = ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention", "full_attention"]
    settings = dict(
        num_hidden_layers=5,
        layer_types=types,
        num_kv_shared_layers=2,
        use_double_wide_mlp=True,
        head_dim=6,
        global_head_dim=8,
        hidden_size_per_layer_input=10,
        vocab_size_per_layer_input=IDS,
        sliding_window=8,
        final_logit_softcapping=1.5,
        rope_parameters=rope,
    )
    named = dict(base="Gemma4TextModel", causal_lm="Gemma4ForCausalLM")
    family = Family("gemma4", "Gemma4", {**GROUPED, **settings}, 64, ("causal_lm",), named, "Gemma4TextConfig")
    last = dict(only=("layers.4",))

    def as_published(settings):
        """The keys of the published files, which say the sizes of heads by the kind of block."""
        settings = {key: value for key, value in settings.items() if key != "per_layer_config"}
        return {**settings, "head_dim": 6, "global_head_dim": 8, "num_global_key_value_heads": 1, "use_bidirectional_attention": "vision"}

    family.changed("published", as_published, **last)
    scaled = {**rope, "full_attention": {**rope["full_attention"], "factor": 4.0}}
    family.changed("rope_scaled", rope_parameters=scaled, **last)
    family.changed("bidirectional", use_bidirectional_attention="all", **last)
    # As the larger ones: keys that are values, one head of them, and no second rows of ids.
    large = dict(attention_k_eq_v=True, num_global_key_value_heads=1, hidden_size_per_layer_input=0, num_kv_shared_layers=0)
    family.changed("large", own=True, list_modules=True, num_hidden_layers=3, layer_types=types[:2] + types[-1:], only=("layers.1",), **large)


def phi3():
    settings = {**GROUPED, "rope_parameters": dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.67)}
    family = Family("phi3", "Phi3", settings, 37)
    long = dict(rope_type="longrope", short_factor=[1.0, 1.25], long_factor=[1.5, 4.0])
    rope = dict(rope_theta=100.0, partial_rotary_factor=0.67, **long)
    family.changed("rope_long", original_max_position_embeddings=16, rope_parameters=rope)
    family.changed("window", sliding_window=8)


def olmo2():
    Family("olmo2", "Olmo2", GROUPED, 38, ("causal_lm", "classify"))


def olmo3():
    yarn = dict(rope_type="yarn", factor=4.0, rope_theta=100.0, original_max_position_embeddings=16)
    rope = dict(full_attention=yarn, sliding_attention=dict(rope_type="default", rope_theta=100.0))
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    settings = dict(sliding_window=8, layer_types=types, rope_parameters=rope)
    family = Family("olmo3", "Olmo3", {**GROUPED, **settings}, 46, ("causal_lm", "classify"))

    def as_published(settings):
        settings = {key: value for key, value in settings.items() if key != "rope_parameters"}
        scaling = {key: value for key, value in yarn.items() if key != "rope_theta"}
        return {**settings, "rope_theta": 500000.0, "rope_scaling": scaling}

    family.changed("older", as_published)


def granite():
    scales = dict(attention_multiplier=0.3, embedding_multiplier=3.0, residual_multiplier=0.4, logits_scaling=5.0)
    Family("granite", "Granite", {**GROUPED, **scales}, 39, ("causal_lm",))


def smollm3():
    Family("smollm3", "SmolLM3", {**GROUPED, "no_rope_layer_interval": 2}, 40)


def stablelm():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.67)
    family = Family("stablelm", "StableLm", {**GROUPED, "rope_parameters": rope}, 47)
    family.changed("parallel", own=True, use_parallel_residual=True, use_qkv_bias=True, list_modules=True)

    def as_published(settings):
        return {**settings, "rope_parameters": None, "partial_rotary_factor": 0.67, "rope_theta": 100}

    family.changed("older", as_published)


def starcoder2():
    family = Family("starcoder2", "Starcoder2", {**GROUPED, "sliding_window": 8}, 48)
    family.changed("without_biases", own=True, use_bias=False, sliding_window=None, list_modules=True)


def phi():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.67)
    family = Family("phi", "Phi", {**GROUPED, "rope_parameters": rope}, 49)
    family.changed("head_norms", own=True, qk_layernorm=True, list_modules=True)

    def as_published(settings):
        return {**settings, "rope_parameters": None, "partial_rotary_factor": 0.67, "rope_theta": 100}

    family.changed("older", as_published)


def cohere():
    rope = dict(rope_type="default", rope_theta=100.0)
    Family("cohere", "Cohere", {**GROUPED, "rope_parameters": rope, "logit_scale": 0.3}, 50, ("causal_lm",))


def cohere2():
    rope = dict(rope_type="default", rope_theta=100.0)
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    settings = dict(rope_parameters=rope, sliding_window=8, layer_types=types, logit_scale=0.3)
    family = Family("cohere2", "Cohere2", {**GROUPED, **settings}, 51, ("causal_lm",))

    def as_published(settings):
        settings = {key: value for key, value in settings.items() if key not in ("rope_parameters", "layer_types")}
        return {**settings, "rope_theta": 100, "sliding_window_pattern": 2, "attention_bias": False}

    family.changed("older", as_published)


def gpt2():
    names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    names |= {"intermediate_size": "n_inner", "max_position_embeddings": "n_positions"}
    settings = {names.get(name, name): value for name, value in COMMON.items()}
    family = Family("gpt2", "GPT2", settings, 41, named=dict(causal_lm="GPT2LMHeadModel"), block="h.1")
    only = ("h.2",)
    family.changed("scaled_by_block", scale_attn_by_inverse_layer_idx=True, only=only)
    family.changed("unscaled", scale_attn_weights=False, only=only)


def gpt_neo():
    names = {"num_hidden_layers": "num_layers", "num_attention_heads": "num_heads"}
    settings = {names.get(name, name): value for name, value in COMMON.items()}
    types = [[["global", "local"], 1], [["local"], 1]]
    family = Family("gpt_neo", "GPTNeo", {**settings, "attention_types": types, "window_size": 8}, 53, block="h.1")

    def types_alone(settings):
        return {name: value for name, value in settings.items() if name != "attention_layers"}

    def layers_count(settings):
        return {**settings, "attention_layers": ["local", "local", "global"]}

    only = ("h.2",)
    family.changed("types_alone", types_alone, only=only)
    family.changed("layers_count", layers_count, only=only)


def gptj():
    names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    names |= {"intermediate_size": "n_inner", "max_position_embeddings": "n_positions"}
    settings = {names.get(name, name): value for name, value in COMMON.items()}
    family = Family("gptj", "GPTJ", {**settings, "rotary_dim": 4}, 52, ("causal_lm", "classify"), block="h.1")
    family.changed("whole_heads", rotary_dim=6, only=("h.2",))


def gpt_neox():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.67)
    family = Family("gpt_neox", "GPTNeoX", {**COMMON, "rope_parameters": rope}, 42, block="layers.1")
    family.changed("sequential", use_parallel_residual=False)

    def as_published(settings):
        return {**settings, "rope_parameters": None, "rotary_pct": 0.67, "rotary_emb_base": 100}

    family.changed("older", as_published)


def opt():
    settings = {name: value for name, value in COMMON.items() if name != "intermediate_size"} | {"ffn_dim": 40}
    family = Family("opt", "OPT", settings, 43, ("causal_lm", "classify"), block="layers.1")
    # As the one of 350 million parameters: norms behind the branches, an embedding of another width.
    behind = family.config(do_layer_norm_before=False, word_embed_proj_dim=16)
    weights = family.own_weights("behind", behind, "causal_lm")
    family.head("behind", "causal_lm", behind, weights, partial=("model.decoder.layers.1",), only=("lm_head", "model.decoder"))


def bloom():
    names = {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    settings = {names.get(name, name): value for name, value in COMMON.items()}
    for name in ("intermediate_size", "max_position_embeddings"):
        del settings[name]
    family = Family("bloom", "Bloom", settings, 44, block="h.1")
    family.changed("three_heads", n_head=3, only=("h.2",))


def falcon():
    names = {"intermediate_size": "ffn_hidden_size"}
    settings = {names.get(name, name): value for name, value in COMMON.items()}
    family = Family("falcon", "Falcon", settings, 45, block="h.1")
    block = ("h.2",)
    grouped = dict(new_decoder_architecture=True, num_kv_heads=2)
    for name, changes in {
        "grouped": grouped,
        "grouped_one_norm": {**grouped, "num_ln_in_parallel_attn": 1},
        "many_heads": dict(multi_query=False, parallel_attn=False, bias=True),
    }.items():
        family.changed(name, own=True, only=block, list_modules=True, **changes)
    # With eager attention transformers 5.23 adds ALiBi twice; the default is what the model was trained with.
    with sdpa():
        family.changed("alibi", own=True, only=block, list_modules=True, alibi=True, multi_query=False, parallel_attn=False, bias=True)


@contextlib.contextmanager
def sdpa():
    """Lets transformers choose its own attention, where its eager one is wrong."""
    models.ATTENTION = "sdpa"
    try:
        yield
    finally:
        models.ATTENTION = "eager"


FAMILIES = (
    llama,
    qwen2,
    qwen3,
    qwen3_5,
    mistral,
    mixtral,
    qwen2_moe,
    qwen3_moe,
    gpt_oss,
    gemma,
    gemma2,
    gemma3,
    gemma4,
    phi3,
    olmo2,
    olmo3,
    granite,
    smollm3,
    stablelm,
    starcoder2,
    phi,
    cohere,
    cohere2,
    gpt2,
    gpt_neo,
    gptj,
    gpt_neox,
    opt,
    bloom,
    falcon,
)


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    wanted = [family for family in FAMILIES if family.__name__ in sys.argv]
    with models.reading(first_per_token=first_per_token, run=run):
        for family in wanted or FAMILIES:
            print(f"-- {family.__name__}")
            family()
