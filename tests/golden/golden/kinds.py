"""A tiny tokenizer of each kind that the families have, and what the peer makes of texts with it.

`tokenizers/<kind>/` is a folder as models publish it, `text/<kind>.json` what `text.py` writes for it, and
`tokenizers/families.json` says which kinds the models of a `model_type` come with. Of a kind that several families share, one
is made: they differ in their words alone.
"""
import collections
import json
import math
import shutil

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import text
from .common import DATA, folder, write_json
from .texts import HARD_TEXTS, REVIEWS
from .tokenizers import LLAMA3_PATTERN

LONGEST = 64
# What the tiny tokenizers learn from. The other hard texts have letters that are unknown then.
CORPUS = [*REVIEWS, *HARD_TEXTS[:24]]

# Which kinds the models of a type come with.
FAMILIES = {
    "bert": ["bert"],
    "distilbert": ["bert"],
    "electra": ["bert"],
    "mpnet": ["mpnet"],
    "nomic_bert": ["bert"],
    "gte": ["bert", "xlm_roberta"],
    "new": ["bert", "xlm_roberta"],
    "jina_embeddings_v3": ["xlm_roberta"],
    "roberta": ["roberta"],
    "bart": ["roberta"],
    "xlm-roberta": ["xlm_roberta"],
    "camembert": ["xlm_roberta"],
    "albert": ["albert"],
    "deberta-v2": ["deberta_v2"],
    "modernbert": ["modernbert"],
    "eurobert": ["llama3"],
    "t5": ["t5"],
    "mt5": ["t5"],
    # Where somebody converted the two models of SentencePiece that they are published with.
    "marian": ["t5"],
    "llama": ["llama2", "llama2_published", "llama3", "starcoder2"],
    "mistral": ["llama2", "llama2_published", "llama3"],
    "mixtral": ["llama2", "llama2_published"],
    "phi3": ["llama2", "llama2_published"],
    "smollm3": ["llama3"],
    "qwen2": ["qwen2"],
    "qwen3": ["qwen2"],
    "qwen3_5_text": ["qwen3_5"],
    "qwen2_moe": ["qwen2"],
    "qwen3_moe": ["qwen2"],
    "gpt_oss": ["gpt_oss"],
    "gemma": ["gemma"],
    "gemma2": ["gemma"],
    "gemma3_text": ["gemma"],
    "gemma4_text": ["gemma"],
    "gpt2": ["gpt2"],
    "gptj": ["gpt2"],
    "gpt_neo": ["gpt2"],
    "phi": ["gpt2"],
    "starcoder2": ["starcoder2"],
    "granite": ["starcoder2"],
    "cohere": ["starcoder2"],
    "cohere2": ["starcoder2"],
    "stablelm": ["gpt_neox"],
    "olmo2": ["llama3"],
    "olmo3": ["llama3"],
    "gpt_neox": ["gpt_neox"],
    "opt": ["opt"],
    "bloom": ["bloom"],
    "falcon": ["falcon"],
}
# Kinds whose words are those of another one: between other special tokens, or from another pipeline. They have the texts that show it.
SAME_WORDS = {"starcoder2", "opt", "modernbert", "llama2", "gpt_oss"}
TELLING_TEXTS = [*HARD_TEXTS[:3], *HARD_TEXTS[15:22], *HARD_TEXTS[27:37]]
# Made by `models.py`, beside the weights of these families.
ELSEWHERE = {"bert": "models/bert/tokenizer", "llama3": "models/eurobert/tokenizer"}


# --- Vocabularies --------------------------------------------------------------------------------------------------


