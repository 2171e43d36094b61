"""Tiny random BERTs with ALiBi to both sides and a gated MLP: Jina's encoders of version 2 and MosaicBERT.

transformers has neither. They are written here from their papers (arXiv 2310.19923 and 2312.17482) in PyTorch's own modules, with the
names that the published code gives to classes, modules and tensors, and equal to MosaicBERT's own code, see README.md. Jina's are also
held against candle-transformers, see `tests/oracle`.
"""
import json
import math
import pathlib
import shutil
import types

import torch
from safetensors.torch import load_file
from torch import nn
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput

from . import models
from .common import folder, write_json
from .encoders import IDS, TEXTS, own_tensors, save

SIZES = dict(
    vocab_size=IDS,
    hidden_size=24,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=40,
    type_vocab_size=2,
    hidden_act="gelu",
    layer_norm_eps=1e-12,
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.0,
    model_type="bert",
)


def slopes(heads):
    """Those of Press et al. 2022: a geometric sequence from `2 ** (-8 / n)` for a power of two; between its members beyond one."""
    power = 2 ** math.floor(math.log2(heads))
    own = [2 ** (-8 * index / power) for index in range(1, power + 1)]
    between = [2 ** (-8 * index / (2 * power)) for index in range(1, 2 * power, 2)]
    return torch.tensor(own + between[: heads - power])


def distance_bias(heads, length, like):
    position = torch.arange(length)
    return (-slopes(heads)[:, None, None] * (position[:, None] - position).abs()).to(like.dtype)


class Norms(nn.Module):
    """A projection, a norm of its sum with what came before, a dropout."""

    def __init__(self, config, inputs):
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden, before):
        return self.LayerNorm(self.dropout(self.dense(hidden)) + before)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids):
        tokens = self.word_embeddings(ids) + self.token_type_embeddings(torch.zeros_like(ids))
        return self.dropout(self.LayerNorm(tokens))


def attend(module, queries, keys, values):
    """Multi-head attention over (1, length, columns)."""
    heads = module.heads
    queries, keys, values = (rows.unflatten(-1, (heads, -1)).transpose(1, 2) for rows in (queries, keys, values))
    scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[-1])
    weights = module.dropout((scores + distance_bias(heads, scores.shape[-1], scores)).softmax(-1))
    return (weights @ values).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, width = config.num_attention_heads, config.hidden_size
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, hidden):
        return attend(self, self.query(hidden), self.key(hidden), self.value(hidden))


class FusedSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, width = config.num_attention_heads, config.hidden_size
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)
        self.Wqkv = nn.Linear(width, 3 * width)

    def forward(self, hidden):
        return attend(self, *self.Wqkv(hidden).chunk(3, -1))


class GatedMlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.act = nn.ReLU() if getattr(config, "feed_forward_type", "") == "reglu" else nn.GELU()
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden):
        gate, factor = self.gated_layers(hidden).chunk(2, -1)
        return self.layernorm(self.wo(self.dropout(self.act(gate) * factor)) + hidden)


class Holder(nn.Module):
    """Modules one after the other, by their names."""

    def __init__(self, /, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, hidden):
        for part in self.children():
            hidden = part(hidden)
        return hidden


class Attention(Holder):
    def forward(self, hidden):
        own, output = self.children()
        return output(own(hidden), hidden)


class Encoder(Holder):
    def forward(self, hidden):
        for layer in self.layer:
            hidden = layer(hidden)
        return hidden


