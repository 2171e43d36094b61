"""Tokenizers as GGUF metadata, and what the tokenizers that they were made from give.

Each case is built twice from one vocabulary: as the `tokenizer.json` that models of that kind publish, which says what is
right, and as the metadata that llama.cpp's converters write, which is all that Eidos gets.
"""
import collections
import io
import json
import re
import shutil
import tempfile

import gguf
import sentencepiece
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .common import folder, write_json
from .text import FNV_START, fnv
from .texts import HARD_TEXTS, REVIEWS
from .tokenizers import LLAMA3_PATTERN
from .tokenizers import word_piece as word_piece_of_bert

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
CONTEXT_LENGTH = 120

# As the models publish them. Qwen's differs from Llama 3's in one thing: a digit is a word of its own.
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# What the tiny tokenizers learn from: the hard texts more than once, so that their pieces are learnt too.
CORPUS = [*REVIEWS, *HARD_TEXTS, *HARD_TEXTS, *HARD_TEXTS]
# Longer than need be here, or about sentences alone.
SKIPPED = {"a" * 101 + " ok " + "b" * 100, *HARD_TEXTS[5:8]}
TEXTS = [text for text in HARD_TEXTS if text not in SKIPPED] + [
    "<s>glued</s> <unk> <s> <|begin_of_text|>x<|endoftext|>y <bos>z<eos>",
    "<|user|>\n  hi <|end|> there<|assistant|> ok",
    "<start_of_turn>user\n<table> <tool_call>{}</tool_call> <|im_start|>a<|im_end|>",
    "\u2581written\u2581\u2581like  a   piece    of     ours",
    "x" + "\n" * 9 + "y" + " " * 9 + "z\n\n\n",
    "I'M he'LL we'vE 'tis 1234567890 AbCdE fooBAR/// a/\n\nb",
]

# Where only the words differ from a case that has all texts: those that words differ on, and what is spelt out in no other.
FEWER_TEXTS = [text for text in TEXTS[:-6] if set(text) & set("'\n\t½\u0301")] + TEXTS[-6:]
ALL_TEXTS = {"llama2", "llama3"}


class Case:
    """One tokenizer: the original, and the vocabulary with the types that a GGUF file gives it."""

    def __init__(self, original, vocabulary, metadata, named):
        self.original = original
        self.vocabulary = vocabulary  # [(token, type, score)]
        self.metadata = metadata
        self.named = named  # {"bos": token, ...}


# --- SentencePiece -------------------------------------------------------------------------------------------------


