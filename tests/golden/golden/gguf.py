"""GGUF files as llama.cpp's converter writes them, quantised, and what transformers computes with the values in them.

`gguf/<name>/model.gguf` is a tiny random model whose tensors are of many types, `expected.safetensors` what the model of the family
gives with the dequantised tensors, in float32; `gguf/types/<type>.gguf` holds one table of random blocks of a type, and
`types.safetensors` what the package `gguf` says that these mean; `gguf/parts` is one of the models, split. See README.md.
"""
import re
import shutil
import tempfile

import gguf
import numpy
import torch
import transformers
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file

from . import models
from .common import folder, write_json
from .decoders import GROUPED, PAD, TEXTS

# Quantised rows have a multiple of 32 columns; those of the K types 256.
SMALL = {**GROUPED, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 40}
# The type of each tensor by the end of its name; norms and biases are single precision.
MIXED = {
    "token_embd": Kind.Q8_0,
    "output": Kind.BF16,
    "attn_q": Kind.Q8_0,
    "attn_k": Kind.Q4_0,
    "attn_v": Kind.Q5_0,
    "attn_qkv": Kind.Q8_0,
    "attn_output": Kind.Q5_1,
    "ffn_gate": Kind.Q4_1,
    "ffn_up": Kind.F16,
    "ffn_down": Kind.Q8_0,
}
# Of models with experts.
ROUTED = {
    **MIXED,
    "ffn_gate_exps": Kind.Q8_0,
    "ffn_up_exps": Kind.Q4_1,
    "ffn_down_exps": Kind.Q5_0,
    "ffn_gate_shexp": Kind.Q8_0,
    "ffn_up_shexp": Kind.F16,
    "ffn_down_shexp": Kind.Q4_0,
}
FOUR_BITS = {**MIXED, "ffn_gate_exps": Kind.MXFP4, "ffn_up_exps": Kind.MXFP4, "ffn_down_exps": Kind.MXFP4}
BY_256 = {
    "token_embd": Kind.Q4_K,
    "attn_q": Kind.Q3_K,
    "attn_k": Kind.Q2_K,
    "attn_v": Kind.Q6_K,
    "attn_output": Kind.Q8_0,
    "ffn_gate": Kind.Q4_K,
    "ffn_up": Kind.Q6_K,
    "ffn_down": Kind.Q5_K,
}
# Where a block of a type has its scales, in bytes: half-precision numbers, which random bytes must not make infinite.
SCALES = {
    Kind.Q4_0: (0,), Kind.Q4_1: (0, 2), Kind.Q5_0: (0,), Kind.Q5_1: (0, 2), Kind.Q8_0: (0,),
    Kind.Q2_K: (80, 82), Kind.Q3_K: (108,), Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,),
    Kind.MXFP4: (),
}
# What random scales are drawn from, so that weights are of a size that matters.
SIZES = {Kind.Q2_K: 0.02, Kind.Q3_K: 0.002, Kind.Q4_K: 0.0005, Kind.Q5_K: 0.0002, Kind.Q6_K: 0.0001}


