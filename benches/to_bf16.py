"""Writes a model's folder again with its weights in bfloat16.

    python benches/to_bf16.py FOLDER OUT
"""
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

source, out = map(pathlib.Path, sys.argv[1:])
shutil.copytree(source, out, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
for file in source.glob("*.safetensors"):
    rounded = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
    save_file(rounded, out / file.name, metadata={"format": "pt"})
