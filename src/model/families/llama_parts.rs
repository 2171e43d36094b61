//! What the models that are built like Llama have in common: rotary positions, grouped-query attention, norms, a gated
//! MLP, and the three heads of transformers' decoders. A family says in which of these choices it differs.

use super::Head;
use super::decoder_heads::DecoderHeads;
use super::mixture::Mixture;
use super::rotary::{RotaryDefaults, settings};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, Part, Pooling, Residual,
    RotarySettings, Scales, Site,
};
use crate::model::config::Config;

/// The names of a family's classes.
pub(super) struct Classes {
    pub model: &'static str,
    pub layer: &'static str,
    pub attention: &'static str,
    pub mlp: &'static str,
    pub norm: &'static str,
    pub rotary: &'static str,
    pub causal: &'static str,
    pub sequences: &'static str,
    pub tokens: &'static str,
    /// The class for question answering, which is not built; its checkpoints open as the base model.
    pub answers: &'static str,
}

/// The classes of a family by what their names begin with.
macro_rules! classes {
    ($name:literal) => {
        $crate::model::families::llama_parts::Classes {
            model: concat!($name, "Model"),
            layer: concat!($name, "DecoderLayer"),
            attention: concat!($name, "Attention"),
            mlp: concat!($name, "MLP"),
            norm: concat!($name, "RMSNorm"),
            rotary: concat!($name, "RotaryEmbedding"),
            causal: concat!($name, "ForCausalLM"),
            sequences: concat!($name, "ForSequenceClassification"),
            tokens: concat!($name, "ForTokenClassification"),
            answers: concat!($name, "ForQuestionAnswering"),
        }
    };
}
pub(super) use classes;

/// The heads that a family's classes have.
pub(super) const fn heads(classes: &Classes) -> [(&'static str, Head); 4] {
    [
        (classes.model, Head::Base),
        (classes.causal, Head::CausalLanguageModel),
        (classes.sequences, Head::SequenceClassification),
        (classes.tokens, Head::TokenClassification),
    ]
}

/// What a family takes where its configuration says nothing.
pub(super) struct Defaults {
    pub vocabulary: usize,
    pub width: usize,
    pub inner: usize,
    pub blocks: usize,
    pub heads: usize,
    /// As many as heads where `None`.
    pub key_value_heads: Option<usize>,
    /// The width by the number of heads where `None`.
    pub head_width: Option<usize>,
    pub positions: usize,
    pub theta: f64,
    /// The part of a head's columns that is rotated, where a family reads `partial_rotary_factor`; all of them where
    /// `None`.
    pub partial_rotary_factor: Option<f64>,
    /// How many positions the model was first trained on, where a family says so whatever stands with the rotation.
    pub first_positions: Option<usize>,
    /// Whether tokens read those after them as well, whatever the configuration says.
    pub bidirectional: bool,
    /// The field of what norms add to a variance.
    pub epsilon_field: &'static str,
    pub epsilon: f64,
    pub padding: Option<u32>,
    pub tied: bool,
    /// The field of the activation function's name.
    pub activation_field: &'static str,
    pub activation: &'static str,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            vocabulary: 32_000,
            width: 4096,
            inner: 11_008,
            blocks: 32,
            heads: 32,
            key_value_heads: None,
            head_width: None,
            positions: 2048,
            theta: 10_000.0,
            partial_rotary_factor: None,
            first_positions: None,
            bidirectional: false,
            epsilon_field: "rms_norm_eps",
            epsilon: 1e-6,
            padding: None,
            tied: false,
            activation_field: "hidden_act",
            activation: "silu",
        }
    }
}

/// Where the norms of a block stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Norms {
    /// Before each branch.
    Before,
    /// One before both branches, which read the stream as the block found it.
    Shared,
    /// On what each branch gives.
    After,
    /// Both.
    Both,
}

/// What norms do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NormKind {
    /// Division by the root mean square.
    RootMeanSquare,
    /// The same, with a weight that is one more than the file says.
    RootMeanSquarePlusOne,
    /// Standardisation, with a bias or without.
    Layer { bias: bool },
}

/// Norms of queries and keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadNorms {
    /// Of each head.
    Each,
    /// Of all heads together.
    Together,
}