def byte_level_vocabulary(specials, size=60):
    """The vocabulary and merges of a byte-level BPE, with the special tokens in front as RoBERTa and GPT-NeoX have them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=256 + size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    return {piece: index for index, piece in enumerate([*specials, *pieces])}, [tuple(merge) for merge in model["merges"]]


def unigram_vocabulary(specials, lower=False):
    """Pieces with their logarithmic probability: letters, the commonest words and their ends, chosen by counting."""
    words = [word for line in CORPUS for word in (line.lower() if lower else line).split()]
    letters = collections.Counter("".join(words))
    pieces = collections.Counter({letter: count for letter, count in letters.items() if count > 1})
    whole = collections.Counter("▁" + word for word in words)
    ends = collections.Counter(word[-size:] for word in words for size in (2, 3) if len(word) > size + 1)
    starts = collections.Counter("▁" + word[:size] for word in words for size in (1, 3) if len(word) > size)
    for counter, number in ((whole, 60), (ends, 40), (starts, 40)):
        pieces.update(dict(sorted(counter.items(), key=lambda entry: (-entry[1], entry[0]))[:number]))
    pieces["▁"] = len(words)
    total = sum(pieces.values())
    ordered = sorted(pieces.items(), key=lambda entry: (-entry[1], entry[0]))
    return [(piece, 0.0) for piece in specials] + [(piece, math.log(count / total)) for piece, count in ordered]


def bytes_and_merges(specials):
    """The vocabulary and merges of a BPE over characters with `▁` for spaces, which falls back to bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=180, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    names = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    return {name: index for index, name in enumerate(names)}, [tuple(merge) for merge in model["merges"]]


# --- Tokenizers ----------------------------------------------------------------------------------------------------


def published(tokenizer, **names):
    """A tokenizer whose pipeline is written down here, as the file of such a model has it."""
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names)


def around(tokenizer, first, last=None):
    """Puts special tokens at the ends of a text."""
    tokens = [token for token in (first, last) if token]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(token for token in (first, "$A", last) if token),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in tokens],
    )


def byte_level(words, specials, *, normalizer=None, decoder=None, size=60):
    """A byte-level BPE with special tokens in front of its vocabulary."""
    vocabulary, merges = byte_level_vocabulary(specials, size)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, words
    tokenizer.decoder = decoder or decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    return tokenizer


def mpnet():
    """BERT's pieces between RoBERTa's special tokens, the mask with the space before it."""
    pieces = json.load(open(DATA / "models/bert/tokenizer/tokenizer.json"))["model"]["vocab"]
    ordinary = [piece for piece in sorted(pieces, key=pieces.get) if not piece.startswith("[") or piece == "[UNK]"]
    names = ["<s>", "<pad>", "</s>", *ordinary, "<mask>"]
    return transformers.MPNetTokenizer(
        vocab={piece: index for index, piece in enumerate(names)}, model_max_length=LONGEST
    )


def roberta():
    vocabulary, merges = byte_level_vocabulary(["<s>", "<pad>", "</s>", "<unk>"])
    vocabulary["<mask>"] = len(vocabulary)
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=LONGEST)


def gpt2():
    vocabulary, merges = byte_level_vocabulary([])
    vocabulary["<|endoftext|>"] = len(vocabulary)
    return transformers.GPT2Tokenizer(vocab=vocabulary, merges=merges, model_max_length=LONGEST)


def starcoder2():
    """GPT-2's words, and each digit one of its own; SmolLM's and Command R's are of this kind."""
    words = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer = byte_level(words, ["<|endoftext|>"])
    return published(tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")


def opt():
    """GPT-2's words behind `</s>`, the padding with id 1."""
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<s>", "<pad>", "</s>", "<unk>"])
    around(tokenizer, "</s>")
    return published(tokenizer, bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>")


def spaces(tokenizer):
    """Runs of spaces are tokens of their own in GPT-NeoX's vocabulary, and the NFC form of letters is read."""
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in (3, 2)])
    return tokenizer


def gpt_neox():
    tokenizer = spaces(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>", "<|padding|>"], normalizer=normalizers.NFC()))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return published(tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")


def modernbert():
    """GPT-NeoX's words between BERT's special tokens."""
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    tokenizer = spaces(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), specials, normalizer=normalizers.NFC()))
    tokenizer.add_special_tokens([AddedToken("[MASK]", special=True, lstrip=True, normalized=False)])
    around(tokenizer, "[CLS]", "[SEP]")
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return published(tokenizer, **names)


def qwen2():
    vocabulary, merges = byte_level_vocabulary([])
    for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
        vocabulary[token] = len(vocabulary)
    return transformers.Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, model_max_length=LONGEST, extra_special_tokens=["<|im_start|>", "<|im_end|>"]
    )


def qwen3_5():
    """Qwen 2's, but marks on letters are letters."""
    vocabulary, merges = byte_level_vocabulary([])
    for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
        vocabulary[token] = len(vocabulary)
    return transformers.Qwen3_5Tokenizer(
        vocab=vocabulary, merges=merges, model_max_length=LONGEST, extra_special_tokens=["<|im_start|>", "<|im_end|>"]
    )


