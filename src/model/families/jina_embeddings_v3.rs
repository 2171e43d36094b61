//! Jina Embeddings 3 (Sturua et al. 2024): XLM-RoBERTa with rotary positions instead of a table, as transformers reads
//! it from `jinaai/jina-embeddings-v3-hf`. The adapters for single tasks are files of their own there, and are not
//! applied.

use super::bert_parts::{Fields, Sizes};
use super::roberta::{Heads, functions, heads, with_head};
use super::rotary::RotaryDefaults;
use super::rotary_bert::{KEYS, Names, QUERIES, RotaryBert, VALUES};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{BlockSite, Blueprint, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family { model_type: NAMES.model_type, classes: &HEADS.built(), blueprint };

const HEADS: Heads = heads!("JinaEmbeddingsV3", true);

const NAMES: Names = Names {
    model_type: "jina_embeddings_v3",
    base_prefix: "roberta",
    rotary: "JinaEmbeddingsV3RotaryEmbedding",
    mlp: "JinaEmbeddingsV3MLP",
    published: &[
        ("embeddings.LayerNorm", "emb_ln", None),
        ("layers", "encoder.layers", None),
        ("self_attn.q_proj", "mixer.Wqkv", QUERIES),
        ("self_attn.k_proj", "mixer.Wqkv", KEYS),
        ("self_attn.v_proj", "mixer.Wqkv", VALUES),
        ("self_attn.o_proj", "mixer.out_proj", None),
        ("post_attention_layernorm", "norm1", None),
        ("post_mlp_layernorm", "norm2", None),
    ],
    published_prefixes: &[],
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let fields = Fields {
        vocabulary: 250_002,
        width: ("hidden_size", 1024),
        heads: ("num_attention_heads", 16),
        inner: ("intermediate_size", 4096),
        blocks: ("num_hidden_layers", 24),
        positions: ("max_position_embeddings", 8194),
        epsilon: ("layer_norm_eps", 1e-5),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &HEADS.classes, &fields)?;
    sizes.token_types = config.size("type_vocab_size", 1)?;
    let rotary = RotaryDefaults { theta: 20_000.0, positions: sizes.positions, ..RotaryDefaults::default() };
    let model = RotaryBert::new(config, &NAMES, sizes, &rotary, mlp)?;
    let root = with_head(config, head, &HEADS, &model.sizes, model.parts(head == Head::Base))?;
    Ok(Blueprint { functions: functions(head), ..model.blueprint(head, root) })
}

fn mlp(sizes: &Sizes, index: usize) -> Vec<Part> {
    let at = |site| Site::Block(index, site);
    let (function, class) = sizes.activation;
    vec![
        Part::activation("activation_fn", class, function).gives(at(BlockSite::MlpActivation)),
        Part::linear("fc1", sizes.width, sizes.inner, true).gives(at(BlockSite::MlpInner)),
        Part::linear("fc2", sizes.inner, sizes.width, true).gives(at(BlockSite::MlpDown)),
    ]
}
