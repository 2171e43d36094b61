"""Tokenizers of models without a `tokenizer.json`, as transformers builds them from the files that are there.

`vocabulary_files/files/` holds tiny vocabularies, `vocabulary_files/<kind>.json` the small files of a model that comes with one
of them, and what `AutoTokenizer.from_pretrained` of such a folder gives: the pipeline as `save_pretrained` writes it, and ids.
"""
import collections
import io
import json
import re
import shutil
import struct
import tempfile
from pathlib import Path

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from .common import folder, write_json
from .texts import HARD_TEXTS, REVIEWS

LONGEST = 64
FNV_START = 0xCBF29CE484222325
SKIPPED = {"a" * 101 + " ok " + "b" * 100, *HARD_TEXTS[5:8]}
CORPUS = [*REVIEWS, *HARD_TEXTS, *HARD_TEXTS]
# What each kind has ids for: the first ones tell most rules from each other.
TELLING = [
    "The [MASK] naïve CAFÉ, e\u0301té-電影很 <mask>x  </s>don't [NEW]newword 🎬\u0000\u0007\u00a0½ﬁ\u2028",
    "  two  spaces\n\n\nand\ttabs 1,234.5 \u2581\u2581x▁y \u200b``q'' 𒀀 <0x41> ",
    "<s>glued<pad><unk> [CLS][SEP] <|endoftext|>y<extra_id_0> <eop><cls>  <start_of_turn>user\n\n<h1>",
    "",
    " ",
    "\n",
]
TEXTS = TELLING + [text for text in HARD_TEXTS if text not in SKIPPED and text not in TELLING]


# --- Vocabularies --------------------------------------------------------------------------------------------------


def word_piece(place):
    """Lines as some published files have them: spaces behind a token, and, in one of the files, a token twice."""
    words = re.findall(r"\w+|[^\w\s]", " ".join(CORPUS + [text.lower() for text in CORPUS]))
    words += "naive cafe ete resume istanbul 電 影 很 喜".split() * 9

    def commonest(pieces, number):
        counts = collections.Counter(pieces)
        return sorted(counts, key=lambda piece: (-counts[piece], piece))[:number]

    letters = commonest("".join(words), 110)
    whole = commonest((word for word in words if len(word) > 2), 80)
    ends = commonest((word[-size:] for word in words for size in (2, 3) if len(word) > size), 30)
    starts = commonest((word[:2] for word in words if len(word) > 2), 20)
    pieces = [*letters, *(f"##{letter}" for letter in letters[:80]), *whole, *starts, *(f"##{end}" for end in ends)]
    pieces = list(dict.fromkeys(pieces))
    names = ["[PAD]", "[unused0] ", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]
    (place / "vocab.txt").write_text("\n".join([*names, "newword"]) + "\n", encoding="utf-8")
    (place / "twice.txt").write_text("\n".join([*names, "film", "newword"]) + "\n", encoding="utf-8")
    names = ["<s>", "<pad>", "</s>", *pieces, "[UNK]", "<mask>"]
    (place / "mpnet.txt").write_text("\n".join(names), encoding="utf-8")


