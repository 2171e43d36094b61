"""Write the models that the kit measures: real shapes with random weights, the same file for Eidos and for its peer.

    python models.py FOLDER CONFIG TOKENIZER --type bf16 [--tiny]

CONFIG is a config.json of the Llama kind (EuroBERT's is one), TOKENIZER a folder with tokenizer.json. PyTorch draws the numbers
where there is one, on its GPU if it has one; --tiny makes a model that Python alone can draw.
"""
import argparse
import array
import json
import pathlib
import random
import shutil

try:
    import torch
except ImportError:
    torch = None

TINY = dict(
    hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, head_dim=16,
)
NAMES = {"f32": "F32", "bf16": "BF16"}


def shapes(config):
    """The name and the shape of each weight."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    yield "model.embed_tokens.weight", (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}."
        yield block + "self_attn.q_proj.weight", (queries, width)
        yield block + "self_attn.k_proj.weight", (keys, width)
        yield block + "self_attn.v_proj.weight", (keys, width)
        yield block + "self_attn.o_proj.weight", (width, queries)
        yield block + "mlp.gate_proj.weight", (inner, width)
        yield block + "mlp.up_proj.weight", (inner, width)
        yield block + "mlp.down_proj.weight", (width, inner)
        yield block + "input_layernorm.weight", (width,)
        yield block + "post_attention_layernorm.weight", (width,)
    yield "model.norm.weight", (width,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], width)


def numbers(shape, kind, draw):
    """The bytes of a weight: ones for a norm, else normal with a standard deviation of 0.02."""
    count = shape[0] * (shape[1] if len(shape) == 2 else 1)
    if torch is not None:
        if len(shape) == 1:
            values = torch.ones(count, device=draw.device)
        else:
            values = torch.empty(count, device=draw.device).normal_(0.0, 0.02, generator=draw)
        if kind == "bf16":
            return values.to(torch.bfloat16).view(torch.int16).cpu().numpy().tobytes()
        return values.cpu().numpy().tobytes()
    # A thousand values over and over: a vocabulary has too many numbers to be drawn one by one without PyTorch.
    drawn = [draw.gauss(0.0, 0.02) for _ in range(1009)]
    values = array.array("f", [1.0] * count if len(shape) == 1 else (drawn * (count // 1009 + 1))[:count])
    bytes_ = values.tobytes()
    if kind == "f32":
        return bytes_
    upper = bytearray(2 * count)
    upper[0::2], upper[1::2] = bytes_[2::4], bytes_[3::4]
    return bytes(upper)


def write(folder, config, tokenizer, kind):
    """Writes a folder as a hub has it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, folder / name)
    (folder / "config.json").write_text(json.dumps({**config, "dtype": {"f32": "float32", "bf16": "bfloat16"}[kind]}))
    if torch is None:
        draw = random.Random(0)
    else:
        draw = torch.Generator("cuda" if torch.cuda.is_available() else "cpu")
        draw.manual_seed(0)
    size = {"f32": 4, "bf16": 2}[kind]
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes(config):
        start, end = end, end + size * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": NAMES[kind], "shape": list(shape), "data_offsets": [start, end]}
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _, shape in shapes(config):
            file.write(numbers(shape, kind, draw))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("config", type=pathlib.Path)
    arguments.add_argument("tokenizer", type=pathlib.Path)
    arguments.add_argument("--type", choices=NAMES, default="bf16")
    arguments.add_argument("--tiny", action="store_true")
    arguments = arguments.parse_args()
    config = json.loads(arguments.config.read_text())
    if arguments.tiny:
        vocabulary = json.loads((arguments.tokenizer / "tokenizer.json").read_text())
        ids = list(vocabulary["model"]["vocab"].values()) + [token["id"] for token in vocabulary.get("added_tokens", [])]
        config.update(TINY, vocab_size=max(ids) + 1)
        config.update({name: 0 for name in config if name.endswith("_token_id")})
    write(arguments.folder, config, arguments.tokenizer, arguments.type)


if __name__ == "__main__":
    main()
