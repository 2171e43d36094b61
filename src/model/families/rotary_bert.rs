//! What BERTs with rotary positions have in common (Jina 3, NomicBERT, GTE): transformers builds them of the same
//! parts, and reads files in which these parts have the names of the code that they were published with.

use std::iter;

use super::Head;
use super::bert_parts::Sizes;
use super::rotary::{RotaryDefaults, settings};
use crate::error::Result;
use crate::model::blueprint::{BlockSite, Blueprint, Elsewhere, EmbeddingSite, Part, RotarySettings, Site, Work};
use crate::model::config::Config;
use crate::tensor_files::Share;

/// What published files call a part: steps of its path, what stands there instead, and which rows of that tensor are
/// the part's where it holds those of several.
pub(super) type Published = (&'static str, &'static str, Option<Share>);

/// The rows of the queries, where one tensor has those of queries, keys and values.
pub(super) const QUERIES: Option<Share> = Some(Share { index: 0, of: 3 });
/// Those of the keys.
pub(super) const KEYS: Option<Share> = Some(Share { index: 1, of: 3 });
/// Those of the values.
pub(super) const VALUES: Option<Share> = Some(Share { index: 2, of: 3 });

/// What a family calls things.
pub(super) struct Names {
    pub model_type: &'static str,
    pub base_prefix: &'static str,
    /// The class of the rotary positions.
    pub rotary: &'static str,
    /// The class of the MLP.
    pub mlp: &'static str,
    /// What published files call the parts of the base model.
    pub published: &'static [Published],
    /// What they put before all of these, besides nothing and `base_prefix`.
    pub published_prefixes: &'static [&'static str],
}

/// A BERT with rotary positions.
pub(super) struct RotaryBert {
    names: &'static Names,
    pub sizes: Sizes,
    /// Columns of one head.
    head_width: usize,
    pub rotation: RotarySettings,
    /// Whether the projections of the attention have a bias.
    pub attention_bias: bool,
    /// What is inside the MLP of a block.
    mlp: fn(&Sizes, usize) -> Vec<Part>,
}

impl RotaryBert {
    /// One with biases in its attention. All columns of a head are rotated.
    pub fn new(
        config: &Config,
        names: &'static Names,
        sizes: Sizes,
        rotary: &RotaryDefaults,
        mlp: fn(&Sizes, usize) -> Vec<Part>,
    ) -> Result<Self> {
        let head_width = config.size("head_dim", sizes.width / sizes.heads)?;
        let rotation = settings(config, head_width, rotary)?;
        if rotation.rotary_dim != head_width {
            return Err(config.not_built("rope_parameters"));
        }
        Ok(Self { names, sizes, head_width, rotation, attention_bias: true, mlp })
    }

    /// The parts of the base model, in the order of their definition.
    pub fn parts(&self, with_pooler: bool) -> Vec<Part> {
        let sizes = &self.sizes;
        let mut order = vec!["word_embeddings"];
        if sizes.token_types > 0 {
            order.push("token_type_embeddings");
        }
        order.extend(["LayerNorm", "dropout"]);
        let mut parts = vec![sizes.embeddings(&order)];
        if with_pooler {
            parts.push(sizes.pooler());
        }
        let rotary = Part::container("rotary_emb", self.names.rotary, Vec::new());
        parts.push(rotary.gives(Site::Embedding(EmbeddingSite::RotaryCosines)));
        parts.push(Part::list("layers", (0..sizes.blocks).map(|index| self.block(index)).collect()));
        let Names { published, published_prefixes, .. } = self.names;
        parts.iter_mut().for_each(|part| also_called(part, "", published, published_prefixes));
        parts
    }

