"""Make the golden fixtures again: expected values computed by PyTorch, transformers, scikit-learn and interpreto.

    python generate.py all          # or one part: models, encoders, gguf ...
    python generate.py text --shared ../../../shared/data

Everything is written below `data/`, seeded, so that a second run changes nothing. README.md says what each file is.
"""
import os

# Set before torch and tokenizers are imported: one thread, no network, no warnings about forks.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import importlib
import pathlib

PARTS = [
    "models",
    "encoders",
    "rotary_encoders",
    "alibi_encoders",
    "decoders",
    "half",
    "gradients",
    "interventions",
    "defaults",
    "gguf",
    "torch_files",
    "text",
    "kinds",
    "special_tokens",
    "gguf_tokenizers",
    "ica",
    "top_inputs",
    "aggregation",
]
# What reads nothing that another part makes comes last: concept methods.
PLACE = pathlib.Path(__file__).parent / "golden"
PARTS += sorted({path.stem for path in PLACE.glob("*.py") if "\ndef generate(" in path.read_text()} - set(PARTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["all", *PARTS])
    parser.add_argument("only", nargs="*", help="families of encoders or decoders, to make only these")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../../../shared/data"))
    arguments = parser.parse_args()
    for part in PARTS if arguments.part == "all" else [arguments.part]:
        print(f"== {part}")
        importlib.import_module(f"golden.{part}").generate(arguments.shared.resolve())


if __name__ == "__main__":
    main()
