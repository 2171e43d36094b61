"""Tiny random encoders of the families beside BERT and EuroBERT, run on ids: the output of every module, one text at a time."""
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

from . import decoders, models
from .common import folder, write_json

IDS = 64
LABELS = 3
# `[first] ... [last]`: short, a single id, longer than windows and exact buckets, one id repeated, and one with the padding
# id 1 or 0 inside, which RoBERTa's positions do not count. Ids 0 to 4 are special in these families.
TEXTS = [
    [2, 17, 40, 9, 33, 21, 3],
    [2],
    [2, *(5 + (7 * index * index + 3 * index) % 59 for index in range(28)), 3],
    [2, 30, 30, 30, 30, 30, 3],
    [2, 11, 1, 12, 0, 1, 13, 50, 3],
]
COMMON = dict(
    vocab_size=IDS,
    hidden_size=24,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=40,
    num_labels=LABELS,
)
HEADS = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification")
VARIANTS = {"ForMaskedLM": "masked_lm", "ForSequenceClassification": "classify", "ForTokenClassification": "classify_tokens"}
VARIANTS |= {"ForConditionalGeneration": "seq2seq_lm", "MTModel": "seq2seq_lm"}


def own_tensors(model):
    """The tensors of a model without the second names of those that are tied."""
    seen, tensors = set(), {}
    for name, value in model.state_dict().items():
        if value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            tensors[name] = value.contiguous()
    return tensors


def save(tensors, *place):
    halves = {name: value.to(torch.bfloat16) for name, value in tensors.items()}
    place = folder("models", *place)
    save_file(halves, place / "model.safetensors", metadata={"format": "pt"})
    return place


class Family:
    """One family's fixtures: a checkpoint with the tensors of every head, and the variants that run with it."""

    def __init__(self, name, classes, settings, seed, heads=HEADS, base="Model", block="1", texts=TEXTS, added=None):
        self.name, self.classes, self.settings, self.seed, self.base_class = name, classes, settings, seed, base
        self.texts = texts
        shutil.rmtree(folder("models", name))
        write_json(folder("models", name) / "inputs.json", [{"ids": ids} for ids in texts])
        tensors = {}
        for number, head in enumerate([*heads, base]):
            model = models.randomise(self.classes_of(head)(self.config()), 10 * seed + number, torch.bfloat16)
            prefix = f"{model.base_model_prefix}." if head == base and heads else ""
            named = {prefix + key: value for key, value in own_tensors(model).items()}
            tensors |= {key: value for key, value in named.items() if key not in tensors}
        self.weights = save(self.written(tensors | (added or {})), name, "weights")
        self.base("base", block)
        for head in heads:
            self.head(VARIANTS[head], head)

    def written(self, tensors):
        """The tensors as the checkpoint holds them."""
        return tensors

    def classes_of(self, ending, classes=None):
        return getattr(transformers, (classes or self.classes) + ending)

    def config(self, classes=None, **changes):
        return getattr(transformers, (classes or self.classes) + "Config")(**{**self.settings, **changes})

    def base(self, variant, partial, weights=None, config=None, classes=None, **kept):
        """The model without a head: every module for the first text, those whose last name is `partial` for all texts."""
        config = config or self.config()
        klass = self.classes_of(self.base_class, classes)
        partial = [path for path, _ in klass(config).named_modules() if path.split(".")[-1] == partial]
        kept = {"complete": (0,), "partial": partial, **kept}
        return models.variant(self.name, variant, klass, config, weights or self.weights, self.texts, **kept)

    def head(self, variant, head, weights=None, config=None, classes=None, **kept):
        """A head: its own modules and its logits."""
        klass, config = self.classes_of(head, classes), config or self.config(classes)
        model = klass(config)
        own = tuple(path for path, _ in model.named_children() if path != model.base_model_prefix)
        kept = {"complete": (0,), "only": own, "all_logits": True, **kept}
        return models.variant(self.name, variant, klass, config, weights or self.weights, self.texts, **kept)

    def own_weights(self, variant, config, head=None):
        """A checkpoint for one variant whose tensors have other shapes."""
        model = models.randomise(self.classes_of(head or self.base_class)(config), 10 * self.seed + 9, torch.bfloat16)
        return save(own_tensors(model), self.name, f"weights_{variant}")


def roberta():
    special = dict(pad_token_id=1, bos_token_id=2, eos_token_id=3, type_vocab_size=1)
    family = Family("roberta", "Roberta", {**COMMON, **special}, 10)
    for classes, name, heads in (("XLMRoberta", "xlm_roberta", HEADS), ("Camembert", "camembert", HEADS[:2])):
        for head in heads:
            family.head(f"{name}_{VARIANTS[head]}", head, classes=classes)


def distilbert():
    settings = dict(vocab_size=IDS, dim=24, n_layers=3, n_heads=3, hidden_dim=40, max_position_embeddings=40)
    Family("distilbert", "DistilBert", {**settings, "num_labels": LABELS}, 11)


def electra():
    family = Family("electra", "Electra", {**COMMON, "embedding_size": 16}, 12)
    # Large ones have embeddings as wide as their blocks, and no projection.
    wide = family.config(embedding_size=24)
    family.base("wide", "1", config=wide, weights=family.own_weights("wide", wide))