def random_blocks(kind, rows, columns, generator, size=None):
    """Rows of blocks of random bytes, with scales up to `size`, or with any finite ones."""
    count, size_of_block = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (rows * columns // count, size_of_block), dtype=numpy.uint8)
    for place in SCALES[kind]:
        if size is None:
            scales = blocks[:, place : place + 2].copy().view(numpy.float16)
            scales = numpy.where(numpy.isfinite(scales), scales, numpy.float16(-0.37))
        else:
            scales = (size * generator.uniform(0.5, 1.5, (len(blocks), 1))).astype(numpy.float16)
        blocks[:, place : place + 2] = scales.view(numpy.uint8)
    if kind == Kind.MXFP4:
        # Exponents, of which the largest would give what is not finite.
        blocks[:, 0] %= 250
    return blocks.reshape(rows, -1)


class Converter:
    """What llama.cpp does to the tensors of a family, and back again."""

    def __init__(self, architecture, config, turns, plus_one):
        number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
        self.names, self.config = gguf.get_tensor_name_map(number, config.num_hidden_layers), config
        self.heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads} if turns else {}
        self.plus_one = plus_one

    def name(self, tensor):
        module, parameter = tensor.rsplit(".", 1)
        if parameter == "sinks":
            return f"{self.names.get_name(tensor)}.weight"
        return f"{self.names.get_name(module)}.{parameter}"

    def pieces(self, tensor, value):
        """The tensors of a file that hold a tensor of a model, by their names, and what puts them together again: of experts gate
        and factor each have one, and outputs are rows."""
        if tensor.endswith("shared_expert_gate.weight"):
            # The converter drops sides of one.
            return {self.name(tensor): value[0]}, lambda values: values[0][None]
        if ".experts." not in tensor:
            called = self.name(tensor)
            return {called: self.there(called, value)}, lambda values: self.back(called, values[0])
        bias, by_columns = tensor.endswith("_bias"), self.config.model_type == "gpt_oss"
        prefix, end = f"blk.{tensor.split('.')[2]}.ffn_", "bias" if bias else "weight"
        turn = (lambda all: all.swapaxes(1, 2)) if by_columns and not bias else (lambda all: all)
        rows = turn(value)
        if "gate_up" not in tensor:
            return {f"{prefix}down_exps.{end}": rows}, lambda values: turn(values[0])
        if by_columns:
            join = lambda values: turn(numpy.stack(values, 2).reshape(rows.shape))
            return {f"{prefix}gate_exps.{end}": rows[:, ::2], f"{prefix}up_exps.{end}": rows[:, 1::2]}, join
        gate, up = numpy.split(rows, 2, axis=1)
        return {f"{prefix}gate_exps.{end}": gate, f"{prefix}up_exps.{end}": up}, lambda values: numpy.concatenate(values, 1)

    def there(self, name, value):
        heads = self.heads.get(name.split(".")[-2])
        if heads:
            value = value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
        return value + 1 if self.plus_one and name.endswith("norm.weight") else value

    def back(self, name, value):
        heads = self.heads.get(name.split(".")[-2])
        if heads:
            value = value.reshape(heads, value.shape[0] // heads // 2, 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
        return value - 1 if self.plus_one and name.endswith("norm.weight") else value


def stored(name, value, kinds, generator):
    """A tensor in its type: the bytes and the type."""
    is_matrix = value.ndim > 1 and name.endswith("weight") and min(value.shape[-2:]) > 1
    kind = kinds.get(name.split(".")[-2], Kind.F32) if is_matrix else Kind.F32
    if kind in SIZES:
        return random_blocks(kind, *value.shape, generator, SIZES[kind]), kind
    return (value, kind) if kind == Kind.F32 else (quantize(value, kind), kind)


def write_metadata(writer, config):
    """What the converter writes for all families."""
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_pad_token_id(PAD)
    writer.add_uint32(f"{writer.arch}.vocab_size", config.vocab_size)
    if models.experts_of(config):
        writer.add_expert_count(getattr(config, "num_local_experts", None) or config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)


def family(name, architecture, classes, settings, seed, more, turns=False, plus_one=False, kinds=MIXED, factors=(), agrees=True):
    """One file and what it must give. `more` writes metadata, `factors` are tensors of wave lengths, and where `agrees`
    transformers' own reader of GGUF is asked for the same numbers."""
    print(f"-- {name}")
    place, generator = folder("gguf", name), numpy.random.default_rng(seed)
    config_class, model_class = (getattr(transformers, f"{classes}{end}") for end in ("Config", "ForCausalLM"))
    config = config_class(**settings)
    if models.experts_of(config):
        config._experts_implementation = "eager"
    model = models.randomise(model_class(config).float(), seed, torch.bfloat16)
    converter = Converter(architecture, config, turns, plus_one)
    writer = gguf.GGUFWriter(place / "model.gguf", architecture)
    writer.add_type("model")
    writer.add_name(name)
    write_metadata(writer, config)
    more(writer, config)
    state, seen = {}, set()
    for tensor, value in model.state_dict().items():
        if value.data_ptr() in seen:
            continue
        seen.add(value.data_ptr())
        pieces, join = converter.pieces(tensor, value.numpy())
        found = []
        for called, piece in pieces.items():
            bytes_, kind = stored(called, numpy.ascontiguousarray(piece), kinds, generator)
            writer.add_tensor(called, bytes_, raw_dtype=kind)
            found.append(bytes_ if kind == Kind.F32 else dequantize(bytes_, kind))
        state[tensor] = torch.from_numpy(numpy.ascontiguousarray(join(found))).float()
    for called, values in factors:
        writer.add_tensor(called, numpy.array(values, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(key == "lm_head.weight" for key in missing), missing
    model.tie_weights()
    expected = {}
    for text in (0, 2):
        outputs, logits = models.run(model.eval(), TEXTS[text])
        block = f"model.layers.{config.num_hidden_layers - 1}"
        wide = ("model.embed_tokens", "model.layers.0.self_attn", "model.norm") if config.hidden_size < 64 else ()
        expected |= {f"{text}/{path}": outputs[path][0].contiguous() for path in (*wide, block, f"{block}.mlp") if text == 0}
    expected["2/logits"] = logits[0].contiguous()
    if agrees:
        theirs = transformers.AutoModelForCausalLM.from_pretrained(place, gguf_file="model.gguf", config=config, dtype=torch.float32)
        # Hugging Face calls Mistral's files Llama's; and the class decides nothing but names.
        theirs = model_class(config).eval().float() if type(theirs) is not model_class else theirs.eval()
        assert torch.equal(models.run(theirs, TEXTS[2])[1][0], expected["2/logits"]), f"{name}: transformers reads it otherwise"
    save_file(expected, place / "expected.safetensors")


def attention(writer, width):
    writer.add_key_length(width)
    writer.add_value_length(width)


def plain(writer, config):
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)


def rope(**fields):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, **fields}}