def sentence_piece(**options):
    """A SentencePiece BPE vocabulary with bytes, of [(piece, type, score)], and the processor that it belongs to."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        # Without tabs, which are bytes then.
        sentence_iterator=iter([line for text in 3 * REVIEWS + HARD_TEXTS for line in re.split(r"[\n\t]", text)]),
        model_writer=model,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    user_defined = set(options.get("user_defined_symbols", ()))

    def kind(index):
        if processor.is_unknown(index):
            return UNKNOWN
        if processor.is_control(index):
            return CONTROL
        if processor.is_byte(index):
            return BYTE
        return USER_DEFINED if processor.id_to_piece(index) in user_defined else NORMAL

    pieces = [(processor.id_to_piece(i), kind(i), processor.get_score(i)) for i in range(processor.get_piece_size())]
    return pieces, processor


def merges_of(pieces, longest_first=False):
    """Every way to put a piece together from two others, the best piece first, as the converters of transformers list them.

    Those of one piece come in the order of the ids of their parts. Newer converters prefer longer parts among pieces of
    one score: Gemma 3's file has that order, those of Llama 2, Mistral and Gemma 2 are older.
    """
    ids = {piece: index for index, (piece, _, _) in enumerate(pieces)}
    merges = []
    for piece, _, score in pieces:
        cuts = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        parts = [(left, right) for left, right in cuts if left in ids and right in ids]
        merges += [(score, left, right) for left, right in sorted(parts, key=lambda part: (ids[part[0]], ids[part[1]]))]
    if longest_first:
        merges.sort(key=lambda merge: (merge[0], len(merge[1]), len(merge[2])), reverse=True)
    else:
        merges.sort(key=lambda merge: merge[0], reverse=True)
    return [(left, right) for _, left, right in merges]


def bpe_with_bytes(pieces, unknown, **options):
    vocabulary = {piece: index for index, (piece, _, _) in enumerate(pieces)}
    merges = merges_of(pieces, **options)
    return Tokenizer(models.BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))


def add_tokens(tokenizer, added):
    """[(token, special, whether it swallows the space behind it)]"""
    tokenizer.add_tokens(
        [AddedToken(token, special=special, rstrip=rstrip, normalized=False) for token, special, rstrip in added]
    )


def begin_with(tokenizer, *, bos=None, eos=None):
    tokens = [token for token in (bos, eos) if token]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(filter(None, (bos, "$A", eos))),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in tokens],
    )


def llama_layout(tokenizer):
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )


def llama2():
    """Llama 2 and Mistral; the matrix has two rows more than there are tokens, which the file fills up."""
    pieces, processor = sentence_piece(vocab_size=400)
    tokenizer = bpe_with_bytes(pieces, "<unk>")
    llama_layout(tokenizer)
    add_tokens(tokenizer, [("<unk>", True, False), ("<s>", True, False), ("</s>", True, False)])
    begin_with(tokenizer, bos="<s>")
    compare_with_sentence_piece("llama2", tokenizer, processor)
    filler = [(f"[PAD{index}]", UNUSED, -1000.0) for index in range(len(pieces), len(pieces) + 2)]
    metadata = {"architecture": "llama", "model": "llama", "pre": "default", "add_bos": True, "add_eos": False}
    return Case(tokenizer, pieces + filler, metadata, {"bos": "<s>", "eos": "</s>", "unk": "<unk>"})


def phi3():
    """Phi-3: Llama 2's pieces, and markers that swallow the space behind them. This file has no `add_bos_token`.

    Phi-3's own `</s>` is a marker that is not called special, so that decoding keeps it: no file tells that.
    """
    pieces, _ = sentence_piece(vocab_size=370)
    tokenizer = bpe_with_bytes(pieces, "<unk>")
    llama_layout(tokenizer)
    markers = ["<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>"]
    add_tokens(tokenizer, [("<unk>", True, False), ("<s>", True, False), ("</s>", True, True)])
    add_tokens(tokenizer, [(marker, True, marker != "<|endoftext|>") for marker in markers])
    begin_with(tokenizer, bos="<s>")
    vocabulary = pieces + [(marker, CONTROL, -1000.0) for marker in markers]
    metadata = {"architecture": "phi3", "model": "llama", "pre": "default"}
    named = {"bos": "<s>", "eos": "<|endoftext|>", "unk": "<unk>", "pad": "<|endoftext|>"}
    return Case(tokenizer, vocabulary, metadata, named)


def gemma(architecture, longest_first, tab):
    """Gemma has no space in front, and runs of spaces and newlines as user-defined pieces.

    The file writes their spaces as spaces and gives them the score -1000. Gemma's `tokenizer.json` spells the byte of the tab
    as the tab, where the vocabulary has no other piece for it.
    """
    runs = ["\n" * count for count in (1, 2, 3, 4)] + ["▁" * count for count in (2, 3, 4)]
    symbols = [*runs, "<table>", *(["\t"] if tab else [])]
    pieces, processor = sentence_piece(
        vocab_size=390,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        control_symbols=["<start_of_turn>"],
        user_defined_symbols=symbols,
        add_dummy_prefix=False,
    )
    spelt = [("\t" if piece == "<0x09>" and not tab else piece, kind, score) for piece, kind, score in pieces]
    tokenizer = bpe_with_bytes(spelt, "<unk>", longest_first=longest_first)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    add_tokens(
        tokenizer,
        [(piece, kind != USER_DEFINED, False) for piece, kind, _ in pieces if kind in (UNKNOWN, CONTROL, USER_DEFINED)],
    )
    begin_with(tokenizer, bos="<bos>")
    compare_with_sentence_piece(architecture, tokenizer, processor)
    vocabulary = [
        (piece.replace("▁", " "), kind, -1000.0) if kind == USER_DEFINED else (piece, kind, score)
        for piece, kind, score in pieces
    ]
    metadata = {
        "architecture": architecture,
        "model": "llama",
        "pre": "default",
        "add_bos": True,
        "add_eos": False,
        "add_space_prefix": False,
    }
    return Case(tokenizer, vocabulary, metadata, {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>"})


def compare_with_sentence_piece(name, tokenizer, processor):
    """Whether the original agrees with SentencePiece itself, where no special token is spelt out."""
    texts = [text for text in TEXTS if "<" not in text and "\0" not in text]
    differ = [text for text in texts if tokenizer.encode(text, add_special_tokens=False).ids != processor.encode(text)]
    print(f"  {name}: {len(differ)} of {len(texts)} texts differ from SentencePiece's own ids: {differ}")


# --- Byte-level BPE ------------------------------------------------------------------------------------------------


def split(pattern):
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )


def byte_level(words, added, *, size, ignore_merges=False, normalizer=None, bos=None, eos=None):
    """A tokenizer whose pre-tokenizer is `words`, and its vocabulary for the file. `added` is [(token, special)].

    It learns from texts that are not split, so that every rule of `words` keeps some merge from being used. The merge of one
    token that is a whole word is taken out: whether `ignore_merges` is set decides then if the token is used.
    """
    trained = Tokenizer(models.BPE())
    trained.normalizer, trained.pre_tokenizer = normalizer, pre_tokenizers.ByteLevel(False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    vocabulary = trained.get_vocab()
    merges = [tuple(merge) for merge in json.loads(trained.to_str())["model"]["merges"]]
    whole = next(merge for merge in reversed(merges) if "".join(merge).startswith("Ġ") and "".join(merge)[1:].isalpha())
    merges.remove(whole)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=ignore_merges))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, words, decoders.ByteLevel()
    add_tokens(tokenizer, [(token, special, False) for token, special in added])
    if bos or eos:
        begin_with(tokenizer, bos=bos, eos=eos)
    tokens = sorted(vocabulary, key=vocabulary.get)
    kinds = [(token, NORMAL, 0.0) for token in tokens]
    kinds += [(token, CONTROL if special else USER_DEFINED, 0.0) for token, special in added]
    return tokenizer, kinds, merges


def llama3():
    added = [("<|begin_of_text|>", True), ("<|end_of_text|>", True), ("<|eot_id|>", True)]
    tokenizer, vocabulary, merges = byte_level(
        split(LLAMA3_PATTERN), added, size=320, ignore_merges=True, bos=added[0][0]
    )
    metadata = {"architecture": "llama", "model": "gpt2", "pre": "llama-bpe", "merges": merges}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<|begin_of_text|>", "eos": "<|eot_id|>"})


def qwen2():
    added = [("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True), ("<tool_call>", False), ("</tool_call>", False)]
    tokenizer, vocabulary, merges = byte_level(split(QWEN2_PATTERN), added, size=320, normalizer=normalizers.NFC())
    metadata = {"architecture": "qwen2", "model": "gpt2", "pre": "qwen2", "merges": merges, "add_bos": False}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": "<|endoftext|>"})


def gpt2():
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer, vocabulary, merges = byte_level(words, [("<|endoftext|>", True)], size=320)
    metadata = {"architecture": "gpt2", "model": "gpt2", "pre": "gpt-2", "merges": merges}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"})


def smollm():
    words = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    added = [("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True)]
    tokenizer, vocabulary, merges = byte_level(words, added, size=320)
    metadata = {"architecture": "llama", "model": "gpt2", "pre": "smollm", "merges": merges, "add_bos": False}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<|im_start|>", "eos": "<|im_end|>", "unk": "<|endoftext|>", "pad": "<|im_end|>"})


def tekken():
    """Mistral Nemo's words, here with a token at either end of a text."""
    added = [("<unk>", True), ("<s>", True), ("</s>", True)]
    tokenizer, vocabulary, merges = byte_level(split(TEKKEN_PATTERN), added, size=340, ignore_merges=True, bos="<s>", eos="</s>")
    metadata = {"architecture": "llama", "model": "gpt2", "pre": "tekken", "merges": merges, "add_bos": True, "add_eos": True}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<s>", "eos": "</s>", "unk": "<unk>"})


