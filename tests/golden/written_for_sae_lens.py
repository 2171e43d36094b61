"""What SAELens makes of dictionaries that Eidos wrote for it: each of `data/dictionaries`, opened and saved by the library, against the expected values.

    cargo build --release --lib && venv/bin/python written_for_sae_lens.py ../../target/release/libeidos.so
"""
import ctypes
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import load_file
from sae_lens import SAE

PLACE = pathlib.Path(__file__).parent / "data" / "dictionaries"
# What SAELens has no class for, and what is opened without the factor of its rows here.
LEFT_OUT = ["sparsify/h.3.attn", "sparsify/layers.6.mlp", "sae_lens_factor", "llama_scope_r1"]


def main(library):
    eidos = ctypes.CDLL(str(pathlib.Path(library).resolve()))
    eidos.eidos_error_message.restype = ctypes.c_char_p
    expected = load_file(PLACE / "expected.safetensors")
    worst = 0.0

    def call(function, *arguments):
        error = ctypes.c_void_p()
        if function(*arguments, ctypes.byref(error)) != 0:
            raise RuntimeError(eidos.eidos_error_message(error, None))

    for case in sorted(name.removesuffix("/rows") for name in expected if name.endswith("/rows")):
        if case in LEFT_OUT:
            continue
        explainer = ctypes.c_void_p()
        call(eidos.eidos_explainer_open, str(PLACE / case).encode(), ctypes.byref(explainer))
        with tempfile.TemporaryDirectory() as folder:
            call(eidos.eidos_explainer_save_as, explainer, folder.encode(), ctypes.c_uint32(0))
            sae = SAE.load_from_disk(folder)
        eidos.eidos_explainer_free(explainer)
        rows = expected[f"{case}/rows"]
        with torch.no_grad():
            found = {"codes": sae.encode(rows), "reconstructed": sae(rows)}
        for what, values in found.items():
            wanted = expected[f"{case}/{what}"]
            off = ((values - wanted).abs().max() / wanted.abs().max()).item()
            worst = max(worst, off)
            assert off < 2e-6, (case, what, off)
        print(f"{case}: {type(sae).__name__}")
    print(f"at most {worst:.1e} of the largest value apart")


if __name__ == "__main__":
    main(*sys.argv[1:])
