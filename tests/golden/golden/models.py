"""Tiny random models, and what transformers computes with them: the output of every module, one text at a time."""
import contextlib
import json
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

from . import tokenizers
from .common import folder, write_json
from .texts import MODEL_TEXTS

# Every module's output is kept for the first text; for the others only that of a few modules, to stay small.
COMPLETE_TEXTS = (0,)
ATTENTION = "eager"

EUROBERT = dict(
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=4,
    hidden_act="silu",
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_parameters={"rope_type": "default", "rope_theta": 250000.0},
    num_labels=3,
)
BERT = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    hidden_act="gelu",
    max_position_embeddings=64,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    num_labels=3,
)


def randomise(model, seed, half):
    """Give every parameter a value of a size that matters, and one that the type `half` holds exactly.

    Because the values survive the conversion, the half-precision copy of a checkpoint must give the same bits as the
    float32 one, and one set of expected values serves both.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name.lower() and name.endswith("weight"):
                value = 1 + 0.3 * noise
            elif "embed" in name:
                value = 0.7 * noise
            elif name.endswith("bias"):
                value = 0.3 * noise
            else:
                value = noise * 1.2 / parameter.shape[-1] ** 0.5
            parameter.copy_(value.to(half).float())
    return model


def kind_of(module):
    """What a module is, with the sizes a reader needs to check a listing."""
    name = type(module).__name__
    if isinstance(module, torch.nn.Linear):
        return {"linear": [module.in_features, module.out_features], "bias": module.bias is not None}
    if isinstance(module, torch.nn.Embedding):
        return {"embedding": [module.num_embeddings, module.embedding_dim]}
    if isinstance(module, torch.nn.LayerNorm):
        return {"layer_norm": list(module.normalized_shape), "eps": module.eps}
    if name.endswith("RMSNorm") or hasattr(module, "variance_epsilon"):
        epsilon = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps
        return {"rms_norm": list(module.weight.shape), "eps": epsilon}
    if isinstance(module, transformers.pytorch_utils.Conv1D):
        return {"linear": [module.nx, module.nf], "bias": True}
    if isinstance(module, torch.nn.Dropout):
        return {"dropout": module.p}
    if isinstance(module, torch.nn.ModuleList):
        return {"list": len(module)}
    return {}


def first_per_token(output, length):
    """The first tensor (1, length, columns) of an output and how it was wrapped; None if there is none."""

    def per_token(value):
        return isinstance(value, torch.Tensor) and value.dim() == 3 and value.shape[:2] == (1, length)

    if isinstance(output, torch.Tensor):
        return (output, "tensor") if per_token(output) else (None, f"{output.dim()}-D tensor")
    if isinstance(output, transformers.utils.ModelOutput):
        kind, members = "model output", list(output.values())
    elif isinstance(output, tuple):
        kind, members = "tuple", output
    else:
        return None, type(output).__name__
    return next(filter(per_token, members), None), kind


@contextlib.contextmanager
def captured(model, length):
    """Collect a copy of the output of each module while the model runs.

    A module that is called several times (ALBERT's blocks) leaves its last output, as a hook in PyTorch would. A call for
    something else than the tokens of the text (DeBERTa projects a table of positions, too) is not counted.
    """
    outputs, kinds, handles = {}, {}, []

    def keep(path):
        def hook(module, _inputs, output):
            tensor, kind = first_per_token(output, length)
            if "Rotary" in type(module).__name__ and path in kinds:
                # Once for each rotation, in no order.
                outputs.pop(path, None)
                tensor, kinds[path] = None, "called several times"
            if tensor is not None or path not in kinds:
                kinds[path] = kind
            if tensor is not None:
                outputs[path] = tensor.detach().clone()

        return hook

    for path, module in model.named_modules():
        if path:
            handles.append(module.register_forward_hook(keep(path)))
    try:
        yield outputs, kinds
    finally:
        for handle in handles:
            handle.remove()


def run(model, ids):
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    # What a decoder reads, where nobody says: the text one token late.
    if any(path.endswith("decoder.block") for path, _ in model.named_modules()):
        inputs["decoder_input_ids"] = model._shift_right(inputs["input_ids"])
    with torch.inference_mode(), captured(model, len(ids)) as (outputs, kinds):
        result = model(**inputs)
    return outputs, kinds, result.get("logits")


def twins(outputs):
    """Modules whose output is bit for bit that of an earlier finished module, for all texts: {path: earlier path}."""
    same, seen = {}, []
    for path in outputs[0]:
        for earlier in seen:
            if all(torch.equal(text[path], text[earlier]) for text in outputs):
                same[path] = earlier
                break
        else:
            seen.append(path)
    return same


def reads_text(rows):
    """Whether an output depends on the text, not only on the positions (rotary tables do not)."""
    shortest = min(len(text) for text in rows)
    return any(not torch.equal(text[:shortest], rows[0][:shortest]) for text in rows)


def expect(path, model, tokenizer, complete=(), partial=(), only=None, list_modules=True, all_logits=False):
    """Write `modules.json` and `expected.safetensors` of one variant into the folder `path`.

    tokenizer: one for the golden texts, or a list of texts that are ids already.
    complete: texts for which all modules are kept (restricted to paths that start with one of `only`).
    partial: modules kept for every text.
    all_logits: the logits of a head that works token by token, too, for the first text.
    list_modules: False where the listing is that of another variant.
    """
    if isinstance(tokenizer, list):
        encoded = tokenizer
    else:
        encoded = [tokenizer(text)["input_ids"] for text in MODEL_TEXTS]
        assert max(map(len, encoded)) <= tokenizer.model_max_length, "a text would be truncated"
    runs = [run(model, ids) for ids in encoded]
    outputs = [outputs for outputs, _, _ in runs]
    same = twins(outputs)
    expected = {}
    for index, text in enumerate(outputs):
        for module, tensor in text.items():
            wanted = index in complete and (only is None or module.startswith(only))
            if (wanted and module not in same) or module in partial:
                expected[f"{index}/{module}"] = tensor[0].contiguous()
        logits = runs[index][2]
        if logits is not None and (logits.dim() == 2 or (all_logits and index == 0)):
            expected[f"{index}/logits"] = logits[0].contiguous()
    save_file(expected, path / "expected.safetensors")
    largest = max(tensor.abs().max() for tensor in expected.values())
    print(f"  {path.name}: {len(expected)} tensors, largest value {largest:.3g}")
    if list_modules:
        write_json(path / "modules.json", listing(model, outputs, runs[0][1], same))


def listing(model, outputs, kinds, same):
    """What `named_modules()` prints, with what each module is and gives."""
    modules = []
    for module_path, module in model.named_modules():
        if not module_path:
            continue
        splits = module_path in outputs[0]
        entry = {"path": module_path, "class": type(module).__name__, "splits": splits, **kind_of(module)}
        entry["output"] = kinds.get(module_path, "never called")
        if splits:
            entry["width"] = outputs[0][module_path].shape[-1]
            entry["reads_text"] = reads_text([text[module_path][0] for text in outputs])
        if module_path in same:
            entry["same_as"] = same[module_path]
        modules.append(entry)
    return modules


def load(klass, config, weights, config_edit=None):
    """What transformers makes of a folder with this configuration and these weights; also the configuration text."""
    with tempfile.TemporaryDirectory() as place:
        config.architectures = [klass.__name__]
        config.dtype = "float32"
        config.save_pretrained(place)
        if config_edit:
            text = json.dumps(config_edit(json.load(open(f"{place}/config.json"))), indent=2) + "\n"
            open(f"{place}/config.json", "w").write(text)
        for file in weights.iterdir():
            shutil.copy(file, place)
        model, report = klass.from_pretrained(
            place, dtype=torch.float32, attn_implementation=ATTENTION, output_loading_info=True
        )
        assert not report["missing_keys"] and not report["mismatched_keys"], report
        return model.eval(), open(f"{place}/config.json").read()


def variant(family, name, klass, config, weights, tokenizer, config_edit=None, **kept):
    """One variant of a family: its `config.json` and what transformers computes with it from the shared weights."""
    place = folder("models", family, name)
    model, text = load(klass, config, weights, config_edit)
    (place / "config.json").write_text(text)
    expect(place, model, tokenizer, **kept)
    return model


def save_sharded(tensors, place, rename=lambda name: name):
    """Two shards and their index, as `save_pretrained` writes them when a checkpoint is too big for one file."""
    names = list(tensors)
    shards = names[: len(names) // 2], names[len(names) // 2 :]
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())}, "weight_map": {}}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({rename(name): tensors[name] for name in shard}, place / file, metadata={"format": "pt"})
        index["weight_map"].update({rename(name): file for name in shard})
    index["weight_map"] = dict(sorted(index["weight_map"].items()))
    (place / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def check_copy(klass, config, copy, original):
    """A copy of the weights must give transformers the same model, bit for bit."""
    model, _ = load(klass, config, copy)
    for (name, ours), (_, theirs) in zip(model.state_dict().items(), original.state_dict().items(), strict=True):
        assert torch.equal(ours, theirs), name


def save_tokenizer(tokenizer, place):
    """`tokenizer.json` and `tokenizer_config.json`, as transformers writes them; beside them the encoded texts."""
    tokenizer.save_pretrained(place)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    encoded = [tokenizer(text)["input_ids"] for text in MODEL_TEXTS]
    texts = [
        {"text": text, "ids": ids, "tokens": tokenizer.convert_ids_to_tokens(ids)}
        for text, ids in zip(MODEL_TEXTS, encoded)
    ]
    write_json(place.parent / "inputs.json", texts)
    return tokenizer


def eurobert():
    tokenizer = save_tokenizer(tokenizers.byte_level(), folder("models", "eurobert", "tokenizer"))
    ids = dict(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        mask_token_id=tokenizer.mask_token_id,
    )

    def config(**changes):
        return transformers.EuroBertConfig(**{**EUROBERT, **ids, **changes})

    # One checkpoint for all heads: the masked-LM model's tensors plus the classifier's.
    tensors = randomise(transformers.EuroBertForMaskedLM(config()), 1, torch.bfloat16).state_dict()
    classifier = randomise(transformers.EuroBertForSequenceClassification(config()), 2, torch.bfloat16)
    heads = {name: value for name, value in classifier.state_dict().items() if not name.startswith("model.")}
    tensors = {name: value.contiguous() for name, value in {**tensors, **heads}.items()}
    weights = folder("models", "eurobert", "weights")
    save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    halves = folder("models", "eurobert", "weights_bf16_sharded")
    save_sharded({name: value.to(torch.bfloat16) for name, value in tensors.items()}, halves)

    def make(name, klass, settings=None, **kept):
        return variant("eurobert", name, klass, settings or config(), weights, tokenizer, **kept)

    make("base", transformers.EuroBertModel, complete=COMPLETE_TEXTS, partial=("layers.1.mlp", "norm"))
    masked = make(
        "masked_lm", transformers.EuroBertForMaskedLM, complete=(0,), only=("lm_head",), partial=("model.layers.1.mlp",)
    )
    check_copy(transformers.EuroBertForMaskedLM, config(), halves, masked)
    classify = transformers.EuroBertForSequenceClassification
    head = ("dense", "activation", "classifier")
    make("classify_late", classify, config(classifier_pooling="late"), complete=(0,), only=head)
    make("classify_bos", classify, config(classifier_pooling="bos"))
    make("classify_mean", classify, config(classifier_pooling="mean"), list_modules=False)
    tokens = transformers.EuroBertForTokenClassification
    make("classify_tokens", tokens, complete=(0,), only=("classifier",), all_logits=True)

    def as_on_the_hub(settings):
        """The keys that the published EuroBERT configurations have, written before transformers knew the family."""
        for key in ("rope_parameters", "head_dim", "mlp_bias", "classifier_pooling", "dtype", "is_causal"):
            settings.pop(key, None)
        settings |= {"rope_theta": 700, "rope_scaling": None, "torch_dtype": "bfloat16", "hidden_dropout": 0.0}
        settings |= {"transformers_version": "4.40.0.dev0", "bos_token": "<|begin_of_text|>", "is_decoder": False}
        settings["auto_map"] = {
            "AutoConfig": "configuration_eurobert.EuroBertConfig",
            "AutoModelForMaskedLM": "modeling_eurobert.EuroBertForMaskedLM",
        }
        return settings

    older = make(
        "hub_config", transformers.EuroBertForMaskedLM, config_edit=as_on_the_hub, partial=("model.norm",), list_modules=False
    )
    assert older.config.rope_parameters["rope_theta"] == 700, older.config.rope_parameters

    # Grouped keys and values, a head width of its own, biases, tied output: a checkpoint of its own, in bf16.
    settings = config(
        num_key_value_heads=2,
        head_dim=12,
        num_hidden_layers=2,
        attention_bias=True,
        mlp_bias=True,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        rms_norm_eps=1e-2,
    )
    model = randomise(transformers.EuroBertForMaskedLM(settings), 3, torch.bfloat16).to(torch.bfloat16)
    weights_grouped = folder("models", "eurobert", "weights_grouped")
    tensors = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    save_file(tensors, weights_grouped / "model.safetensors", metadata={"format": "pt"})
    variant(
        "eurobert",
        "grouped",
        transformers.EuroBertForMaskedLM,
        settings,
        weights_grouped,
        tokenizer,
        complete=(2,),
        partial=("model.layers.1.mlp", "model.norm"),
    )


def bert():
    tokenizer = save_tokenizer(tokenizers.word_piece(), folder("models", "bert", "tokenizer"))

    def config(**changes):
        return transformers.BertConfig(
            **{**BERT, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **changes}
        )

    masked = randomise(transformers.BertForMaskedLM(config()), 4, torch.float16).state_dict()
    classifier = randomise(transformers.BertForSequenceClassification(config()), 5, torch.float16).state_dict()
    # The masked-LM model's tensors (its output is tied to the embedding, so it is not stored twice), plus the
    # classifier's own: pooler and classifier.
    tied = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")
    tensors = {name: value for name, value in masked.items() if name not in tied}
    tensors |= {name: value for name, value in classifier.items() if name not in tensors}
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    weights = folder("models", "bert", "weights")
    save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    def older_names(name):
        """bert-base-uncased and others of its time call the norm's weight and bias gamma and beta."""
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    # A base model's own checkpoint has no `bert.` prefix (MiniLM's is such a one).
    halves = folder("models", "bert", "weights_f16_sharded")
    base = {n.removeprefix("bert."): v.to(torch.float16) for n, v in tensors.items() if n.startswith("bert.")}
    save_sharded(base, halves, older_names)

    def make(name, klass, settings=None, **kept):
        return variant("bert", name, klass, settings or config(), weights, tokenizer, **kept)

    model = make(
        "base", transformers.BertModel, complete=COMPLETE_TEXTS, partial=("encoder.layer.1.output", "encoder.layer.2")
    )
    check_copy(transformers.BertModel, config(), halves, model)
    make(
        "masked_lm", transformers.BertForMaskedLM, complete=(0,), only=("cls",), partial=("bert.encoder.layer.1.output",)
    )
    make("classify", transformers.BertForSequenceClassification)
    tokens = transformers.BertForTokenClassification
    make("classify_tokens", tokens, complete=(0,), only=("classifier",), all_logits=True)
    inner = ("encoder.layer.0.intermediate", "encoder.layer.2")
    for act in ("gelu_new", "relu"):
        make(f"base_{act}", transformers.BertModel, config(hidden_act=act), complete=(0,), only=inner, list_modules=False)


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for family in ("eurobert", "bert"):
        shutil.rmtree(folder("models", family))
    eurobert()
    bert()