def gpt4o():
    tokenizer, vocabulary, merges = byte_level(
        split(GPT4O_PATTERN), [("<|endoftext|>", True), ("<|end|>", True)], size=320, ignore_merges=True
    )
    metadata = {"architecture": "phi3", "model": "gpt2", "pre": "gpt-4o", "merges": merges, "add_bos": False}
    return Case(tokenizer, vocabulary, metadata, {"bos": "<|endoftext|>", "eos": "<|endoftext|>"})


def word_piece(architecture, lowercase):
    """BERT's. The converter puts a mark before what begins a word, and takes the one from what goes on with it."""
    vocabulary = vocabulary_of_pieces()
    if not lowercase:
        vocabulary += ["World", "New", "Mr", "W", "S", "##S", "U", "é", "##é"]
    ids = {piece: index for index, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    add_tokens(tokenizer, [(token, True, False) for token in special] + [("[tag]", False, False), ("<tag>", False, False)])
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=ends)

    def spelt(token):
        if token.startswith("[") and token.endswith("]"):
            return token
        return token[2:] if token.startswith("##") else "\u2581" + token

    kinds = {**dict.fromkeys(special, CONTROL), "[tag]": USER_DEFINED, "<tag>": USER_DEFINED}
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    entries = [(spelt(token), kinds.get(token, NORMAL), 0.0) for token in tokens]
    named = {"bos" if lowercase else "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
    return Case(tokenizer, entries, {"architecture": architecture, "model": "bert", "pre": "default"}, named)


def vocabulary_of_pieces():
    pieces = word_piece_of_bert().get_vocab()
    return sorted(pieces, key=pieces.get)


CASES = {
    "bert": lambda: word_piece("bert", True),
    "bert_cased": lambda: word_piece("nomic-bert", False),
    "llama2": llama2,
    "phi3": phi3,
    "gemma2": lambda: gemma("gemma2", longest_first=False, tab=False),
    "gemma3": lambda: gemma("gemma3", longest_first=True, tab=True),
    "llama3": llama3,
    "qwen2": qwen2,
    "gpt2": gpt2,
    "smollm": smollm,
    "tekken": tekken,
    "gpt4o": gpt4o,
}


# --- Files ---------------------------------------------------------------------------------------------------------


def write_gguf(path, case):
    """The metadata in the words of llama.cpp's converters. There are no tensors."""
    metadata = case.metadata
    writer = gguf.GGUFWriter(path, metadata["architecture"])
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_tokenizer_model(metadata["model"])
    writer.add_tokenizer_pre(metadata["pre"])
    tokens = [token for token, _, _ in case.vocabulary]
    writer.add_token_list(tokens)
    writer.add_token_types([kind for _, kind, _ in case.vocabulary])
    if metadata["model"] == "llama":
        writer.add_token_scores([score for _, _, score in case.vocabulary])
    elif metadata["model"] == "gpt2":
        writer.add_token_merges([" ".join(merge) for merge in metadata["merges"]])
    for name, token in case.named.items():
        # The converters of 2024 had a key for this one, which stands under the beginning's since.
        add = {"cls": lambda id: writer.add_uint32("tokenizer.ggml.cls_token_id", id)}.get(name)
        (add or getattr(writer, f"add_{name}_token_id"))(tokens.index(token))
    for key, add in [
        ("add_bos", writer.add_add_bos_token),
        ("add_eos", writer.add_add_eos_token),
        ("add_space_prefix", writer.add_add_space_prefix),
    ]:
        if key in metadata:
            add(metadata[key])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def expect(tokenizer, text):
    """What the original gives: ids, the characters of every token, how many tokens each word has where there is more than one
    word, and the text that the ids stand for if it is another."""
    encoding = tokenizer.encode(text)
    entry = {"text": TEXTS.index(text), "ids": encoding.ids, "characters": steps(encoding.offsets)}
    if tokenizer.pre_tokenizer and any(encoding.word_ids):
        words = collections.Counter(word for word in encoding.word_ids if word is not None)
        entry["words"] = [words[word] for word in sorted(words)]
    decoded = tokenizer.decode(encoding.ids, skip_special_tokens=True)
    return entry if decoded == text else {**entry, "decoded": decoded}


def steps(offsets):
    """Offsets in few bytes: of each token how far its start is from the end of the one before, and its length."""
    end, result = 0, []
    for start, stop in offsets:
        result += [start - end, stop - start]
        end = stop
    return result


def hash_of_vocabulary(tokenizer):
    """The ids and strings in the order of the ids: the id in decimal, a space, the string and 0xFF."""
    state = FNV_START
    for token, index in sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda entry: entry[1]):
        state = fnv(state, f"{index} {token}".encode() + b"\xff")
    return f"{state:016x}"


