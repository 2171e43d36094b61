"""Tiny random BERTs with rotary positions: NomicBERT, Jina 3, GTE.

transformers writes and reads their tensors by the names of the published files, queries, keys and values in one, though its modules
have other names. So `weights/` has these names; `weights_own_names/` has those of the modules, which transformers reads as well.
"""
import json
import sys

import torch
import transformers
from transformers.core_model_loading import revert_weight_conversion

from . import models
from .common import folder
from .encoders import COMMON, TEXTS, Family, own_tensors, save

ROPE = dict(rope_type="default", rope_theta=100.0)


class RotaryFamily(Family):
    def written(self, tensors):
        model = self.classes_of("ForMaskedLM")(self.config())
        return {name: value.contiguous() for name, value in revert_weight_conversion(model, tensors).items()}

    def own_names(self):
        """The masked-LM head and its base model by the names of the modules."""
        config = self.config()
        model, _ = models.load(self.classes_of("ForMaskedLM"), config, self.weights)
        weights = save(own_tensors(model), self.name, "weights_own_names")
        self.head("own_names", "ForMaskedLM", config=config, weights=weights, partial=(f"{model.base_model_prefix}.layers.2",))


def nomic_bert():
    family = RotaryFamily("nomic_bert", "NomicBert", {**COMMON, "rope_parameters": ROPE}, 18)
    family.own_names()

    def as_published(variant, klass, architecture, settings, tensors, rope, **kept):
        """The files of the code that the first ones were published with, beside what transformers makes of the same model.

        transformers reads none of the fields of such a `config.json`; it is run with fields of its own that mean the same.
        """
        config = family.config(num_hidden_layers=2, rope_parameters={**rope, "rope_theta": 1000.0})
        config.max_position_embeddings = settings.get("max_trained_positions", 40)
        weights = save(tensors, "nomic_bert", f"weights_{variant}")
        model, _ = models.load(klass, config, weights)
        # Only now by names that transformers does not know, and without the biases that it adds.
        renamed = {name.replace("nomic_bert.", "bert."): value for name, value in tensors.items()}
        save({name: value for name, value in renamed.items() if value.abs().sum() > 0}, "nomic_bert", f"weights_{variant}")
        place = folder("models", "nomic_bert", variant)
        sizes = dict(n_embd=24, n_layer=2, n_head=3, n_inner=40, n_positions=40, vocab_size=64, type_vocab_size=2)
        code = dict(prenorm=False, parallel_block=False, use_rms_norm=False, causal=False, use_flash_attn=True)
        code |= dict(qkv_proj_bias=False, mlp_fc1_bias=False, mlp_fc2_bias=False, activation_function="swiglu")
        code |= dict(rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None)
        code |= dict(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False, resid_pdrop=0.0, attn_pdrop=0.0, embd_pdrop=0.0)
        published = dict(model_type="nomic_bert", architectures=[architecture], layer_norm_epsilon=1e-12, torch_dtype="float32")
        text = json.dumps({**published, **sizes, **code, **settings}, indent=2) + "\n"
        (place / "config.json").write_text(text)
        models.expect(place, model, TEXTS, **kept)

    masked = family.classes_of("ForMaskedLM")
    model = models.randomise(masked(family.config(num_hidden_layers=2)), 189, torch.bfloat16)
    for name, value in model.state_dict().items():
        if name.startswith("cls") and name.endswith("bias") and "layer_norm" not in name:
            value.zero_()
    tensors = family.written(own_tensors(model))
    kept = dict(complete=(0,), only=("cls",), partial=("nomic_bert.layers.1",), all_logits=True)
    as_published("published", masked, "NomicBertForPreTraining", dict(rotary_scaling_factor=None), tensors, dict(rope_type="default"), **kept)
    base = {name: value for name, value in tensors.items() if name.startswith("nomic_bert.")}
    scaled = dict(rotary_scaling_factor=2, max_trained_positions=16)
    dynamic = dict(rope_type="dynamic", factor=2.0)
    as_published("published_long", family.classes_of("Model"), "NomicBertModel", scaled, base, dynamic, partial=("layers.1",))


def jina_embeddings_v3():
    special = dict(pad_token_id=1, bos_token_id=2, eos_token_id=3, rope_parameters=ROPE)
    RotaryFamily("jina_embeddings_v3", "JinaEmbeddingsV3", {**COMMON, **special}, 19).own_names()


def gte():
    family = RotaryFamily("gte", "Gte", {**COMMON, "pad_token_id": 1, "rope_parameters": ROPE}, 20)
    family.own_names()
    # gte-base-en-v1.5 has no token types.
    config = family.config(type_vocab_size=0, num_hidden_layers=2)
    family.base("no_token_types", "1", config=config, weights=family.own_weights("no_token_types", config))

    def as_published(variant, ending, rope, settings, **kept):
        """A `config.json` of the type `new`, whose fields transformers does not read, beside what it makes of the same model.

        The code of these files divides the angles of a base that is `factor` times as large by `factor ** (2 / head width)`.
        """
        model, _ = models.load(family.classes_of(ending), family.config(rope_parameters=rope), family.weights)
        place = folder("models", "gte", variant)
        fields = {name: value for name, value in COMMON.items() if name != "num_labels"}
        code = dict(layer_norm_type="layer_norm", position_embedding_type="rope", pack_qkv=True, unpad_inputs=False)
        code |= dict(use_memory_efficient_attention=False, logn_attention_scale=False, logn_attention_clip1=False)
        code |= dict(hidden_act="gelu", type_vocab_size=1, layer_norm_eps=1e-12, id2label={str(index): "a" for index in range(3)})
        published = dict(model_type="new", architectures=[f"New{ending}"], auto_map={"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"})
        (place / "config.json").write_text(json.dumps({**published, **fields, **code, **settings}, indent=2) + "\n")
        models.expect(place, model, TEXTS, **kept)

    ntk = dict(rope_type="linear", rope_theta=80.0 * 4.0, factor=4.0 ** (2 / 8))
    last = ("gte.layers.2",)
    scaling = dict(rope_theta=80.0, rope_scaling=dict(type="ntk", factor=4.0))
    as_published("published_ntk", "ForSequenceClassification", ntk, scaling, partial=last)
    plain = dict(rope_theta=80.0, rope_scaling=None)
    as_published("published", "ForMaskedLM", dict(rope_type="default", rope_theta=80.0), plain, partial=last)


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    families = (nomic_bert, jina_embeddings_v3, gte)
    for family in [family for family in families if family.__name__ in sys.argv] or families:
        print(family.__name__)
        family()