def llama3_factors(head, theta, factor, low, high, original):
    """The wave lengths of Llama 3.1, as the converter works them out."""
    waves = 2 * numpy.pi * theta ** (numpy.arange(0, head, 2) / head)
    smooth = (original / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    return numpy.where(waves < original / high, 1, numpy.where(waves > original / low, factor, between)).tolist()


def all_families():
    family("llama", "llama", "Llama", {**SMALL, **rope()}, 60, plain, turns=True)

    scaled = dict(factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
    settings = {**SMALL, **rope(rope_type="llama3", **scaled), "head_dim": 16, "tie_word_embeddings": True}

    def wide_heads(writer, config):
        plain(writer, config)
        attention(writer, config.head_dim)

    factors = [("rope_freqs.weight", llama3_factors(16, 500.0, 4.0, 1.0, 4.0, 16))]
    family("llama_scaled", "llama", "Llama", settings, 61, wide_heads, turns=True, factors=factors, agrees=False)

    settings = {**GROUPED, "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1, "head_dim": 16}
    settings |= {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
    family("llama_k", "llama", "Llama", {**settings, **rope()}, 62, wide_heads, turns=True, kinds=BY_256)

    def yarn(writer, config):
        writer.add_rope_freq_base(500.0)
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(16)

    yarned = rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
    family("qwen2", "qwen2", "Qwen2", {**SMALL, **yarned}, 63, yarn)
    family("qwen3", "qwen3", "Qwen3", {**SMALL, **rope(), "head_dim": 16}, 64, wide_heads)
    family("gemma", "gemma", "Gemma", {**SMALL, **rope(), "head_dim": 16}, 65, wide_heads, plus_one=True, agrees=False)

    def gemma2(writer, config):
        wide_heads(writer, config)
        writer.add_attn_logit_softcapping(2.0)
        writer.add_final_logit_softcapping(1.5)
        writer.add_sliding_window(8)

    caps = dict(head_dim=16, query_pre_attn_scalar=16, sliding_window=8, attn_logit_softcapping=2.0, final_logit_softcapping=1.5)
    family("gemma2", "gemma2", "Gemma2", {**SMALL, **rope(), **caps}, 66, gemma2, plus_one=True)

    def gemma3(writer, config):
        writer.add_rope_freq_base(1000.0)
        attention(writer, config.head_dim)
        writer.add_sliding_window(8)
        writer.add_uint32("gemma3.attention.sliding_window_pattern", 2)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(8.0)

    rotations = dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10_000.0),
    )
    types = ["sliding_attention", "full_attention"]
    settings = dict(head_dim=16, query_pre_attn_scalar=16, sliding_window=8, layer_types=types, rope_parameters=rotations)
    third = {**SMALL, **settings}
    transformers.Gemma3Config, kept = transformers.Gemma3TextConfig, transformers.Gemma3Config
    family("gemma3", "gemma3", "Gemma3", third, 67, gemma3, plus_one=True)
    transformers.Gemma3Config = kept

    long = dict(rope_type="longrope", short_factor=[1.0, 1.25, 1.5], long_factor=[1.5, 4.0, 6.0], partial_rotary_factor=0.75)

    def phi3(writer, config):
        writer.add_rope_freq_base(500.0)
        writer.add_rope_dimension_count(6)
        writer.add_rope_scaling_orig_ctx_len(16)
        writer.add_rope_scaling_attn_factors(float(numpy.sqrt(1 + numpy.log(40 / 16) / numpy.log(16))))
        writer.add_sliding_window(8)

    factors = [("rope_factors_short.weight", long["short_factor"]), ("rope_factors_long.weight", long["long_factor"])]
    settings = {**SMALL, **rope(**long), "original_max_position_embeddings": 16, "sliding_window": 8}
    family("phi3", "phi3", "Phi3", settings, 68, phi3, factors=factors, agrees=False)
    family("olmo2", "olmo2", "Olmo2", {**SMALL, **rope()}, 69, lambda writer, _: writer.add_rope_freq_base(500.0), agrees=False)

    def granite(writer, config):
        writer.add_rope_freq_base(500.0)
        writer.add_attention_scale(0.3)
        writer.add_embedding_scale(3.0)
        writer.add_residual_scale(0.4)
        writer.add_logit_scale(5.0)

    scales = dict(attention_multiplier=0.3, embedding_multiplier=3.0, residual_multiplier=0.4, logits_scaling=5.0)
    family("granite", "granite", "Granite", {**SMALL, **rope(), **scales}, 70, granite, turns=True, agrees=False)
    # The fourth block has no positions.
    deeper = {**SMALL, **rope(), "num_hidden_layers": 4}
    family("smollm3", "smollm3", "SmolLM3", deeper, 71, lambda writer, _: writer.add_rope_freq_base(500.0), turns=True, agrees=False)


    # Mixtral's files are Llama's.
    experts = dict(num_local_experts=5, num_experts_per_tok=2, head_dim=8)
    family("mixtral", "llama", "Mixtral", {**SMALL, **rope(), **experts}, 72, plain, turns=True, kinds=ROUTED, agrees=False)

    def qwen2moe(writer, config):
        writer.add_rope_freq_base(500.0)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)

    experts = dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=64)
    family("qwen2moe", "qwen2moe", "Qwen2Moe", {**SMALL, **rope(), **experts}, 73, qwen2moe, kinds=ROUTED)

    def qwen3moe(writer, config):
        wide_heads(writer, config)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)

    experts = dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=32, norm_topk_prob=True, head_dim=16)
    family("qwen3moe", "qwen3moe", "Qwen3Moe", {**SMALL, **rope(), **experts}, 74, qwen3moe, kinds=ROUTED)

    def gpt_oss(writer, config):
        yarn(writer, config)
        attention(writer, config.head_dim)
        writer.add_expert_feed_forward_length(config.intermediate_size)
        writer.add_sliding_window(config.sliding_window)

    ramp = rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, truncate=False)
    experts = dict(num_local_experts=5, num_experts_per_tok=2, head_dim=16, sliding_window=8)
    family("gpt_oss", "gpt-oss", "GptOss", {**SMALL, **ramp, **experts}, 75, gpt_oss, kinds=FOUR_BITS, agrees=False)


