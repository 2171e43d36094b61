"""Tiny random models, and what transformers computes with them: the output of every module, one text at a time."""
import contextlib
import json
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.marian import modeling_marian

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
    """Give every parameter a value of a size that matters, and one that the type `half` holds exactly, so that files are small.

    Because the values survive the conversion, a float32 copy of a checkpoint must give the same bits.
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
            elif name.endswith("A_log"):
                # Some heads of a gated delta net forget in a few tokens, others in many.
                value = noise - 1.5
            else:
                value = noise * 1.2 / parameter.shape[-1] ** 0.5
            parameter.copy_(value.to(half).float())
        for name, number in model.named_buffers():
            # Gemma 4 has a number for each block that is no parameter and yet in the file.
            if name.endswith("layer_scalar"):
                number.copy_((1 + 0.3 * torch.randn(number.shape, generator=generator)).to(half).float())
    return model


def kind_of(module):
    """What a module is, with the sizes a reader needs to check a listing."""
    name = type(module).__name__
    if isinstance(module, torch.nn.Linear):
        return {"linear": [module.in_features, module.out_features], "bias": module.bias is not None}
    if name.endswith("Router"):
        return {"linear": list(reversed(module.weight.shape)), "bias": hasattr(module, "bias")}
    if isinstance(module, torch.nn.Embedding):
        return {"embedding": [module.num_embeddings, module.embedding_dim]}
    if isinstance(module, torch.nn.LayerNorm):
        return {"layer_norm": list(module.normalized_shape), "eps": module.eps}
    if (name.endswith("RMSNorm") or hasattr(module, "variance_epsilon")) and hasattr(module, "weight"):
        epsilon = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps
        return {"rms_norm": list(module.weight.shape), "eps": epsilon}
    if isinstance(module, transformers.pytorch_utils.Conv1D):
        return {"linear": [module.nx, module.nf], "bias": True}
    if isinstance(module, torch.nn.Dropout):
        return {"dropout": module.p}
    if isinstance(module, torch.nn.ModuleList):
        return {"list": len(module)}
    return {}


@contextlib.contextmanager
def reading(**functions):
    """Lets other functions of this module than its own read outputs: `first_per_token`, `run`."""
    usual = {name: globals()[name] for name in functions}
    globals().update(functions)
    try:
        yield
    finally:
        globals().update(usual)


def first_per_token(output, length):
    """The first tensor (1, length, columns) of an output, alone or in a tuple or model output; None if there is none."""

    def per_token(value):
        return isinstance(value, torch.Tensor) and value.dim() == 3 and value.shape[:2] == (1, length)

    if isinstance(output, transformers.utils.ModelOutput):
        output = list(output.values())
    members = output if isinstance(output, (tuple, list)) else [output]
    return next(filter(per_token, members), None)


@contextlib.contextmanager
def captured(model, length):
    """Collect a copy of the output of each module while the model runs.

    A module that is called several times (ALBERT's blocks) leaves its last output, as a hook in PyTorch would. A call for
    something else than the tokens of the text (DeBERTa projects a table of positions, too) is not counted.
    """
    outputs, called, handles = {}, set(), []

    def keep(path):
        def hook(module, _inputs, output):
            tensor = first_per_token(output, length)
            if "Rotary" in type(module).__name__ and path in called:
                # Once for each rotation, in no order.
                outputs.pop(path, None)
                tensor = None
            called.add(path)
            if tensor is not None:
                outputs[path] = tensor.detach().clone()

        return hook

    for path, module in model.named_modules():
        if path:
            handles.append(module.register_forward_hook(keep(path)))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def decoder_inputs(model, ids):
    """What a decoder reads, where nobody says: the text one token late. BART's makes it itself."""
    if any(path.endswith("decoder.block") for path, _ in model.named_modules()):
        return {"decoder_input_ids": model._shift_right(ids)}
    config = model.config
    if config.model_type == "marian" and config.is_encoder_decoder:
        shifted = modeling_marian.shift_tokens_right(ids, config.pad_token_id, config.decoder_start_token_id)
        return {"decoder_input_ids": shifted}
    return {}


def run(model, ids):
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    inputs |= decoder_inputs(model, inputs["input_ids"])
    with torch.inference_mode(), captured(model, len(ids)) as outputs:
        result = model(**inputs)
    return outputs, result.get("logits")


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
    outputs = [outputs for outputs, _ in runs]
    same = twins(outputs)
    expected = {}
    for index, text in enumerate(outputs):
        for module, tensor in text.items():
            wanted = index in complete and (only is None or module.startswith(only))
            if (wanted and module not in same) or module in partial:
                expected[f"{index}/{module}"] = tensor[0].contiguous()
        logits = runs[index][1]
        if logits is not None and (logits.dim() == 2 or (all_logits and index == 0)):
            expected[f"{index}/logits"] = logits[0].contiguous()
    save_file(expected, path / "expected.safetensors")
    largest = max(tensor.abs().max() for tensor in expected.values())
    print(f"  {path.name}: {len(expected)} tensors, largest value {largest:.3g}")
    if list_modules:
        modules, base = listing(model, outputs, same), path.parent / "base" / "modules.json"
        write_json(path / "modules.json", shortened(modules, json.loads(base.read_text()) if base.exists() else []))


def listing(model, outputs, same):
    """What `named_modules()` prints, with what each module is and gives."""
    modules = []
    for module_path, module in model.named_modules():
        if not module_path:
            continue
        splits = module_path in outputs[0]
        entry = {"path": module_path, "class": type(module).__name__, "splits": splits, **kind_of(module)}
        if splits:
            entry["width"] = outputs[0][module_path].shape[-1]
        if module_path in same:
            entry["same_as"] = same[module_path]
        modules.append(entry)
    return modules


def shortened(modules, base):
    """A listing in which a module that the family's base model has too, with all that is inside it, is one line: `{"path", "like"}`.

    The base model may call it otherwise: `bert.encoder` is like `encoder`.
    """

    def inside(listing, path):
        return [module for module in listing if module["path"] == path or module["path"].startswith(path + ".")]

    def within(module, prefix):
        """The same with longer paths."""
        return module | {key: prefix + module[key] for key in ("path", "same_as") if key in module}

    short, rest = [], list(modules)
    while rest:
        path = rest[0]["path"]
        for like in (path, path.partition(".")[2]):
            theirs = inside(base, like) if like else []
            prefix = path[: len(path) - len(like)]
            if len(theirs) > 1 and [within(module, prefix) for module in theirs] == rest[: len(theirs)]:
                short.append({"path": path, "like": like})
                rest = rest[len(theirs) :]
                break
        else:
            short.append(rest.pop(0))
    return short


def experts_of(config):
    """Lets a model with experts compute them one by one, as its own file says, so that hooks see each of them."""
    return {"experts_implementation": "eager"} if hasattr(config, "num_experts_per_tok") else {}


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
        options = dict(attn_implementation=ATTENTION, **experts_of(config))
        model, report = klass.from_pretrained(place, dtype=torch.float32, output_loading_info=True, **options)
        # Marian's positions are computed where a file has none, and its base class reports them all the same.
        computed = config.model_type == "marian"
        missing = [key for key in report["missing_keys"] if not (computed and key.endswith("embed_positions.weight"))]
        assert not missing and not report["mismatched_keys"], report
        return model.eval(), open(f"{place}/config.json").read()


def variant(family, name, klass, config, weights, tokenizer, config_edit=None, **kept):
    """One variant of a family: its `config.json` and what transformers computes with it from the shared weights."""
    place = folder("models", family, name)
    model, text = load(klass, config, weights, config_edit)
    (place / "config.json").write_text(text)
    expect(place, model, tokenizer, **kept)
    return model


def save_halves(tensors, half, family):
    """The checkpoint of a family in a type that holds its values exactly."""
    weights = folder("models", family, "weights")
    halves = {name: value.to(half) for name, value in tensors.items()}
    assert all(torch.equal(halves[name].float(), value) for name, value in tensors.items())
    save_file(halves, weights / "model.safetensors", metadata={"format": "pt"})
    return weights


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
    weights = save_halves(tensors, torch.bfloat16, "eurobert")

    def make(name, klass, settings=None, **kept):
        return variant("eurobert", name, klass, settings or config(), weights, tokenizer, **kept)

    make("base", transformers.EuroBertModel, complete=COMPLETE_TEXTS, partial=("layers.1.mlp", "norm"))
    make("masked_lm", transformers.EuroBertForMaskedLM, complete=(0,), only=("lm_head",))
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
        "hub_config", transformers.EuroBertForMaskedLM, config_edit=as_on_the_hub, complete=(3,), only=("model.norm",), list_modules=False
    )
    assert older.config.rope_parameters["rope_theta"] == 700, older.config.rope_parameters

    # Grouped keys and values, a head width of its own, biases, tied output: a checkpoint of its own, in bf16.
    settings = config(
        num_key_value_heads=2,
        head_dim=6,
        intermediate_size=16,
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
        partial=("model.norm",),
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
    weights = save_halves(tensors, torch.float16, "bert")

    def make(name, klass, settings=None, **kept):
        return variant("bert", name, klass, settings or config(), weights, tokenizer, **kept)

    make(
        "base", transformers.BertModel, complete=COMPLETE_TEXTS, partial=("encoder.layer.1.output", "encoder.layer.2")
    )
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
