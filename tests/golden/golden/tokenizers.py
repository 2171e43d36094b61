"""Two tiny tokenizers, trained on the review sentences: byte-level BPE as EuroBERT has it, WordPiece as BERT has it."""
import collections
import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, PreTrainedTokenizerFast

from .texts import REVIEWS

# The split pattern that Llama 3 published and EuroBERT uses: an optional single leading character, then letters, ...
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level():
    """Byte-level BPE with the Llama 3 split and the `<|begin_of_text|> ... <|end_of_text|>` template."""
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|mask|>", "<|pad|>"]
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=316, initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator(REVIEWS, trainer)
    # Behind the vocabulary, as in EuroBERT's own file.
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in specials])
    bos, eos = (tokenizer.token_to_id(special) for special in specials[:2])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{specials[0]} $A {specials[1]}",
        pair=f"{specials[0]} $A {specials[1]} $B {specials[1]}",
        special_tokens=[(specials[0], bos), (specials[1], eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=specials[0],
        eos_token=specials[1],
        mask_token=specials[2],
        pad_token=specials[3],
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    )


def word_piece():
    """WordPiece with BERT's lower-casing normaliser and the `[CLS] ... [SEP]` template.

    The vocabulary is chosen by counting, because the library's own trainer orders its pieces differently every time.
    """
    words = collections.Counter(word for text in REVIEWS for word in re.findall(r"\w+|[^\w\s]", text))
    letters = sorted({letter for word in words for letter in word})
    endings = collections.Counter()
    for word, count in words.items():
        endings.update({word[-size:]: count for size in (2, 3) if len(word) > size + 1})

    def commonest(counter, number):
        return [item for item, _ in sorted(counter.items(), key=lambda entry: (-entry[1], entry[0]))[:number]]

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += ["##" + piece for piece in [*filter(str.isalnum, letters), *commonest(endings, 30)]]
    pieces += [word for word in commonest(words, 80) if len(word) > 1]
    return BertTokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, model_max_length=64)