class Pooler(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = nn.Tanh()

    def forward(self, hidden):
        return self.activation(self.dense(hidden[:, 0]))


def named(name, base):
    """The class under another name, which is all that a listing shows of it."""
    return type(name, (base,), {})


class Loaded(nn.Module):
    """What transformers' classes have that the scripts need."""

    @classmethod
    def from_pretrained(cls, place, dtype=torch.float32, **_):
        config = json.load(open(f"{place}/config.json"))
        model = cls(types.SimpleNamespace(**config))
        tensors = load_file(f"{place}/model.safetensors")
        # A head class has the prefix, the base model has not.
        found = {name: tensors.get(name, tensors.get(f"bert.{name}")) for name in model.state_dict()}
        missing, _ = model.load_state_dict({name: value for name, value in found.items() if value is not None}, strict=False)
        assert set(missing) <= {"cls.predictions.decoder.weight"}, missing
        return model.tied().to(dtype).eval()

    def tied(self):
        return self


class Model(Loaded):
    prefix = ""

    def __init__(self, config, pooled=True):
        super().__init__()
        self.config = config
        name = lambda kind, base: named(self.prefix + kind, base)
        fused = self.prefix == "Bert"
        own = named("BertUnpadSelfAttention", FusedSelfAttention) if fused else name("SelfAttention", SelfAttention)
        around = named("BertUnpadAttention", Attention) if fused else name("Attention", Attention)
        mlp = named("BertGatedLinearUnitMLP", GatedMlp) if fused else name("GLUMLP", GatedMlp)
        self.embeddings = name("Embeddings", Embeddings)(config)
        layers = []
        for _ in range(config.num_hidden_layers):
            output = name("SelfOutput", Norms)(config, config.hidden_size)
            layers.append(name("Layer", Holder)(attention=around(self=own(config), output=output), mlp=mlp(config)))
        self.encoder = name("Encoder", Encoder)(layer=nn.ModuleList(layers))
        if pooled:
            self.pooler = name("Pooler", Pooler)(config)

    def forward(self, input_ids, **_):
        hidden = self.encoder(self.embeddings(input_ids))
        if hasattr(self, "pooler"):
            self.pooler(hidden)
        return BaseModelOutput(last_hidden_state=hidden)


class MaskedLm(Loaded):
    model = None

    def __init__(self, config):
        super().__init__()
        self.config = config
        prefix, width = self.model.prefix, config.hidden_size
        transform = named(prefix + "PredictionHeadTransform", Holder)(
            dense=nn.Linear(width, width),
            transform_act_fn=named("GELUActivation", nn.GELU)(),
            LayerNorm=nn.LayerNorm(width, eps=config.layer_norm_eps),
        )
        predictions = named(prefix + "LMPredictionHead", Holder)(transform=transform, decoder=nn.Linear(width, config.vocab_size))
        self.bert = self.model(config, pooled=False)
        self.cls = named(prefix + "OnlyMLMHead", Holder)(predictions=predictions)

    def tied(self):
        self.cls.predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        return self

    def forward(self, input_ids, **_):
        return MaskedLMOutput(logits=self.cls(self.bert(input_ids).last_hidden_state))


JinaBertModel = type("JinaBertModel", (Model,), {"prefix": "JinaBert"})
JinaBertForMaskedLM = type("JinaBertForMaskedLM", (MaskedLm,), {"model": JinaBertModel})
MosaicModel = type("BertModel", (Model,), {"prefix": "Bert"})
MosaicForMaskedLM = type("BertForMaskedLM", (MaskedLm,), {"model": MosaicModel})


def write(variant, klass, config, weights, **kept):
    """The files of a variant, which is read from them again."""
    place = folder("models", "alibi_bert", variant)
    config = {"architectures": [klass.__name__], **config}
    (place / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    # Side by side as long as the model is read.
    shutil.copy(weights / "model.safetensors", place)
    model = klass.from_pretrained(place)
    pathlib.Path(place / "model.safetensors").unlink()
    models.expect(place, model, TEXTS, **kept)


def checkpoint(name, klass, base, config, seed):
    """The tensors of the masked-LM class, and the pooler of the base class."""
    fields = types.SimpleNamespace(**config)
    model = models.randomise(klass(fields).tied(), seed, torch.bfloat16)
    pooler = models.randomise(base(fields), seed + 1, torch.bfloat16).state_dict()
    tensors = own_tensors(model) | {f"bert.{name}": value for name, value in pooler.items() if name.startswith("pooler")}
    return save(tensors, "alibi_bert", name)


def generate(_shared):
    torch.set_num_threads(1)
    shutil.rmtree(folder("models", "alibi_bert"))
    write_json(folder("models", "alibi_bert") / "inputs.json", [{"ids": ids} for ids in TEXTS])
    code = "jinaai/jina-bert-implementation--modeling_bert"
    auto_map = {"AutoModelForMaskedLM": f"{code}.JinaBertForMaskedLM", "AutoModel": f"{code}.JinaBertModel"}
    jina = {**SIZES, "auto_map": auto_map, "position_embedding_type": "alibi", "feed_forward_type": "geglu", "emb_pooler": "mean"}
    weights = checkpoint("weights", JinaBertForMaskedLM, JinaBertModel, jina, 210)

    block = ("encoder.layer.1",)
    write("base", JinaBertModel, jina, weights, complete=(0,), partial=block)
    write("masked_lm", JinaBertForMaskedLM, jina, weights, complete=(0,), only=("cls",), all_logits=True)
    write("reglu", JinaBertModel, {**jina, "feed_forward_type": "reglu"}, weights, partial=block, only=(), list_modules=True)
    auto_map = {"AutoModelForMaskedLM": "bert_layers.BertForMaskedLM"}
    mosaic = {**SIZES, "auto_map": auto_map, "alibi_starting_size": 16, "num_attention_heads": 4, "num_hidden_layers": 2}
    weights = checkpoint("weights_mosaic", MosaicForMaskedLM, MosaicModel, mosaic, 212)
    write("mosaic", MosaicModel, mosaic, weights, complete=(0,), only=("encoder.layer.1", "embeddings"), partial=block)
    write("mosaic_masked_lm", MosaicForMaskedLM, mosaic, weights, complete=(0,), only=("cls",), all_logits=True)
