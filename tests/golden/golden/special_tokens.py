"""What transformers takes for special tokens where a model's files declare them in part, or not at all."""

import json
import shutil
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

DATA = Path(__file__).parents[1] / "data"
ELSEWHERE = {"bert": DATA / "models/bert/tokenizer", "llama3": DATA / "models/eurobert/tokenizer"}
# No file at all, and files that say something else or only part of it.
CONFIGS = [
    None,
    {"do_lower_case": True, "model_max_length": 512},
    {"unk_token": "[UNK]"},
    {"pad_token": None, "model_max_length": 512},
    {"tokenizer_class": "PreTrainedTokenizerFast"},
    {"tokenizer_class": "BertTokenizerFast"},
    {"tokenizer_class": "RobertaTokenizer", "pad_token": "</s>"},
    {"tokenizer_class": "LlamaTokenizer"},
    {"extra_special_tokens": ["<extra_id_1>"]},
]


def generate(_shared):
    cases = []
    for model_type, kinds in json.loads((DATA / "tokenizers/families.json").read_text()).items():
        for kind in kinds:
            source = ELSEWHERE.get(kind, DATA / "tokenizers" / kind)
            for config in CONFIGS:
                case = case_of(model_type, kind, source / "tokenizer.json", config)
                if case is not None:
                    cases.append(case)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (DATA / "special_tokens.json").write_text(f"[\n{lines}\n]\n")


def case_of(model_type, kind, tokenizer_json, config):
    file = json.loads(tokenizer_json.read_text())
    vocabulary = file["model"]["vocab"]
    known = {piece if isinstance(piece, str) else piece[0] for piece in vocabulary}
    known |= {token["content"] for token in file["added_tokens"]}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shutil.copy(tokenizer_json, folder)
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        if config is not None:
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except (TypeError, OSError, ValueError):
            return None  # A class that wants another vocabulary, or a type that transformers has no class for.
    # transformers gives special tokens that the vocabulary lacks ids beyond it, which the model does not have.
    special = sorted(token for token in set(tokenizer.all_special_tokens) if token in known)
    cls = tokenizer.cls_token if tokenizer.cls_token in known else None
    return {"model_type": model_type, "kind": kind, "config": config, "special": special, "cls": cls}