def gpt_oss():
    """A capital letter begins a word, and a contraction ends it; up to three digits are one."""
    capitals, letters, contraction = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    patterns = [
        rf"[^\r\n\p{{L}}\p{{N}}]?{capitals}*{letters}+{contraction}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{capitals}+{letters}*{contraction}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
    words = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("|".join(patterns)), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer = byte_level(words, ["<|startoftext|>", "<|endoftext|>", "<|return|>"])
    return published(tokenizer, bos_token="<|startoftext|>", eos_token="<|return|>", pad_token="<|endoftext|>")


def bloom():
    """Punctuation of all languages ends a word, and letters run on through digits."""
    words = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^(\s|[.,!?…。，、।۔،])]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer = byte_level(words, ["<unk>", "<s>", "</s>", "<pad>"])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=True, trim_offsets=False, use_regex=False)
    return published(tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def falcon():
    words = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split("[0-9][0-9][0-9]", "isolated"),
        ]
    )
    tokenizer = byte_level(words, [">>TITLE<<", ">>ABSTRACT<<", "<|endoftext|>"])
    return published(tokenizer, eos_token="<|endoftext|>", extra_special_tokens=[">>TITLE<<", ">>ABSTRACT<<"])


def t5():
    pieces = unigram_vocabulary(["<pad>", "</s>", "<unk>"])
    pieces += [(f"<extra_id_{index}>", 0.0) for index in (1, 0)]
    return transformers.T5Tokenizer(vocab=pieces, extra_ids=2, model_max_length=LONGEST)


def xlm_roberta():
    pieces = [*unigram_vocabulary(["<s>", "<pad>", "</s>", "<unk>"]), ("<mask>", 0.0)]
    return transformers.XLMRobertaTokenizer(vocab=pieces, model_max_length=LONGEST)


def albert():
    pieces = unigram_vocabulary(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], lower=True)
    return transformers.AlbertTokenizer(vocab=pieces, model_max_length=LONGEST)


def deberta_v2():
    pieces = [*unigram_vocabulary(["[PAD]", "[CLS]", "[SEP]", "[UNK]"]), ("[MASK]", 0.0)]
    return transformers.DebertaV2Tokenizer(vocab=pieces, unk_id=3, model_max_length=LONGEST)


def llama2():
    """As transformers 5 builds it: one pre-tokenizer that writes spaces as `▁` and splits nothing."""
    vocabulary, merges = bytes_and_merges(["<unk>", "<s>", "</s>"])
    return transformers.LlamaTokenizer(vocab=vocabulary, merges=merges, model_max_length=LONGEST, add_bos_token=True)


def llama2_published():
    """As the published file has it: the normalizer writes spaces as `▁`, and there is no pre-tokenizer."""
    vocabulary, merges = bytes_and_merges(["<unk>", "<s>", "</s>"])
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    around(tokenizer, "<s>")
    return published(tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def gemma():
    vocabulary, merges = bytes_and_merges(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"])
    tokenizer = transformers.GemmaTokenizer(vocab=vocabulary, merges=merges, model_max_length=LONGEST)
    around(tokenizer.backend_tokenizer, "<bos>")
    return tokenizer


KINDS = (mpnet, roberta, gpt2, starcoder2, opt, gpt_neox, modernbert, qwen2, qwen3_5, gpt_oss, bloom, falcon, t5, xlm_roberta, albert, deberta_v2, llama2, llama2_published, gemma)


def generate(_shared):
    transformers.logging.set_verbosity_error()
    shutil.rmtree(DATA / "tokenizers", ignore_errors=True)
    for make in KINDS:
        place = folder("tokenizers", make.__name__)
        make().save_pretrained(place)
        for file in place.iterdir():
            if file.name not in ("tokenizer.json", "tokenizer_config.json"):
                file.unlink()
        # As small as it can be written.
        write_json(place / "tokenizer.json", json.load(open(place / "tokenizer.json")))
        tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(place)
        text.write(make.__name__, tokenizer, TELLING_TEXTS if make.__name__ in SAME_WORDS else HARD_TEXTS)
    made = {make.__name__ for make in KINDS} | set(ELSEWHERE)
    assert made == {kind for kinds in FAMILIES.values() for kind in kinds}, "a kind that no family has, or the other way round"
    write_json(DATA / "tokenizers" / "families.json", FAMILIES)
