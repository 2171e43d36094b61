"""Checkpoints as `torch.save` writes them, of the weights of llama's `causal_lm`. The test compares them with the safetensors.

* `torch/whole`: one `pytorch_model.bin`, as `save_pretrained` wrote it before safetensors.
* `torch/views`: the same tensors as parameters, as transposed and strided views, as parts of one storage, and beside what a training
  script saves besides.
* `torch/shards`: two shards and their index.
* `torch/older`: the format before PyTorch 1.6, of what `torch/views` has. The names of storages are addresses there, so that a
  second run gives other bytes. `torch/older_plain`: the tensors themselves, with numbers
  beside them that no model is read of, `torch/older_protocol_4` the same as a later version of pickles.
* `torch/script.bin`: a TorchScript program.
"""
import collections
import json
import shutil

import torch
from safetensors.torch import load_file

from .common import DATA, folder

NAME = "pytorch_model.bin"


def views(tensors):
    """The same values in other places: four kinds of views in turn."""
    changed = collections.OrderedDict()
    fused = torch.cat([tensor.flatten() for tensor in tensors.values()])
    start = 0
    for index, (name, tensor) in enumerate(tensors.items()):
        part = fused[start : start + tensor.numel()].view(tensor.shape)
        spaced = torch.zeros(*tensor.shape[:-1], tensor.shape[-1] * 2, dtype=tensor.dtype)
        spaced[..., ::2] = tensor
        changed[name] = [part, torch.nn.Parameter(tensor), tensor.T.contiguous().T, spaced[..., ::2]][index % 4]
        start += tensor.numel()
    assert all(torch.equal(changed[name], tensor) for name, tensor in tensors.items())
    return changed


def generate(_shared):
    tensors = load_file(DATA / "models" / "llama" / "weights" / "model.safetensors")
    state = collections.OrderedDict(sorted(tensors.items()))
    state["model.rotary_emb.inv_freq"] = torch.arange(4, dtype=torch.int64)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    shutil.rmtree(DATA / "torch", ignore_errors=True)
    torch.save(state, folder("torch", "whole") / NAME)
    del state["model.rotary_emb.inv_freq"]
    saved = {"epoch": 3, "loss": 0.25, "shape": torch.Size([2, 3]), "device": torch.device("cpu"), "state_dict": views(state)}
    torch.save(saved, folder("torch", "views") / NAME)
    names = list(state)
    parts = {"pytorch_model-00001-of-00002.bin": names[: len(names) // 2], "pytorch_model-00002-of-00002.bin": names[len(names) // 2 :]}
    for file, part in parts.items():
        torch.save({name: state[name] for name in part}, folder("torch", "shards") / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder("torch", "shards") / f"{NAME}.index.json").write_text(json.dumps(index, indent=0) + "\n")
    torch.save(saved, folder("torch", "older") / NAME, _use_new_zipfile_serialization=False)
    torch.save(state, folder("torch", "older_protocol_4") / NAME, pickle_protocol=4, _use_new_zipfile_serialization=False)
    state["counts"] = torch.arange(3)
    state["flags"] = torch.tensor([True, False])
    state["unused"] = torch.zeros(2, dtype=torch.complex64)
    torch.save(state, folder("torch", "older_plain") / NAME, _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.Linear(1, 1)).save(folder("torch") / "script.bin")