def albert():
    family = Family("albert", "Albert", {**COMMON, "embedding_size": 16}, 13, block="0")
    groups = family.config(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2)
    family.base("groups", "1", config=groups, weights=family.own_weights("groups", groups))


def mpnet():
    Family("mpnet", "MPNet", {**COMMON, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}, 14)


def deberta():
    third = dict(
        relative_attention=True,
        position_buckets=8,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        layer_norm_eps=1e-7,
    )
    family = Family("deberta_v2", "DebertaV2", {**COMMON, **third}, 15)
    # As published: a string, and a range of -1.
    family.base("written_as_text", "1", complete=(), config=family.config(pos_att_type="p2c|c2p", max_relative_positions=-1), list_modules=False)
    for name, changes in {
        "own_projections": dict(share_att_key=False, position_buckets=-1, max_relative_positions=12, norm_rel_ebd="none"),
        "content_to_position": dict(share_att_key=False, pos_att_type=["c2p"], position_biased_input=True, type_vocab_size=2),
        "no_relative": dict(relative_attention=False, pos_att_type=None, norm_rel_ebd="none", position_biased_input=True),
    }.items():
        config = family.config(num_hidden_layers=2, **changes)
        family.base(name, "1", config=config, weights=family.own_weights(name, config))


def modernbert():
    own = dict(num_hidden_layers=4, local_attention=8, max_position_embeddings=64, cls_token_id=2, sep_token_id=3)
    special = dict(pad_token_id=0, bos_token_id=2, eos_token_id=3, layer_types=None)
    family = Family("modernbert", "ModernBert", {**COMMON, **own, **special, "global_attn_every_n_layers": 2}, 16)
    family.head("classify_mean", "ForSequenceClassification", config=family.config(classifier_pooling="mean"), list_modules=False)

    def as_on_the_hub(settings):
        """The keys that the published configurations have, written before transformers 5."""
        for key in ("rope_parameters", "layer_types", "dtype"):
            settings.pop(key, None)
        settings |= {"global_rope_theta": 500.0, "local_rope_theta": 90.0, "global_attn_every_n_layers": 3}
        return settings | {"position_embedding_type": "absolute", "torch_dtype": "float32", "layer_norm_eps": 1e-5}

    family.base("hub_config", "1", config_edit=as_on_the_hub, list_modules=False)
    biased = family.config(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True, num_hidden_layers=2)
    family.head("biases", "ForMaskedLM", config=biased, weights=family.own_weights("biases", biased, "ForMaskedLM"))


def t5():
    sizes = dict(vocab_size=IDS, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_decoder_layers=2, num_heads=3)
    more = dict(num_labels=LABELS, decoder_start_token_id=0, eos_token_id=3, tie_word_embeddings=True)
    buckets = dict(relative_attention_num_buckets=8, relative_attention_max_distance=20)
    settings = {**sizes, **buckets, **more}
    # The tensors of the classifiers, beside those of the base model.
    heads = [transformers.T5ForSequenceClassification, transformers.T5ForTokenClassification]
    heads = [models.randomise(head(transformers.T5Config(**settings)), 171 + index, torch.bfloat16) for index, head in enumerate(heads)]
    added = {name: value for head in heads for name, value in own_tensors(head).items() if name.startswith("classif")}
    # The end of the text is in each, where the classifier of texts reads.
    texts = [TEXTS[0], [3], *TEXTS[2:]]
    family = Family("t5", "T5", settings, 17, heads=(), base="Model", block="EncDecAttention", texts=texts, added=added)

    def plain(variant, ending, classes="T5", config=None, weights=None, **kept):
        kept = {"complete": (0,), "only": ("lm_head", "classif"), "all_logits": True, **kept}
        klass, config = family.classes_of(ending, classes), config or family.config(classes)
        return models.variant("t5", variant, klass, config, weights or family.weights, texts, **kept)

    plain("encoder", "EncoderModel", only=("encoder.block.1",))
    plain("seq2seq_lm", "ForConditionalGeneration", partial=("lm_head",))
    plain("classify", "ForSequenceClassification")
    plain("classify_tokens", "ForTokenClassification")
    multilingual = family.config("MT5", feed_forward_proj="relu")
    plain("mt5", "ForConditionalGeneration", "MT5", config=multilingual, partial=("decoder.block.1.layer.1",))
    # Version 1.1: gated, scores of the vocabulary from a table of their own, and here more blocks in the decoder.
    gated = family.config(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_layers=1, num_decoder_layers=2)
    model = models.randomise(transformers.T5ForConditionalGeneration(gated), 179, torch.bfloat16)
    scores = torch.randn(IDS, 16, generator=torch.Generator().manual_seed(17)) / 4
    weights = save({**own_tensors(model), "lm_head.weight": scores, **added}, "t5", "weights_gated")
    plain("gated", "ForConditionalGeneration", config=gated, weights=weights, only=("decoder.block.1", "lm_head"))

    def as_published(settings):
        """What mT5's files say of the scores, which transformers does not write."""
        return {**settings, "tie_word_embeddings": False}

    for variant, ending in {
        "gated_mt5": "ForConditionalGeneration",
        "gated_mt5_classify": "ForSequenceClassification",
        "gated_mt5_classify_tokens": "ForTokenClassification",
    }.items():
        own = family.config("MT5", feed_forward_proj="gated-gelu", num_layers=1, num_decoder_layers=2)
        plain(variant, ending, "MT5", config=own, weights=weights, config_edit=as_published)