def compare_with_transformers(name, path, case):
    """How transformers' own reading of the file differs; README.md says why."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(path, place)
        try:
            peer = transformers.AutoTokenizer.from_pretrained(place, gguf_file=path.name)
        except Exception as error:  # noqa: BLE001 - whatever it refuses
            print(f"  {name}: transformers does not read it: {type(error).__name__}: {str(error)[:150]}")
            return
    differ = [text for text in TEXTS if peer(text)["input_ids"] != case.original.encode(text).ids]
    print(f"  {name}: transformers' reading of the file differs in {len(differ)} of {len(TEXTS)} texts: {differ[:5]}")


def generate(_shared):
    transformers.logging.set_verbosity_error()
    place = folder("gguf_tokenizers")
    shutil.rmtree(place)
    place = folder("gguf_tokenizers")
    write_json(place / "texts.json", TEXTS)
    for name, make in CASES.items():
        case = make()
        assert all(count == 1 for count in collections.Counter(token for token, _, _ in case.vocabulary).values())
        path = place / f"{name}.gguf"
        write_gguf(path, case)
        compare_with_transformers(name, path, case)
        tokenizer = case.original
        tokenizer.enable_truncation(CONTEXT_LENGTH)
        write_json(
            place / f"{name}.json",
            {
                "special_ids": sorted({tokenizer.token_to_id(token) for token in case.named.values()}),
                "max_tokens": CONTEXT_LENGTH,
                "vocabulary_fnv1a": hash_of_vocabulary(tokenizer),
                "texts": [expect(tokenizer, text) for text in (TEXTS if name in ALL_TEXTS else FEWER_TEXTS)],
            },
        )