/// A model like Llama. It begins as Llama without biases; a family changes what differs.
#[allow(clippy::struct_excessive_bools, reason = "each is one free choice of a configuration")]
pub(super) struct Decoder<'a> {
    config: &'a Config,
    head: Head,
    classes: &'static Classes,
    pub blocks: usize,
    pub width: usize,
    pub vocabulary: usize,
    /// Columns between the MLP's projections, of each block.
    pub inner: Vec<usize>,
    pub logits: usize,
    positions: usize,
    pub epsilon: f64,
    /// The activation function of the MLP and the name of its class.
    pub activation: (Activation, &'static str),
    padding: Option<u32>,
    /// Whether scores are tied to the embedding where the configuration does not say so.
    tied: bool,
    /// Of each block.
    pub attention: Vec<AttentionSettings>,
    pub rotations: Vec<RotarySettings>,
    pub scales: Scales,
    /// Whether queries, keys and values have a bias.
    pub read_bias: bool,
    /// Whether the output projection of the attention has one.
    pub output_bias: bool,
    pub mlp_bias: bool,
    pub norms: Norms,
    pub norm_kind: NormKind,
    pub head_norms: Option<HeadNorms>,
    /// The class of the token embedding.
    pub embedding_class: &'static str,
    /// What the rows of the token embedding are multiplied by.
    pub embedding_scale: f32,
    /// What the two projections and the function of an MLP are called that has no gate.
    pub plain_mlp: Option<[&'static str; 3]>,
    /// The dropout behind an MLP, where it is a module.
    pub mlp_dropout: Option<f64>,
    /// The dropouts behind both branches, where they are modules.
    pub branch_dropout: Option<f64>,
    /// Whether one projection gives queries, keys and values, and another one gate and factor of the MLP.
    pub fused: bool,
    /// Whether each head of the attention has a sink.
    pub sinks: bool,
    /// The blocks whose MLP is made of experts; empty where none is.
    pub mixtures: Vec<Option<Mixture>>,
    /// What the class for question answering calls the base model.
    pub answers_prefix: &'static str,
}

impl<'a> Decoder<'a> {
    /// Reads what all of these families have.
    pub fn read(config: &'a Config, head: Head, classes: &'static Classes, defaults: &Defaults) -> Result<Self> {
        let width = config.size("hidden_size", defaults.width)?;
        let heads = config.size("num_attention_heads", defaults.heads)?;
        let key_value_heads = config.size_or("num_key_value_heads", defaults.key_value_heads)?.unwrap_or(heads);
        Config::divides(("num_key_value_heads", key_value_heads), ("num_attention_heads", heads))?;
        let head_width = match (config.get("head_dim"), defaults.head_width) {
            (None, None) => {
                Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
                width / heads
            }
            (_, default) => config.size("head_dim", default.unwrap_or(1))?,
        };
        let vocabulary = config.size("vocab_size", defaults.vocabulary)?;
        let blocks = config.blocks("num_hidden_layers", defaults.blocks)?;
        let attention = AttentionSettings {
            rotary: Some(0),
            causal: !defaults.bidirectional && config.flag("is_causal", true)?,
            ..AttentionSettings::new(heads, key_value_heads, head_width)
        };
        Ok(Self {
            config,
            head,
            classes,
            blocks,
            width,
            vocabulary,
            inner: vec![config.size("intermediate_size", defaults.inner)?; blocks],
            logits: head.logits(config, vocabulary)?,
            positions: config.size("max_position_embeddings", defaults.positions)?,
            epsilon: config.number(defaults.epsilon_field, defaults.epsilon)?,
            activation: Activation::named(config, defaults.activation_field, defaults.activation)?,
            padding: config.token("pad_token_id", defaults.padding)?,
            tied: defaults.tied,
            attention: vec![attention; blocks],
            rotations: Vec::new(),
            scales: Scales::default(),
            read_bias: false,
            output_bias: false,
            mlp_bias: false,
            norms: Norms::Before,
            norm_kind: NormKind::RootMeanSquare,
            head_norms: None,
            embedding_class: "Embedding",
            embedding_scale: 1.0,
            plain_mlp: None,
            mlp_dropout: None,
            branch_dropout: None,
            fused: false,
            sinks: false,
            mixtures: Vec::new(),
            answers_prefix: "model",
        })
    }

    /// Gives all blocks the one rotation that the configuration says.
    pub fn with_rotation(mut self, defaults: &Defaults) -> Result<Self> {
        let rotary = RotaryDefaults {
            theta: defaults.theta,
            partial: defaults.partial_rotary_factor.map(|factor| ("partial_rotary_factor", factor)),
            positions: defaults.positions,
            first_positions: defaults.first_positions,
            ..RotaryDefaults::default()
        };
        self.rotations = vec![settings(self.config, self.head_width(), &rotary)?];
        Ok(self)
    }

    /// Reads the biases of families that have `attention_bias`.
    pub fn with_attention_bias(mut self) -> Result<Self> {
        self.read_bias = self.config.flag("attention_bias", false)?;
        self.output_bias = self.read_bias;
        Ok(self)
    }

    /// Lets all blocks read `window` tokens, or all where there is no window.
    ///
    /// # Errors
    /// [`crate::error::ErrorCode::Unsupported`] for `layer_types`: the family's blocks are all of one type.
    pub fn slide_all(&mut self, window: Option<usize>) -> Result<()> {
        self.config.only("layer_types", &[])?;
        self.attention.iter_mut().for_each(|attention| attention.window = window);
        Ok(())
    }

    /// Lets the blocks that `layer_types` calls sliding, or `sliding` where it says nothing, read `window` tokens.
    pub fn slide(&mut self, window: Option<usize>, sliding: impl Fn(usize) -> bool) -> Result<()> {
        let types = self.config.per_block("layer_types", self.blocks)?;
        for (index, attention) in self.attention.iter_mut().enumerate() {
            let slides = match types.as_ref().map(|types| types[index]) {
                None => sliding(index),
                Some("sliding_attention") => true,
                Some("full_attention") => false,
                Some(_) => return Err(self.config.not_built("layer_types")),
            };
            attention.window = window.filter(|_| slides);
        }
        Ok(())
    }

    /// Columns of one head.
    pub fn head_width(&self) -> usize {
        self.attention[0].head_width
    }

    /// The model as a blueprint, with one of the heads of transformers' decoders.
    pub fn blueprint(self, family: &'static str) -> Result<Blueprint> {
        let base = self.base();
        self.blueprint_around(base, family)
    }

    /// The same around modules of the family's own.
    pub fn blueprint_around(self, base: Part, family: &'static str) -> Result<Blueprint> {
        let around = DecoderHeads {
            tied: ("embed_tokens", self.tied),
            token_scores: ("score", self.config.flag("token_classification_bias", true)?),
            ..DecoderHeads::new(self.config, "model", "embed_tokens", self.width, self.logits)
        };
        let root = around.around(base, &heads(self.classes), self.head)?;
        let pooling = self.head.pooling_of_decoder(self.padding);
        Ok(self.blueprint_of(family, root, pooling))
    }

    /// The model as a blueprint, with a head of the family's own; `root` has [`Decoder::base`] in it.
    pub fn blueprint_of(mut self, family: &'static str, root: Part, pooling: Pooling) -> Blueprint {
        for attention in &mut self.attention {
            attention.fused = self.fused.then_some(FusedLayout::Stacked);
            // transformers counts the end of a window in where tokens read to both sides, and not where they look back.
            if !attention.causal {
                attention.window = attention.window.map(|window| window.saturating_add(1));
            }
        }
        let answers = self.config.architecture() == Some(self.classes.answers);
        Blueprint {
            family,
            vocabulary: self.vocabulary,
            width: self.width,
            inner_width: self.inner.into_iter().max().unwrap_or(0),
            logits: self.logits,
            blocks: self.blocks,
            max_positions: self.positions,
            attention: self.attention,
            rotations: self.rotations,
            residual: if self.norms == Norms::Shared { Residual::Parallel } else { Residual::Sequential },
            scales: if self.head == Head::CausalLanguageModel {
                self.scales
            } else {
                // Only scores of the vocabulary are scaled and capped.
                Scales { logits: 1.0, logits_cap: None, ..self.scales }
            },
            pooling,
            base_prefix: if answers { self.answers_prefix } else { "model" },
            block_list: "layers",
            ..Blueprint::plain(root)
        }
    }

    /// The modules of the model without a head.
    pub fn base(&self) -> Part {
        let at = Site::Embedding;
        let (class, scale) = (self.embedding_class, self.embedding_scale);
        let rotary = Part::container("rotary_emb", self.classes.rotary, Vec::new());
        let parts = vec![
            Part::embedding_of("embed_tokens", class, self.vocabulary, self.width, scale)
                .gives(at(EmbeddingSite::Token)),
            Part::list("layers", (0..self.blocks).map(|index| self.block(index)).collect()),
            self.norm("norm", self.width).gives(Site::FinalNorm),
            // Where there are two rotations, this module is called for each.
            if self.rotations.len() > 1 {
                rotary.gives_several()
            } else {
                rotary.gives(at(EmbeddingSite::RotaryCosines))
            },
        ];
        Part::container("", self.classes.model, parts).gives(Site::FinalNorm)
    }

    /// A norm of the family's kind.
    pub fn norm(&self, name: &str, width: usize) -> Part {
        let (class, epsilon) = (self.classes.norm, self.epsilon);
        match self.norm_kind {
            NormKind::RootMeanSquare => Part::rms_norm(name, class, width, epsilon),
            NormKind::RootMeanSquarePlusOne => Part::rms_norm_plus_one(name, class, width, epsilon),
            NormKind::Layer { bias } => Part { class, ..Part::layer_norm_with(name, width, epsilon, bias) },
        }
    }

    fn block(&self, index: usize) -> Part {
        use BlockSite::{
            AttentionInputNorm, AttentionOutputNorm, AttentionProjection, MlpDown, MlpInputNorm, MlpOutputNorm,
        };
        let at = |site| Site::Block(index, site);
        let norm = |name, site| self.norm(name, self.width).gives(at(site));
        let mut children = vec![self.attention(index), self.mlp(index)];
        children.extend(match self.norms {
            Norms::Before => {
                vec![norm("input_layernorm", AttentionInputNorm), norm("post_attention_layernorm", MlpInputNorm)]
            }
            Norms::Shared => vec![norm("input_layernorm", AttentionInputNorm)],
            Norms::After => vec![
                norm("post_attention_layernorm", AttentionOutputNorm),
                norm("post_feedforward_layernorm", MlpOutputNorm),
            ],
            Norms::Both => vec![
                norm("input_layernorm", AttentionInputNorm),
                norm("post_attention_layernorm", AttentionOutputNorm),
                norm("pre_feedforward_layernorm", MlpInputNorm),
                norm("post_feedforward_layernorm", MlpOutputNorm),
            ],
        });
        if let Some(dropout) = self.branch_dropout {
            children.push(Part::dropout("resid_attn_dropout", dropout).gives(at(AttentionProjection)));
            children.push(Part::dropout("resid_mlp_dropout", dropout).gives(at(MlpDown)));
        }
        if let Some(dropout) = self.mlp_dropout {
            children.push(Part::dropout("dropout", dropout).gives(at(MlpDown)));
        }
        Part::container(index.to_string(), self.classes.layer, children).gives(at(BlockSite::Output))
    }

    fn attention(&self, index: usize) -> Part {
        use BlockSite::{AttentionProjection, Key, KeyNorm, Query, QueryKeyValue, QueryNorm, Value};
        let at = |site| Site::Block(index, site);
        let settings = &self.attention[index];
        let queries = settings.heads.saturating_mul(settings.head_width);
        let keys = settings.key_value_heads.saturating_mul(settings.head_width);
        let read = |name, outputs| Part::linear(name, self.width, outputs, self.read_bias);
        let output = Part::linear("o_proj", queries, self.width, self.output_bias).gives(at(AttentionProjection));
        let mut children = if self.fused {
            let all = queries.saturating_add(keys.saturating_mul(2));
            vec![output, read("qkv_proj", all).gives(at(QueryKeyValue))]
        } else {
            vec![
                read("q_proj", if settings.gated { queries.saturating_mul(2) } else { queries }).gives(at(Query)),
                read("k_proj", keys).gives(at(Key)),
                read("v_proj", keys).gives(at(Value)),
                output,
            ]
        };
        if let Some(norms) = self.head_norms {
            let width = |together| if norms == HeadNorms::Each { settings.head_width } else { together };
            children.push(self.norm("q_norm", width(queries)).gives(at(QueryNorm)));
            children.push(self.norm("k_norm", width(keys)).gives(at(KeyNorm)));
        }
        let class = self.classes.attention;
        let part = if self.sinks {
            Part::attention_with_sinks("self_attn", class, settings.heads, children)
        } else {
            Part::container("self_attn", class, children)
        };
        part.gives(at(AttentionProjection))
    }

    fn mlp(&self, index: usize) -> Part {
        use BlockSite::{MlpActivation, MlpDown, MlpGateUp, MlpInner, MlpUp};
        let at = |site| Site::Block(index, site);
        if let Some(Some(mixture)) = self.mixtures.get(index) {
            return mixture.part(index, self.classes, self.activation);
        }
        let (function, class) = self.activation;
        let (width, inner) = (self.width, self.inner[index]);
        let linear = |name, inputs, outputs, site| Part::linear(name, inputs, outputs, self.mlp_bias).gives(at(site));
        let activation = |name| Part::activation(name, class, function).gives(at(MlpActivation));
        let children = if let Some([first, last, between]) = self.plain_mlp {
            vec![linear(first, width, inner, MlpInner), linear(last, inner, width, MlpDown), activation(between)]
        } else if self.fused {
            vec![
                linear("gate_up_proj", width, inner.saturating_mul(2), MlpGateUp),
                linear("down_proj", inner, width, MlpDown),
                activation("activation_fn"),
            ]
        } else {
            vec![
                linear("gate_proj", width, inner, MlpInner),
                linear("up_proj", width, inner, MlpUp),
                linear("down_proj", inner, width, MlpDown),
                activation("act_fn"),
            ]
        };
        Part::container("mlp", self.classes.mlp, children).gives(at(MlpDown))
    }
}