# Of an encoder and a decoder that agree in nothing but their width.
STACKS = dict(
    vocab_size=IDS,
    d_model=16,
    encoder_layers=2,
    encoder_attention_heads=2,
    encoder_ffn_dim=24,
    decoder_layers=3,
    decoder_attention_heads=4,
    decoder_ffn_dim=20,
    max_position_embeddings=40,
)


def added_to_logits(seed):
    """What is a buffer, and zero where nobody trained it."""
    return {"final_logits_bias": torch.randn(1, IDS, generator=torch.Generator().manual_seed(seed))}


def decoder_alone(family):
    # Its cache counts the blocks of an encoder.
    config = family.config(use_cache=False)
    weights = family.own_weights("decoder_only", config, "ForCausalLM")
    family.head("decoder_only", "ForCausalLM", config=config, weights=weights, only=("lm_head", "model.decoder.layers.1"))


def bart():
    special = dict(pad_token_id=1, bos_token_id=2, eos_token_id=3, decoder_start_token_id=0, forced_eos_token_id=3)
    settings = {**STACKS, **special, "num_labels": LABELS}
    # The end of the text is in each, where the classifier of texts reads.
    texts = [TEXTS[0], [3], *TEXTS[2:]]
    heads = ("ForConditionalGeneration", "ForSequenceClassification")
    family = Family("bart", "Bart", settings, 18, heads=heads, texts=texts, added=added_to_logits(18))
    decoder_alone(family)

    def as_published(settings):
        """The keys of the published files, of which transformers has long read some no more."""
        older = dict(normalize_before=False, normalize_embedding=True, add_final_layer_norm=False, add_bias_logits=False)
        older |= dict(static_position_embeddings=False, extra_pos_embeddings=2, classif_dropout=0.0, num_hidden_layers=2)
        return {**settings, **older, "_num_labels": 3}

    last = ("decoder.layers.2",)
    scaled = family.config(scale_embedding=True, activation_function="gelu_new")
    family.base("scaled", "", complete=(0,), only=("encoder.embed", "decoder.layers.0.fc"), config=scaled)
    family.base("published", "", complete=(0,), only=last, config_edit=as_published, list_modules=False)
    # Scores of the vocabulary from a table of their own.
    untied = family.config(tie_word_embeddings=False)
    model = models.randomise(family.classes_of(heads[0])(untied), 189, torch.bfloat16)
    names = ("encoder.embed_tokens", "decoder.embed_tokens")
    table = model.state_dict()["model.shared.weight"]
    tables = {f"model.{name}.weight": table.clone() for name in names}
    weights = save({**own_tensors(model), **tables, **added_to_logits(19)}, "bart", "weights_untied")
    family.head("untied", heads[0], config=untied, weights=weights, only=("lm_head",))


class Marian(Family):
    def written(self, tensors):
        """Without what transformers computes and does not save."""
        return {name: value for name, value in tensors.items() if "embed_positions" not in name}


def marian():
    special = dict(pad_token_id=63, eos_token_id=0, decoder_start_token_id=63, forced_eos_token_id=0, bos_token_id=0)
    settings = {**STACKS, **special, "scale_embedding": True, "activation_function": "swish"}
    family = Marian("marian", "Marian", settings, 19, heads=("MTModel",), added=added_to_logits(20))
    decoder_alone(family)

    def as_published(settings):
        """The keys of the published files, of which transformers has long read some no more."""
        older = dict(normalize_before=False, normalize_embedding=False, add_final_layer_norm=False, add_bias_logits=False)
        older |= dict(static_position_embeddings=True, classif_dropout=0.0, num_hidden_layers=2, _num_labels=3)
        dropped = ("decoder_vocab_size", "share_encoder_decoder_embeddings", "tie_word_embeddings")
        return {**{name: value for name, value in settings.items() if name not in dropped}, **older}

    last = ("decoder.layers.2",)
    family.base("published", "", complete=(0,), only=last, config_edit=as_published, list_modules=False)
    family.base("unscaled", "", complete=(0,), only=last, config=family.config(scale_embedding=False), list_modules=False)
    # Where a file has positions, these count.
    stored = family.config()
    weights = family.own_weights("stored_positions", stored)
    family.base("stored_positions", "", complete=(0,), only=("encoder.embed", *last), weights=weights)


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    families = (roberta, distilbert, electra, albert, mpnet, deberta, modernbert, t5, bart, marian)
    for family in [family for family in families if family.__name__ in sys.argv] or families:
        print(family.__name__)
        # Marian's tables of positions give rows without a text around them.
        reader = decoders.first_per_token if family is marian else models.first_per_token
        with models.reading(first_per_token=reader):
            family()