def byte_level(place):
    """One vocabulary for all: the special tokens of the families in front and behind, some of them missing."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(CORPUS, trainer)
    model = json.loads(trained.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    front, back = ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>", "<|endoftext|>", "<PAD>", "<CLS>", "<BOS_TOKEN>"]
    vocabulary = {piece: index for index, piece in enumerate([*front, *pieces, *back])}
    (place / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    merges = [" ".join(merge) for merge in model["merges"]]
    (place / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")


# A few of the rules of `nmt_nfkc`, whose whole map has 240 KB: digits, ligatures, full width, spaces and controls.
RULES = {
    "½": "1⁄2", "²": "2", "①": "1", "ﬁ": "fi", "ﬂ": "fl", "…": "...", "７": "7", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ",
    "\u2028": " ", "\u200b": " ", "\u0007": "", "\u00ad": "", "e\u0301": "é", "a\u030a": "å", "ﷺ": "صلى الله عليه وسلم",
}


def spell(text):
    return " ".join(f"{ord(character):X}" for character in text)


def piece_model(place, name, *, rules=True, **options):
    with tempfile.TemporaryDirectory() as folder_of_rules:
        table = Path(folder_of_rules) / "rules.tsv"
        table.write_text("".join(f"{spell(a)}\t{spell(b)}\n" for a, b in RULES.items()), encoding="utf-8")
        model = io.BytesIO()
        normalization = {"normalization_rule_tsv": str(table)} if rules else {"normalization_rule_name": "identity"}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line for text in 3 * REVIEWS + HARD_TEXTS for line in text.replace("\t", "\n").split("\n")]),
            model_writer=model,
            num_threads=1,
            minloglevel=2,
            character_coverage=0.98,
            **normalization,
            **options,
        )
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    # Paths of this machine, and nothing that is read.
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.model_prefix = name
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    (place / f"{name}.model").write_bytes(proto.SerializeToString())


def piece_models(place):
    unigram = {"model_type": "unigram", "vocab_size": 260, "hard_vocab_limit": False}
    t5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    piece_model(place, "t5", **unigram, **t5, user_defined_symbols=["<h1>", "▁▁"])
    albert = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1, "control_symbols": ["[CLS]", "[SEP]", "[MASK]"]}
    piece_model(place, "albert", **unigram, **albert)
    piece_model(place, "xlm_roberta", **unigram)
    deberta = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    deberta |= {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    piece_model(place, "deberta", **unigram, **deberta)
    whole = {"model_type": "bpe", "byte_fallback": True, "split_digits": True, "remove_extra_whitespaces": False}
    whole |= {"rules": False, "allow_whitespace_only_pieces": True}
    piece_model(place, "llama", vocab_size=400, control_symbols=["[INST]"], **whole)
    gemma = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>"}
    symbols = ["<mask>", "\n", "\n\n", "▁▁", "▁▁▁", "<h1>"]
    gemma |= {"control_symbols": ["<start_of_turn>"], "user_defined_symbols": symbols, "add_dummy_prefix": False}
    piece_model(place, "gemma", vocab_size=390, **gemma, **whole)


# --- Models --------------------------------------------------------------------------------------------------------


def added(content, **flags):
    fields = {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    return fields | flags


def kept(content, **flags):
    """A token as `tokenizer_config.json` writes it."""
    return {"__type": "AddedToken", **added(content, **flags)}


WORDS = {"vocab.txt": "vocab.txt"}
BYTES = {"vocab.json": "vocab.json", "merges.txt": "merges.txt"}


class Kind:
    """A folder: which vocabulary under which name, and its small files."""

    def __init__(self, model_type, vocabulary, tokenizer_config=None, special_tokens_map=None, added_tokens=None, **config):
        self.vocabulary = vocabulary
        self.files = {
            "config.json": {"model_type": model_type, **config},
            "tokenizer_config.json": tokenizer_config,
            "special_tokens_map.json": special_tokens_map,
            "added_tokens.json": added_tokens,
        }


BERT_NAMES = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
OPT_TOKEN = kept("</s>")
KINDS = {
    # WordPiece
    "bert": Kind("bert", WORDS, {"do_lower_case": True, "model_max_length": LONGEST}),
    "bert_alone": Kind("bert", {"vocab.txt": "twice.txt"}),
    "bert_cased": Kind(
        "bert", WORDS, {"do_lower_case": False, "tokenizer_class": "BertTokenizer", "never_split": ["don't"]}, BERT_NAMES
    ),
    "bert_accents": Kind(
        "bert",
        WORDS,
        {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False, "additional_special_tokens": ["[EXTRA]", "▁y"]},
        {**BERT_NAMES, "mask_token": added("[MASK]", lstrip=True, normalized=False)},
        {"[NEW]": 400, "newword": 7, "[EXTRA]": 401},
    ),
    "bert_decoder": Kind(
        "bert",
        WORDS,
        {
            "do_lower_case": False,
            "strip_accents": True,
            "added_tokens_decoder": {
                "2": added("[UNK]", normalized=False, special=True),
                "500": added("newword", single_word=True, special=False),
                "400": added("[NEW]", rstrip=True, normalized=False, special=True),
            },
            "mask_token": "[NEW]",
            "pad_token": None,
            "image_token": "<cls>",
            "extra_special_tokens": ["<eop>"],
        },
        {"cls_token": "[UNK]"},
    ),
    "distilbert": Kind("distilbert", WORDS, {"tokenizer_class": "DistilBertTokenizer", "model_max_length": LONGEST}),
    "electra": Kind("electra", WORDS, {"tokenizer_class": "ElectraTokenizer", "strip_accents": None, "do_lower_case": True}),
    "mpnet": Kind("mpnet", {"vocab.txt": "mpnet.txt"}, {"tokenizer_class": "MPNetTokenizer", "model_max_length": LONGEST}),
    "mpnet_alone": Kind("mpnet", {"vocab.txt": "mpnet.txt"}, None, {"mask_token": "<mask>", "sep_token": "</s>"}),
    # Byte-level BPE
    "gpt2": Kind("gpt2", BYTES, {"model_max_length": LONGEST}),
    "gpt2_padded": Kind(
        "gpt2",
        BYTES,
        {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "add_bos_token": True, "add_eos_token": True, "pad_token": "<pad>"},
        None,
        {"[NEW]": 340},
    ),
    "opt": Kind(
        "opt",
        BYTES,
        {
            "errors": "replace",
            "unk_token": OPT_TOKEN,
            "bos_token": OPT_TOKEN,
            "eos_token": OPT_TOKEN,
            "pad_token": "<pad>",
            "add_prefix_space": False,
            "add_bos_token": True,
            "tokenizer_class": "GPT2Tokenizer",
        },
        {"bos_token": added("</s>"), "eos_token": added("</s>"), "unk_token": added("</s>"), "pad_token": "<pad>"},
    ),
    "roberta": Kind("roberta", BYTES, {"model_max_length": LONGEST}),
    "roberta_prefix": Kind(
        "roberta",
        BYTES,
        {"add_prefix_space": True, "trim_offsets": False, "tokenizer_class": "RobertaTokenizer", "add_bos_token": True},
        {"mask_token": added("<mask>", lstrip=True), "sep_token": "<pad>"},
    ),
    "bart": Kind("bart", BYTES, {"tokenizer_class": "BartTokenizer"}),
    "phi": Kind(
        "phi",
        BYTES,
        {"tokenizer_class": "CodeGenTokenizer", "add_prefix_space": False, "model_max_length": 2048},
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
        {"  ": 341, "[NEW]": 340},
    ),
    "phi_ends": Kind("phi", BYTES, {"tokenizer_class": "CodeGenTokenizer", "add_bos_token": True}),
    "starcoder2": Kind("starcoder2", BYTES),
    "gpt_neox": Kind("gpt_neox", BYTES, {"add_prefix_space": True}),
    "gpt_neox_ends": Kind("gpt_neox", BYTES, {"add_bos_token": True, "add_eos_token": True, "tokenizer_class": "GPTNeoXTokenizer"}),
    "qwen2": Kind(
        "qwen2",
        BYTES,
        {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<s>", "additional_special_tokens": ["<h1>"], "bos_token": None},
    ),
    "qwen3": Kind("qwen3", BYTES, {"tokenizer_class": "Qwen2TokenizerFast", "add_prefix_space": True}),
    "cohere": Kind("cohere", BYTES, {"add_bos_token": True}),
    # SentencePiece
    "t5": Kind("t5", {"spiece.model": "t5.model"}, {"model_max_length": LONGEST, "extra_ids": 3}),
    "t5_published": Kind(
        "t5",
        {"spiece.model": "t5.model"},
        {"extra_ids": 2, "additional_special_tokens": ["<extra_id_0>", "<extra_id_1>"], "tokenizer_class": "T5Tokenizer"},
        {"eos_token": "</s>", "pad_token": "<pad>", "additional_special_tokens": ["<extra_id_0>", "<extra_id_1>"]},
    ),
    "mt5": Kind(
        "mt5",
        {"spiece.model": "t5.model"},
        {"extra_ids": 0, "additional_special_tokens": None, "eos_token": "</s>"},
        {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        tokenizer_class="T5Tokenizer",
    ),
    "albert": Kind("albert", {"spiece.model": "albert.model"}, {"model_max_length": LONGEST}),
    "albert_kept": Kind(
        "albert",
        {"spiece.model": "albert.model"},
        {
            "do_lower_case": False,
            "keep_accents": True,
            "add_prefix_space": False,
            "mask_token": kept("[MASK]", lstrip=True, normalized=False),
            "tokenizer_class": "AlbertTokenizer",
        },
    ),
    "albert_ends": Kind("albert", {"spiece.model": "albert.model"}, {"add_eos_token": True}),
    "xlm_roberta": Kind("xlm-roberta", {"sentencepiece.bpe.model": "xlm_roberta.model"}, {"model_max_length": LONGEST}),
    "xlm_roberta_alone": Kind("xlm-roberta", {"sentencepiece.bpe.model": "xlm_roberta.model"}),
    "gte": Kind(
        "gte",
        {"sentencepiece.bpe.model": "xlm_roberta.model"},
        {"tokenizer_class": "XLMRobertaTokenizer", "add_prefix_space": False},
        {"mask_token": added("<mask>", lstrip=True), "bos_token": "<s>"},
    ),
    "camembert": Kind("camembert", {"sentencepiece.bpe.model": "xlm_roberta.model"}, {"model_max_length": LONGEST}),
    "camembert_published": Kind(
        "camembert",
        {"sentencepiece.bpe.model": "xlm_roberta.model"},
        {"tokenizer_class": "CamembertTokenizer"},
        {"mask_token": added("<mask>", lstrip=True), "additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"]},
    ),
    "deberta_v2": Kind("deberta-v2", {"spm.model": "deberta.model"}, {"do_lower_case": False, "vocab_type": "spm"}),
    "deberta_v2_split": Kind(
        "deberta-v2",
        {"spm.model": "deberta.model"},
        {"do_lower_case": True, "split_by_punct": True, "add_prefix_space": False, "tokenizer_class": "DebertaV2Tokenizer"},
        BERT_NAMES,
        {"[MASK]": 128000},
    ),
    "llama": Kind(
        "llama",
        {"tokenizer.model": "llama.model"},
        {
            "tokenizer_class": "LlamaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "legacy": False,
            "bos_token": kept("<s>", normalized=False),
            "eos_token": kept("</s>", normalized=False),
            "unk_token": kept("<unk>", normalized=False),
            "pad_token": None,
            "model_max_length": 1000000000000000019884624838656,
        },
    ),
    "llama_legacy": Kind(
        "llama", {"tokenizer.model": "llama.model"}, {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_eos_token": True}
    ),
    "llama_alone": Kind("llama", {"tokenizer.model": "llama.model"}, {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False}),
    "llama_unnamed": Kind("llama", {"tokenizer.model": "llama.model"}),
    "mistral": Kind(
        "mistral",
        {"tokenizer.model": "llama.model"},
        {
            "tokenizer_class": "LlamaTokenizer",
            "add_bos_token": True,
            "added_tokens_decoder": {
                "0": added("<unk>", normalized=False, special=True),
                "1": added("<s>", normalized=False, special=True),
                "3": added("[TOOL]", normalized=False, special=True),
            },
        },
    ),
    "phi3": Kind(
        "phi3",
        {"tokenizer.model": "llama.model"},
        {"tokenizer_class": "LlamaTokenizer", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
        None,
        {"<|endoftext|>": 400, "<|user|>": 401},
    ),
    "stablelm": Kind("stablelm", {"tokenizer.model": "xlm_roberta.model"}),
    "gemma": Kind("gemma", {"tokenizer.model": "gemma.model"}, {"add_bos_token": True, "tokenizer_class": "GemmaTokenizer"}),
    "gemma2": Kind(
        "gemma2",
        {"tokenizer.model": "gemma.model"},
        {"bos_token": "<bos>", "additional_special_tokens": ["<start_of_turn>"]},
        {"pad_token": added("<pad>", normalized=False)},
    ),
}
# What has all texts; of the others those that tell them from these.
WHOLE = {"bert", "bert_cased", "mpnet", "gpt2", "roberta", "gpt_neox", "qwen2", "t5", "albert", "xlm_roberta", "camembert", "deberta_v2", "llama", "mistral", "gemma"}


# --- What transformers makes of them -------------------------------------------------------------------------------


def fnv(state, data):
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state


def hash_of(lines):
    state = FNV_START
    for line in lines:
        state = fnv(state, line.encode() + b"\xff")
    return f"{state:016x}"


def without_vocabulary(file):
    """The saved `tokenizer.json` with hashes in place of what is long."""
    model = file["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        lines = [f"{index} {piece}" for piece, index in sorted(vocabulary.items(), key=lambda entry: (entry[1], entry[0]))]
    else:
        # Scores are floats of 32 bits; a copy that transformers makes may be off by the last one of 64.
        lines = [f"{struct.pack('>f', score).hex()} {piece}" for piece, score in vocabulary]
    model["vocab"] = hash_of(lines)
    if "merges" in model:
        model["merges"] = hash_of(f"{left} {right}" for left, right in model["merges"])

    def short(part):
        if isinstance(part, dict):
            return {key: f"{len(value)} letters" if key == "precompiled_charsmap" else short(value) for key, value in part.items()}
        return [short(member) for member in part] if isinstance(part, list) else part

    return short(file)


def put(place, kind, files):
    for name, source in kind.vocabulary.items():
        shutil.copy(files / source, place / name)
    for name, content in kind.files.items():
        if content is not None:
            (place / name).write_text(json.dumps(content), encoding="utf-8")


def user_defined(kind, files):
    models = [files / source for source in kind.vocabulary.values() if source.endswith(".model")]
    protos = [sentencepiece_model_pb2.ModelProto.FromString(model.read_bytes()) for model in models]
    return {piece.piece for proto in protos for piece in proto.pieces if piece.type == piece.USER_DEFINED}


def expect(name, kind, files):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        put(place, kind, files)
        tokenizer = transformers.AutoTokenizer.from_pretrained(place)
        tokenizer.save_pretrained(place / "saved")
        saved = json.loads((place / "saved/tokenizer.json").read_text(encoding="utf-8"))
        config = json.loads((place / "saved/tokenizer_config.json").read_text(encoding="utf-8"))
        again = transformers.AutoTokenizer.from_pretrained(place / "saved")
    texts = TEXTS if name in WHOLE else TELLING
    # Symbols that a model's author defined stand for themselves, though transformers lists them among the special tokens.
    special = set(tokenizer.all_special_tokens) - (user_defined(kind, files) - set(tokenizer.special_tokens_map.values()))
    ids = [tokenizer(text)["input_ids"] for text in texts]
    differ = [text for text, expected in zip(texts, ids, strict=True) if again(text)["input_ids"] != expected]
    if differ:
        print(f"  {name}: what is saved and loaded again gives other ids in {len(differ)} of {len(texts)}: {differ[:2]}")
    write_json(
        files.parent / f"{name}.json",
        {
            "vocabulary": kind.vocabulary,
            "files": {name: content for name, content in kind.files.items() if content is not None},
            "class": type(tokenizer).__name__,
            "special": sorted(special),
            "cls": tokenizer.cls_token,
            "saved_class": config["tokenizer_class"],
            "saved": without_vocabulary(saved),
            "ids": ids,
        },
    )
    return tokenizer


def compare_with_sentence_piece(name, tokenizer, kind, files):
    """How ids differ from SentencePiece's own, as pieces: families shift ids."""
    (source,) = kind.vocabulary.values()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(files / source))
    plain = [text for text in TEXTS[6:] if not set("<[\0") & set(text)] + ["two  spaces", " leading", "trailing ", "a\nb", "naïve"]

    def pieces(text):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        return [token if token != tokenizer.unk_token else None for token in tokenizer.convert_ids_to_tokens(ids)]

    def own(text):
        return [processor.id_to_piece(index) if not processor.is_unknown(index) else None for index in processor.encode(text)]

    differ = [text for text in plain if pieces(text) != own(text)]
    print(f"  {name}: {len(differ)} of {len(plain)} texts differ from SentencePiece's own: {differ[:3]} {differ[-4:]}")


def generate(_shared):
    transformers.logging.set_verbosity_error()
    shutil.rmtree(folder("vocabulary_files"))
    files = folder("vocabulary_files", "files")
    word_piece(files)
    byte_level(files)
    piece_models(files)
    write_json(files.parent / "texts.json", TEXTS)
    for name, kind in KINDS.items():
        tokenizer = expect(name, kind, files)
        if any(source.endswith(".model") for source in kind.vocabulary.values()):
            compare_with_sentence_piece(name, tokenizer, kind, files)
