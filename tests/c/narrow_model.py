"""Writes the demo model with a third of its width into a folder: the same tokenizer and modules, and a fifteenth of the arithmetic.

    python3 tests/c/narrow_model.py FOLDER

valgrind computes each fused multiply and add in a function of its own, which is nearly all the time that a test takes there.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "assets/demo-model"
# The heads keep their 32 columns: there are two, of six.
WIDTHS = {192: 64, 512: 96}


def narrow(values: bytes, shape: list[int]) -> tuple[bytes, list[int]]:
    """The first rows and columns of a tensor in float16."""
    kept = [WIDTHS.get(length, length) for length in shape]
    row = 2 * shape[-1]
    rows = kept[0] if len(kept) == 2 else 1
    return b"".join(values[index * row : index * row + 2 * kept[-1]] for index in range(rows)), kept


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEMO / name, folder)

    config = json.loads((DEMO / "config.json").read_text())
    for key in ("hidden_size", "intermediate_size"):
        config[key] = WIDTHS[config[key]]
    config["num_attention_heads"] = config["num_key_value_heads"] = 2
    (folder / "config.json").write_text(json.dumps(config))

    data = (DEMO / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, data = json.loads(data[8 : 8 + length]), data[8 + length :]
    tensors, body = {}, b""
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        begin, end = tensor["data_offsets"]
        values, shape = narrow(data[begin:end], tensor["shape"])
        tensors[name] = {"dtype": tensor["dtype"], "shape": shape, "data_offsets": [len(body), len(body) + len(values)]}
        body += values
    written = json.dumps(tensors).encode()
    written += b" " * (-len(written) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(written)) + written + body)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