# The names of llama.cpp for what transformers calls otherwise than the files that the converter reads.
NOMIC = {
    "embeddings.LayerNorm": "token_embd_norm",
    "self_attn.o_proj": "attn_output",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_proj": "ffn_gate",
    "mlp.down_proj": "ffn_down",
    "post_attention_layernorm": "attn_output_norm",
    "post_mlp_layernorm": "layer_output_norm",
}


def other_family(name, architecture, classes, config, seed, epsilon, kept, more, transposed=()):
    """A model that is not like Llama: its tensors under llama.cpp's names, and what it gives for the two texts."""
    print(f"-- {name}")
    place, generator = folder("gguf", name), numpy.random.default_rng(seed)
    model = models.randomise(getattr(transformers, classes)(config).float(), seed, torch.bfloat16).eval()
    number = next(key for key, called in gguf.MODEL_ARCH_NAMES.items() if called == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    writer = gguf.GGUFWriter(place / "model.gguf", architecture)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.n_inner if architecture == "gpt2" else config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(epsilon)
    writer.add_uint32(f"{architecture}.vocab_size", config.vocab_size)
    more(writer)

    def called(module):
        ours = next((ours for theirs, ours in NOMIC.items() if module.endswith(theirs)), None) if "nomic" in name else None
        block = re.search(r"layers\.(\d+)\.", module)
        return (f"blk.{block[1]}.{ours}" if block else ours) if ours else names.get_name(module)

    state, tied = {}, set()
    tensors = dict(model.state_dict())
    for index in range(config.num_hidden_layers if "nomic" in name else 0):
        parts = [f"layers.{index}.self_attn.{part}_proj.weight" for part in "qkv"]
        tensors[f"encoder.layers.{index}.attn.Wqkv.weight"] = torch.cat([tensors.pop(part) for part in parts])
    for tensor, value in tensors.items():
        if tensor.startswith("pooler") or value.data_ptr() in tied:
            continue
        tied.add(value.data_ptr())
        module, parameter = tensor.rsplit(".", 1)
        turns = parameter == "weight" and module.endswith(transposed)
        in_file = f"{called(module)}.{parameter}"
        bytes_, kind = stored(in_file, numpy.ascontiguousarray((value.T if turns else value).numpy()), MIXED, generator)
        writer.add_tensor(in_file, bytes_, raw_dtype=kind)
        values = torch.from_numpy(numpy.ascontiguousarray(bytes_ if kind == Kind.F32 else dequantize(bytes_, kind))).float()
        values = values.T.contiguous() if turns else values
        if "Wqkv" in tensor:
            index = re.search(r"layers\.(\d+)\.", tensor)[1]
            state |= {f"layers.{index}.self_attn.{part}_proj.weight": rows for part, rows in zip("qkv", values.chunk(3))}
        else:
            state[tensor] = values
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(key == "lm_head.weight" or key.startswith("pooler") for key in missing), missing
    model.tie_weights()
    expected = {}
    for text in (0, 2):
        outputs, logits = models.run(model, TEXTS[text])
        expected |= {f"{text}/{path}": outputs[path][0].contiguous() for path in kept if text == 0}
        if text == 2 and logits is not None:
            expected["2/logits"] = logits[0].contiguous()
    save_file(expected, place / "expected.safetensors")


def all_others():
    sizes = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    sizes["max_position_embeddings"] = 40

    def bert(writer):
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        writer.add_token_type_count(2)

    def nomic(writer):
        bert(writer)
        writer.add_rope_freq_base(500.0)

    blocks = tuple(f"encoder.layer.{index}{part}" for index in (0, 1) for part in ("", ".attention", ".intermediate"))
    config = transformers.BertConfig(**sizes, layer_norm_eps=1e-6)
    other_family("bert", "bert", "BertModel", config, 72, 1e-6, ("embeddings", *blocks), bert)
    blocks = tuple(f"layers.{index}{part}" for index in (0, 1) for part in ("", ".self_attn", ".self_attn.k_proj", ".mlp"))
    config = transformers.NomicBertConfig(**sizes, layer_norm_eps=1e-6, rope_parameters=dict(rope_type="default", rope_theta=500.0))
    other_family("nomic_bert", "nomic-bert", "NomicBertModel", config, 73, 1e-6, ("embeddings", *blocks), nomic)
    names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    names |= {"intermediate_size": "n_inner", "max_position_embeddings": "n_positions"}
    config = transformers.GPT2Config(**{names.get(key, key): value for key, value in sizes.items()}, bos_token_id=2, eos_token_id=5)
    kept = tuple(f"transformer.h.{index}{part}" for index in (0, 1) for part in ("", ".attn", ".attn.c_attn", ".mlp"))
    kept = ("transformer.wpe", *kept, "transformer.ln_f")
    conv = ("c_attn", "c_proj", "c_fc")
    other_family("gpt2", "gpt2", "GPT2LMHeadModel", config, 74, 1e-5, kept, lambda writer: None, conv)


def all_types():
    """A table of any finite values for each type, in a file whose other tensors nobody reads."""
    generator, expected = numpy.random.default_rng(80), {}
    for kind in SCALES:
        columns = gguf.GGML_QUANT_SIZES[kind][0]
        blocks = random_blocks(kind, 6, columns, generator)
        writer = gguf.GGUFWriter(folder("gguf", "types") / f"{kind.name}.gguf", "llama")
        settings = {**SMALL, "hidden_size": columns, "vocab_size": 6, "pad_token_id": None, "bos_token_id": None}
        write_metadata(writer, transformers.LlamaConfig(**settings))
        writer.add_tensor("token_embd.weight", blocks, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        expected[kind.name] = torch.from_numpy(dequantize(blocks, kind))
    save_file(expected, folder("gguf") / "types.safetensors")


def all_parts():
    """The model `llama_scaled` in three parts; the last tensor of the last one says how its positions turn."""
    whole = gguf.GGUFReader(folder("gguf", "llama_scaled") / "model.gguf")
    writer = gguf.GGUFWriter(folder("gguf", "parts") / "model.gguf", "llama", split_max_tensors=8)
    for name, field in whole.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in whole.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    shutil.rmtree(folder("gguf"))
    write_json(folder("gguf") / "inputs.json", [{"ids": TEXTS[text]} for text in (0, 2)])
    all_families()
    all_others()
    all_types()
    all_parts()
