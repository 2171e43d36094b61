"""One random Llama of 8 blocks and width 1024 in many types, for the job that measures: what quantised weights cost and save.

    python benches/gguf_models.py FOLDER TOKENIZER     # needs torch, transformers, gguf; TOKENIZER is a folder with tokenizer.json
    for type in F32 BF16 Q8_0 Q4_0 Q4_K Q6_K; do
        cargo bench --bench job -- --model FOLDER/$type --texts train.jsonl --split model.layers.7.mlp --limit 192
    done
"""
import pathlib
import shutil
import sys

import gguf
import numpy
import torch
import transformers
from gguf import GGMLQuantizationType as Kind

SETTINGS = dict(
    vocab_size=128_256, hidden_size=1024, intermediate_size=2816, num_hidden_layers=8, num_attention_heads=16,
    num_key_value_heads=8, max_position_embeddings=2048, tie_word_embeddings=True, pad_token_id=None,
)
# The package does not quantise K types: their blocks are random, with scales (at these bytes) of about this size.
RANDOM = {Kind.Q4_K: ((0, 2), 2e-4), Kind.Q6_K: ((208,), 3e-5)}


def blocks(value, kind):
    if kind not in RANDOM:
        return gguf.quants.quantize(value, kind)
    (places, size), (count, length) = RANDOM[kind], gguf.GGML_QUANT_SIZES[kind]
    result = numpy.random.default_rng(1).integers(0, 256, (value.size // count, length), dtype=numpy.uint8)
    for place in places:
        result[:, place : place + 2] = numpy.float16([size]).view(numpy.uint8)
    return result.reshape(value.shape[0], -1)


def write_gguf(model, kind, file):
    config, names = model.config, gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    for name, value in model.state_dict().items():
        if name != "lm_head.weight":
            module, parameter = name.rsplit(".", 1)
            stored = Kind.F32 if value.dim() == 1 else kind
            writer.add_tensor(f"{names.get_name(module)}.{parameter}", blocks(value.numpy(), stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder, tokenizer = map(pathlib.Path, sys.argv[1:])
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SETTINGS)).float()
    for name in ("F32", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for file in tokenizer.glob("*.json"):
            shutil.copy(file, place)
        if name in ("F32", "BF16"):
            model.to(torch.float32 if name == "F32" else torch.bfloat16).save_pretrained(place)
            model.float()
        else:
            write_gguf(model, Kind[name], place / "model.gguf")


main()