    /// The blueprint of these parts with their head.
    pub fn blueprint(self, head: Head, root: Part) -> Blueprint {
        let mut blueprint = self.sizes.blueprint(self.names.model_type, self.names.base_prefix, head, root);
        blueprint.rotations = vec![self.rotation];
        blueprint.block_list = "layers";
        for attention in &mut blueprint.attention {
            attention.rotary = Some(0);
            attention.head_width = self.head_width;
            attention.scale = (self.head_width as f32).sqrt().recip();
        }
        blueprint
    }

    fn block(&self, index: usize) -> Part {
        use BlockSite::{AttentionProjection, AttentionResidualNorm, MlpDown, MlpResidualNorm, Output};
        let at = |site| Site::Block(index, site);
        let sizes = &self.sizes;
        let norm = |name, site| Part::layer_norm(name, sizes.width, sizes.epsilon).gives(at(site));
        let dropout = |name, site| Part::dropout(name, sizes.dropout).gives(at(site));
        let children = vec![
            norm("post_attention_layernorm", AttentionResidualNorm),
            dropout("post_attention_dropout", AttentionProjection),
            dropout("post_mlp_dropout", MlpDown),
            Part::container("mlp", self.names.mlp, (self.mlp)(sizes, index)).gives(at(MlpDown)),
            self.attention(index),
            norm("post_mlp_layernorm", MlpResidualNorm),
        ];
        Part::container(index.to_string(), sizes.classes.layer, children).gives(at(Output))
    }

    fn attention(&self, index: usize) -> Part {
        use BlockSite::{AttentionProjection, Key, Query, Value};
        let at = |site| Site::Block(index, site);
        let (width, heads) = (self.sizes.width, self.sizes.heads.saturating_mul(self.head_width));
        let read = |name, site| Part::linear(name, width, heads, self.attention_bias).gives(at(site));
        let children = vec![
            read("q_proj", Query),
            read("k_proj", Key),
            read("v_proj", Value),
            Part::linear("o_proj", heads, width, self.attention_bias).gives(at(AttentionProjection)),
        ];
        Part::container("self_attn", self.sizes.classes.attention, children).gives(at(AttentionProjection))
    }
}

/// A gated MLP, whose last projection may have a bias.
pub(super) fn gated(sizes: &Sizes, index: usize, bias: bool) -> Vec<Part> {
    use BlockSite::{MlpActivation, MlpDown, MlpInner, MlpUp};
    let at = |site| Site::Block(index, site);
    let (function, class) = sizes.activation;
    vec![
        Part::linear("gate_proj", sizes.width, sizes.inner, false).gives(at(MlpInner)),
        Part::linear("up_proj", sizes.width, sizes.inner, false).gives(at(MlpUp)),
        Part::linear("down_proj", sizes.inner, sizes.width, bias).gives(at(MlpDown)),
        Part::activation("act_fn", class, function).gives(at(MlpActivation)),
    ]
}

/// Lets the parameters of a part and of those inside it lie under the names of published files as well.
pub(super) fn also_called(part: &mut Part, within: &str, published: &[Published], prefixes: &[&str]) {
    let path = if within.is_empty() { part.name.clone() } else { format!("{within}.{}", part.name) };
    let (mut name, mut share) = (path.clone(), None);
    for (ours, theirs, rows) in published.iter().filter(|(ours, ..)| path.contains(ours)) {
        name = name.replace(ours, theirs);
        share = share.or(*rows);
    }
    let parameters: &[&str] = match part.work {
        Work::Linear { bias: true, .. } | Work::LayerNorm { bias: true, .. } => &["weight", "bias"],
        Work::Linear { .. } | Work::LayerNorm { .. } | Work::RmsNorm { .. } | Work::Embedding { .. } => &["weight"],
        _ => &[],
    };
    for parameter in parameters {
        for prefix in iter::once(&"").chain(prefixes) {
            let tensor = format!("{prefix}{name}.{parameter}");
            part.elsewhere.push(Elsewhere { parameter, tensor, share });
        }
    }
    part.children.iter_mut().for_each(|child| also_called(child, &path, published, prefixes));
}
