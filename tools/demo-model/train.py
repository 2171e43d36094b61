"""Trains the small model inside Eidos: a EuroBERT of four layers that knows movie reviews.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train.py --data ../../../shared/data --out ../../assets/demo-model     # half an hour on one core

Two things are learned at once: to guess masked tokens, and, at `model.layers.2.mlp`, to say what each word means, as a much
larger sentence encoder (all-MiniLM-L6-v2, Apache-2.0) knows it. The second makes the directions of that module mean
something, which a million words of text alone would not. See `meanings` for what exactly is learned there.
"""
import argparse, glob, json, math, os, pathlib, random, re, time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoTokenizer, EuroBertConfig, EuroBertForMaskedLM

SPLIT = "model.layers.2.mlp"
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|mask|>", "<|pad|>"]
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
VOCABULARY, WIDTH, LAYERS, HEADS, INNER = 6000, 192, 4, 6, 512
MOST_TOKENS = 64
CONTEXT, RARE = 0.15, 3e-3


def read_texts(data):
    """Sentences: those of Rotten Tomatoes as they are, those of IMDB cut and in lower case."""
    lines = lambda name: [json.loads(line)["text"] for line in open(data / name, encoding="utf-8")]
    texts = lines("rotten_tomatoes/train.jsonl")
    for review in lines("imdb/part.jsonl"):
        for sentence in re.split(r"(?<=[.!?])\s+", re.sub(r"<br\s*/?>", " ", review)):
            if 4 <= len(sentence.split()) <= 40:
                texts.append(sentence if random.random() < 0.2 else sentence.lower())
    return texts


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(LLAMA_3), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=VOCABULARY - len(SPECIAL), initial_alphabet=alphabet))
    tokenizer.add_special_tokens(SPECIAL)
    begin, end = SPECIAL[:2]
    ids = [(token, tokenizer.token_to_id(token)) for token in (begin, end)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A {end}", special_tokens=ids)
    return tokenizer


def encode(tokenizer, texts):
    """Token ids, and the words of each text: their positions and characters."""
    encoded = []
    for text in texts:
        encoding = tokenizer.encode(text)
        if not 4 <= len(encoding.ids) <= MOST_TOKENS:
            continue
        words = {}
        for position, word in enumerate(encoding.word_ids):
            if word is not None:
                words.setdefault(word, []).append(position)
        spans = []
        for positions in words.values():
            start, end = encoding.offsets[positions[0]][0], encoding.offsets[positions[-1]][1]
            start += len(text[start:end]) - len(text[start:end].lstrip())
            spans.append((positions[0], positions[-1] + 1, start, end))
        encoded.append((text, encoding.ids, spans))
    return encoded


@torch.inference_mode()
def teach(encoded, folder):
    """The teacher's vectors of each word, one row after the other, standardised."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    tokenizer.padding_side = "right"
    taken = {}
    model.encoder.layer[4].register_forward_hook(lambda m, i, o: taken.update(rows=o[0] if isinstance(o, tuple) else o))
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][1]))
    vectors = [None] * len(encoded)
    for at in range(0, len(order), 64):
        batch = order[at : at + 64]
        inputs = tokenizer([encoded[i][0] for i in batch], return_tensors="pt", padding=True, truncation=True, return_offsets_mapping=True)
        offsets = inputs.pop("offset_mapping")
        model(**inputs)
        for row, i in enumerate(batch):
            starts, ends = offsets[row, :, 0], offsets[row, :, 1]
            words = []
            for _, _, start, end in encoded[i][2]:
                inside = (starts < end) & (ends > start)
                words.append(taken["rows"][row][inside].mean(0) if inside.any() else torch.full((model.config.hidden_size,), math.nan))
            vectors[i] = torch.stack(words).half()
    return vectors


def meanings(encoded, vectors):
    """What each word is to be mapped to: mostly its mean over all texts, a little what the teacher says of it in its text.

    Frequent words are moved towards zero as in smooth inverse frequency weighting (Arora, Liang & Ma 2017), so that the
    directions belong to what texts are about and not to "the" and commas. Projected on the largest principal components.
    """
    names = [text[start:end].lower() for text, _, spans in encoded for _, _, start, end in spans]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    kinds = torch.tensor([numbers[name] for name in names])
    every = torch.cat(vectors).float()
    known = ~every.isnan().any(1)
    counts = torch.zeros(len(numbers)).index_add_(0, kinds[known], torch.ones(int(known.sum())))
    means = torch.zeros(len(numbers), every.shape[1]).index_add_(0, kinds[known], every[known]) / counts.clamp(min=1)[:, None]
    weight = RARE / (RARE + counts / counts.sum())
    every.mul_(CONTEXT).add_(means[kinds], alpha=1 - CONTEXT).sub_(every[known].mean(0))
    every.mul_(weight[kinds][:, None])
    directions = torch.linalg.eigh(torch.cov(every[known][::7].T))[1][:, -WIDTH:]
    every = every @ directions
    every /= every[known].std()
    return list(every.split([len(v) for v in vectors]))


def batches(encoded, size, rng):
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][1]) + rng.random() * 4)
    packs = [order[i : i + size] for i in range(0, len(order), size)]
    rng.shuffle(packs)
    return packs


def start_from_meanings(table, encoded, targets):
    """Lets the vector of each token begin as the mean of the words that it is part of."""
    counts = torch.zeros(len(table))
    sums = torch.zeros_like(table)
    for (_, ids, spans), goals in zip(encoded, targets):
        tokens = [(token, word) for word, (first, last, _, _) in enumerate(spans) for token in ids[first:last]]
        tokens = torch.tensor([(token, word) for token, word in tokens if not goals[word].isnan().any()] or [(0, 0)][:0])
        if len(tokens):
            sums.index_add_(0, tokens[:, 0], goals[tokens[:, 1]])
            counts.index_add_(0, tokens[:, 0], torch.ones(len(tokens)))
    table[counts > 0] = 0.06 * sums[counts > 0] / counts[counts > 0, None]


def train(encoded, targets, tokenizer, steps, size=48):
    pad, mask = tokenizer.token_to_id("<|pad|>"), tokenizer.token_to_id("<|mask|>")
    config = EuroBertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, head_dim=WIDTH // HEADS, intermediate_size=INNER, max_position_embeddings=512,
        tie_word_embeddings=True, pad_token_id=pad, bos_token_id=tokenizer.token_to_id(SPECIAL[0]),
        eos_token_id=tokenizer.token_to_id(SPECIAL[1]), mask_token_id=mask, initializer_range=0.04,
    )
    model = EuroBertForMaskedLM(config)
    start_from_meanings(model.model.embed_tokens.weight.data, encoded, targets)
    taken = {}
    model.get_submodule(SPLIT).register_forward_hook(lambda module, inputs, output: taken.update(rows=output))
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98))
    rng, begin, step, smooth = random.Random(0), time.time(), 0, None
    while step < steps:
        for pack in batches(encoded, size, rng):
            if step == steps:
                break
            rate = 2e-3 * min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = rate
            length = max(len(encoded[i][1]) for i in pack)
            ids = torch.full((len(pack), length), pad)
            for row, i in enumerate(pack):
                ids[row, : len(encoded[i][1])] = torch.tensor(encoded[i][1])
            attention = (ids != pad).long()
            ordinary = (ids < config.vocab_size - len(SPECIAL)) & attention.bool()
            chosen = ordinary & (torch.rand(ids.shape) < 0.15)
            hidden = torch.where(chosen & (torch.rand(ids.shape) < 0.8), mask, ids)
            rows = model.model(input_ids=hidden, attention_mask=attention).last_hidden_state
            guess = torch.nn.functional.cross_entropy(model.lm_head(rows[chosen]), ids[chosen])
            words, goals, whole = [], [], []
            for row, i in enumerate(pack):
                for word, (first, last, _, _) in enumerate(encoded[i][2]):
                    if not hidden[row, first:last].eq(mask).any():
                        words.append(taken["rows"][row, first:last].mean(0))
                        goals.append(targets[i][word])
            goals = torch.stack(goals)
            known = ~goals.isnan().any(1)
            distance = torch.nn.functional.mse_loss(torch.stack(words)[known], goals[known])
            loss = guess + 6 * distance
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            now = np.array([guess.item(), distance.item()])
            smooth = now if smooth is None else 0.98 * smooth + 0.02 * now
            step += 1
            if step % 100 == 0:
                print(f"{(time.time() - begin) / 60:.1f} min, step {step} of {steps}: masked tokens {smooth[0]:.3f}, word vectors {smooth[1]:.3f}", flush=True)
    return model.eval()


def save(model, tokenizer, out):
    out.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    config = {**model.config.to_diff_dict(), "architectures": ["EuroBertForMaskedLM"], "dtype": "float16"}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")))
    begin, end, mask, pad = SPECIAL
    declared = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": begin, "eos_token": end, "mask_token": mask,
                "pad_token": pad, "model_max_length": 512, "model_input_names": ["input_ids", "attention_mask"]}
    (out / "tokenizer_config.json").write_text(json.dumps(declared, indent=1) + "\n")
    print({path.name: path.stat().st_size for path in out.iterdir()})


def teacher_folder():
    import site

    packages = site.getsitepackages() + [site.getusersitepackages()]
    found = [path for root in packages for path in glob.glob(f"{root}/**/model.safetensors", recursive=True) if "MiniLM" in path or "minilm" in path]
    return os.path.dirname(found[0])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--teacher", help="a folder with all-MiniLM-L6-v2; by default the installed package's")
    arguments.add_argument("--texts", type=int, default=24000, help="how many sentences are learned from")
    arguments.add_argument("--steps", type=int, default=4500)
    arguments.add_argument("--threads", type=int, default=1)
    a = arguments.parse_args()
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    texts = read_texts(a.data)
    tokenizer = train_tokenizer(texts)
    encoded = encode(tokenizer, texts[:8530] + random.sample(texts[8530:], max(0, min(len(texts), a.texts) - 8530)))
    print(f"{len(encoded)} texts, {sum(len(ids) for _, ids, _ in encoded)} tokens", flush=True)
    targets = meanings(encoded, teach(encoded, a.teacher or teacher_folder()))
    print("the teacher has spoken", flush=True)
    save(train(encoded, targets, tokenizer, a.steps), tokenizer, a.out)


main()
