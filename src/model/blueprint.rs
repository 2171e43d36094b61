//! What a transformer is made of, as data.
//!
//! The forward pass is one fixed sequence of [`Site`]s: points at which a value exists. A family says which
//! modules its checkpoint has, in PyTorch's order, and at which site each one's output lies. A module with weights
//! computes the value of its site; a container or a dropout is one more name of a site that another module computes.
//! So one list gives the module tree, the names of the weights, the split points and the steps of the forward
//! pass: where a family has no module at a site (no norm before the attention, no second projection in the MLP),
//! the pass has no such step.

use std::iter;
use std::ops::Range;

use crate::model::layers::Activation;
use crate::model::weights::Share;

/// A point of the forward pass where a value exists. The order is the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Site {
    /// Before the blocks.
    Embedding(EmbeddingSite),
    /// In the block of that index.
    Block(usize, BlockSite),
    /// The norm after the last block.
    FinalNorm,
    /// A projection after it, to the width of the token embedding.
    FinalProjection,
    /// After the base model.
    Head(HeadSite),
}

/// The steps before the first block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EmbeddingSite {
    /// The row of the token's id.
    Token,
    /// A projection of that row to the width of the model.
    TokenProjection,
    /// The row of token type 0.
    TokenType,
    /// The row of the token's position in its text.
    Position,
    /// The norm of their sum.
    Norm,
    /// What the first block reads, or the projection before it.
    Output,
    /// A projection of that to the width of the blocks.
    Projection,
    /// The cosines of the rotary angles at the token's position.
    RotaryCosines,
    /// A table for the distances between tokens.
    RelativePositions,
    /// The norm of its rows.
    RelativePositionsNorm,
}

/// The steps of one block. Norms stand in three places: before a branch reads the residual stream (pre-norm), on
/// what the branch gives before it is added, and on the sum (post-norm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum BlockSite {
    /// Before the first block of a decoder: the norm after the encoder, which is what cross-attention reads.
    EncoderNorm,
    /// Then the rows of the tokens that the decoder reads.
    DecoderToken,
    /// And the decoder's table for the distances between tokens.
    DecoderRelativePositions,
    /// Norm of what the attention reads.
    AttentionInputNorm,
    /// Queries, keys and values of one projection, laid out as [`FusedLayout`] says.
    QueryKeyValue,
    /// Queries, all heads side by side.
    Query,
    /// Norm of the queries: of each head, or of all of them together.
    QueryNorm,
    /// Keys, all key heads side by side.
    Key,
    /// Norm of the keys.
    KeyNorm,
    /// The table for distances, projected like keys; by the keys' own projection where a block has no other.
    PositionKey,
    /// The same, projected like queries.
    PositionQuery,
    /// Values, all key heads side by side.
    Value,
    /// The weighted values of all heads, before the output projection.
    Context,
    /// The output projection.
    AttentionProjection,
    /// Norm of the attention's output.
    AttentionOutputNorm,
    /// The attention's output plus what it read.
    AttentionResidual,
    /// Norm of that sum.
    AttentionResidualNorm,
    /// In a decoder's block, where it also reads what the encoder gave: norm of what is projected to queries.
    CrossInputNorm,
    /// Queries.
    CrossQuery,
    /// Keys, of what the encoder gave.
    CrossKey,
    /// Values, of the same.
    CrossValue,
    /// The output projection.
    CrossProjection,
    /// That plus what the norm read.
    CrossResidual,
    /// Norm of what the MLP reads.
    MlpInputNorm,
    /// Gate and factor of a gated MLP from one projection, the gate first.
    MlpGateUp,
    /// The projection that the activation function is applied to (in a gated MLP, the gate).
    MlpInner,
    /// The activation function's value.
    MlpActivation,
    /// The projection that the activation multiplies, in a gated MLP.
    MlpUp,
    /// The product of the two in a gated MLP.
    MlpProduct,
    /// The projection back to the width of the model.
    MlpDown,
    /// Norm of the MLP's output.
    MlpOutputNorm,
    /// Norm of the MLP's output plus what it read.
    MlpResidualNorm,
    /// What the next block reads.
    Output,
}

/// The steps after the base model. A head is a chain of these, with pooling before it or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HeadSite {
    /// A projection before the scores.
    Dense,
    /// Its activation function.
    Activation,
    /// Its norm.
    Norm,
    /// The scores of labels or of the vocabulary.
    Logits,
}

/// How the rows of a text become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// They do not: the head works token by token.
    PerToken,
    /// The first row goes into the head.
    First,
    /// The mean of the rows goes into the head.
    Mean,
    /// The row of the last token of this id goes into the head.
    LastOfToken(u32),
    /// The head works token by token, and the result is the mean of its logits.
    MeanOfLogits,
    /// The head works token by token, and the result is that of the last token that is not the padding token, of
    /// this id if the model has one.
    LastOfLogits(Option<u32>),
}

/// Positions as rotations of queries and keys (Su et al. 2021, "RoFormer").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RotarySettings {
    /// The columns of a head that turn, its first ones.
    pub width: usize,
    /// Which of these turn together.
    pub pairs: RotaryPairs,
    /// The base of the wave lengths.
    pub theta: f64,
    /// How wave lengths are changed for texts that are longer than those the model was first trained on.
    pub scaling: RotaryScaling,
    /// What cosines and sines are multiplied by.
    pub amplitude: f32,
}

/// The columns of a head that turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotaryPairs {
    /// Each of the first half with the one as far into the second (GPT-NeoX, Llama).
    Halves,
    /// Each with its neighbour (RoFormer, GPT-J).
    Neighbours,
}

/// Ways to change the wave lengths of rotary positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RotaryScaling {
    /// None.
    None,
    /// All of them, by one factor (Chen et al. 2023, "Position Interpolation").
    Linear {
        /// The factor.
        factor: f64,
    },
    /// A larger base for texts that are longer than `positions` ("NTK-aware", growing with the text).
    Dynamic {
        /// How fast the base grows.
        factor: f64,
        /// Texts up to here are left alone.
        positions: usize,
    },
    /// Long waves by a factor, short ones not, those between a bit (Llama 3.1).
    Llama3 {
        /// The factor of long waves.
        factor: f64,
        /// `positions` over the wave length from which waves are long.
        low: f64,
        /// `positions` over the wave length up to which waves are short.
        high: f64,
        /// The length of the first training texts.
        positions: f64,
    },
    /// The same with a ramp over the columns (Peng et al. 2023, "YaRN").
    Yarn {
        /// The factor of long waves.
        factor: f64,
        /// The column where the ramp begins.
        low: f64,
        /// The column where it ends.
        high: f64,
    },
    /// A factor for each wave (Ding et al. 2024, "LongRoPE").
    PerWave {
        /// For texts up to `positions`.
        short: Vec<f32>,
        /// For longer ones.
        long: Vec<f32>,
        /// The length of the first training texts.
        positions: usize,
    },
}

/// How queries, keys and values lie in the columns of one projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FusedLayout {
    /// All queries, all keys, all values.
    Stacked,
    /// For each head of keys: the queries that read it, the key, the value.
    PerKeyHead,
}

/// Scores that fall with the distance between tokens (Press et al. 2022, "ALiBi").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Alibi {
    /// Slope times position.
    Exact,
    /// The same rounded to bfloat16, times this.
    Rounded(f32),
}

/// What the distance between two tokens adds to the score of one for the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RelativePositions {
    /// A number for each head and bucket of distances (Raffel et al. 2020, "T5").
    Bias {
        /// Buckets of distances.
        buckets: usize,
        /// The distance from which all are one bucket.
        furthest: usize,
        /// Whether half of the buckets are for keys after the query; else there are only those before it.
        both_ways: bool,
    },
    /// Contents compared with distances (He et al. 2021, "DeBERTa").
    Disentangled(DistanceTable),
}

/// A table with a row for each distance, or for each bucket of distances, in both directions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DistanceTable {
    /// Half the rows.
    pub span: usize,
    /// Where distances are put into buckets: how many in each direction, and the distance where the last one ends.
    pub buckets: Option<(usize, usize)>,
    /// Whether queries are compared with distances.
    pub content_to_position: bool,
    /// Whether keys are.
    pub position_to_content: bool,
}

/// Multi-head attention with grouped keys and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttentionSettings {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_value_heads: usize,
    /// Columns of one head.
    pub head_width: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// Which of the model's rotations turns queries and keys, if positions are rotary.
    pub rotary: Option<usize>,
    /// Where one projection gives queries, keys and values: how they lie in it.
    pub fused: Option<FusedLayout>,
    /// Whether a token reads only itself and the tokens before it.
    pub causal: bool,
    /// A token reads only those whose distance is less than this, itself being at distance 0.
    pub window: Option<usize>,
    /// Scores `s` become `cap tanh(s / cap)`.
    pub soft_cap: Option<f32>,
    /// What positions add to the scores.
    pub alibi: Option<Alibi>,
    /// What distances between tokens add to the scores.
    pub relative: Option<RelativePositions>,
}

impl AttentionSettings {
    /// Attention of every token to every token, with the usual scale and nothing else.
    pub fn new(heads: usize, key_value_heads: usize, head_width: usize) -> Self {
        Self {
            heads,
            key_value_heads,
            head_width,
            scale: (head_width as f32).sqrt().recip(),
            rotary: None,
            fused: None,
            causal: false,
            window: None,
            soft_cap: None,
            alibi: None,
            relative: None,
        }
    }
}

impl AttentionSettings {
    /// Where queries, keys and values lie in the columns of one projection.
    pub fn columns(&self, layout: FusedLayout) -> [Vec<Range<usize>>; 3] {
        let (queries, keys) = (self.heads * self.head_width, self.key_value_heads * self.head_width);
        match layout {
            FusedLayout::Stacked => [
                iter::once(0..queries).collect(),
                iter::once(queries..queries + keys).collect(),
                iter::once(queries + keys..queries + 2 * keys).collect(),
            ],
            FusedLayout::PerKeyHead => {
                let asking = queries / self.key_value_heads;
                let group = asking + 2 * self.head_width;
                let starts = || (0..self.key_value_heads).map(|head| head * group);
                [
                    starts().map(|start| start..start + asking).collect(),
                    starts().map(|start| start + asking..start + asking + self.head_width).collect(),
                    starts().map(|start| start + asking + self.head_width..start + group).collect(),
                ]
            }
        }
    }
}

/// How the branches of a block are added to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Residual {
    /// The MLP reads the stream that the attention was added to.
    Sequential,
    /// Both read the stream as the block found it: the MLP through a norm of its own, or else the attention's.
    Parallel,
}

/// Numbers that values are multiplied by outside of modules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scales {
    /// The embedding, before the first block.
    pub embedding: f32,
    /// What a branch adds to the residual stream.
    pub residual: f32,
    /// What the head reads.
    pub head: f32,
    /// The logits.
    pub logits: f32,
    /// After that, logits `l` become `cap tanh(l / cap)`.
    pub logits_cap: Option<f32>,
}

impl Default for Scales {
    fn default() -> Self {
        Self { embedding: 1.0, residual: 1.0, head: 1.0, logits: 1.0, logits_cap: None }
    }
}

/// What a module of the checkpoint does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Holds other modules.
    Container,
    /// A numbered list of other modules; it is never called itself.
    List(usize),
    /// `x W^T + b`.
    Linear {
        /// Columns it reads.
        inputs: usize,
        /// Columns it gives.
        outputs: usize,
        /// Whether it has a `b`.
        bias: bool,
        /// Whether the file holds `W^T`.
        transposed: bool,
    },
    /// A table of rows.
    Embedding {
        /// Rows of the table.
        count: usize,
        /// Columns of the table.
        width: usize,
        /// What its rows are multiplied by.
        scale: f32,
    },
    /// Division by the root mean square, times a weight (Zhang & Sennrich 2019).
    RmsNorm {
        /// Columns.
        width: usize,
        /// Added to the mean square.
        epsilon: f64,
        /// Whether the weight is one more than the file says.
        plus_one: bool,
    },
    /// Standardisation of each row, times a weight, plus a bias (Ba et al. 2016).
    LayerNorm {
        /// Columns.
        width: usize,
        /// Added to the variance.
        epsilon: f64,
        /// Whether it has a bias.
        bias: bool,
    },
    /// An element-wise function.
    Activation(Activation),
    /// Nothing, when a model is only run.
    Dropout(f64),
}

impl Work {
    /// The columns of what a projection or a table gives.
    pub fn columns(&self) -> Option<usize> {
        match self {
            Self::Linear { outputs, .. } => Some(*outputs),
            Self::Embedding { width, .. } => Some(*width),
            _ => None,
        }
    }
}

/// What comes out of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Nothing that is a tensor, or the module is never called.
    Nothing,
    /// Another value at each of several calls.
    Several,
    /// Rows for something else than tokens, the value at this site.
    Aside(Site),
    /// One row per token, the value at this site.
    PerToken(Site),
    /// One row per text, the value at this site.
    PerText(Site),
}

impl Gives {
    /// Where the value lies.
    pub fn site(self) -> Option<Site> {
        match self {
            Self::PerToken(site) | Self::PerText(site) | Self::Aside(site) => Some(site),
            Self::Nothing | Self::Several => None,
        }
    }
}

/// A parameter that may lie under another name in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// `weight` or `bias`.
    pub parameter: &'static str,
    /// The whole name of the tensor to take where the module has none of its own.
    pub tensor: String,
    /// Which of its rows to take, where one tensor holds the parameters of several modules.
    pub share: Option<Share>,
}

/// A module of the checkpoint, with the modules inside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// The attribute's name in PyTorch: the last step of its path.
    pub name: String,
    /// The class's name in PyTorch.
    pub class: &'static str,
    /// What it does.
    pub work: Work,
    /// What comes out of it.
    pub gives: Gives,
    /// Where its parameters may lie besides.
    pub elsewhere: Vec<Elsewhere>,
    /// The modules inside, in the order of their definition.
    pub children: Vec<Part>,
}

impl Part {
    fn new(name: impl Into<String>, class: &'static str, work: Work) -> Self {
        Self { name: name.into(), class, work, gives: Gives::Nothing, elsewhere: Vec::new(), children: Vec::new() }
    }

    /// A module that holds others.
    pub fn container(name: impl Into<String>, class: &'static str, children: Vec<Self>) -> Self {
        Self { children, ..Self::new(name, class, Work::Container) }
    }

    /// A `ModuleList`: its children are called by their index.
    pub fn list(name: &str, children: Vec<Self>) -> Self {
        let count = children.len();
        Self { children, ..Self::new(name, "ModuleList", Work::List(count)) }
    }

    /// A `Linear`.
    pub fn linear(name: &str, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self::linear_of(name, "Linear", inputs, outputs, bias)
    }

    /// A projection of a class of the family's own.
    pub fn linear_of(name: &str, class: &'static str, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self::new(name, class, Work::Linear { inputs, outputs, bias, transposed: false })
    }

    /// A `Conv1D`: a projection whose weight lies the other way round.
    pub fn conv1d(name: &str, inputs: usize, outputs: usize) -> Self {
        Self::new(name, "Conv1D", Work::Linear { inputs, outputs, bias: true, transposed: true })
    }

    /// An `Embedding`.
    pub fn embedding(name: &str, count: usize, width: usize) -> Self {
        Self::embedding_of(name, "Embedding", count, width, 1.0)
    }

    /// A table of a class of the family's own, whose rows are multiplied by `scale`.
    pub fn embedding_of(name: &str, class: &'static str, count: usize, width: usize, scale: f32) -> Self {
        Self::new(name, class, Work::Embedding { count, width, scale })
    }

    /// A root-mean-square norm of a class of the family's own.
    pub fn rms_norm(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::RmsNorm { width, epsilon, plus_one: false })
    }

    /// The same, with a weight that is one more than the file says.
    pub fn rms_norm_plus_one(name: &str, class: &'static str, width: usize, epsilon: f64) -> Self {
        Self::new(name, class, Work::RmsNorm { width, epsilon, plus_one: true })
    }

    /// A `LayerNorm` with weight and bias.
    pub fn layer_norm(name: &str, width: usize, epsilon: f64) -> Self {
        Self::new(name, "LayerNorm", Work::LayerNorm { width, epsilon, bias: true })
    }

    /// A `LayerNorm` that may lack the bias.
    pub fn layer_norm_with(name: &str, width: usize, epsilon: f64, bias: bool) -> Self {
        Self::new(name, "LayerNorm", Work::LayerNorm { width, epsilon, bias })
    }

    /// An `Identity`, which stands where other models of the family have something.
    pub fn identity(name: &str) -> Self {
        Self::new(name, "Identity", Work::Dropout(0.0))
    }

    /// An activation function that is a module.
    pub fn activation(name: &str, class: &'static str, function: Activation) -> Self {
        Self::new(name, class, Work::Activation(function))
    }

    /// A `Dropout`, which does nothing here but has a name.
    pub fn dropout(name: &str, probability: f64) -> Self {
        Self::new(name, "Dropout", Work::Dropout(probability))
    }

    /// Says that the module gives one row per token, the value at `site`.
    pub fn gives(mut self, site: Site) -> Self {
        self.gives = Gives::PerToken(site);
        self
    }

    /// Says that the module gives one row per text, the value at `site`.
    pub fn gives_per_text(mut self, site: Site) -> Self {
        self.gives = Gives::PerText(site);
        self
    }

    /// Says that the module is called several times, for another value each time.
    pub fn gives_several(mut self) -> Self {
        self.gives = Gives::Several;
        self
    }

    /// Says that the module is used for something else than tokens: its rows are those of distances.
    pub fn gives_aside(mut self, site: Site) -> Self {
        self.gives = Gives::Aside(site);
        self
    }

    /// Says under which other name a parameter may lie in the file.
    pub fn or_from(mut self, parameter: &'static str, tensor: impl Into<String>) -> Self {
        self.elsewhere.push(Elsewhere { parameter, tensor: tensor.into(), share: None });
        self
    }
}

/// The blocks of a model that are a decoder: they read the text once more, one token late, and what the encoder gave for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoder {
    /// The index of its first block; those before it are the encoder's.
    pub first_block: usize,
    /// The id that it reads before those of the text, the last of which it does not read.
    pub start_token: u32,
    /// How its blocks read what the encoder gave.
    pub cross_attention: AttentionSettings,
    /// The path of the list of its blocks, relative to the base model.
    pub block_list: &'static str,
}

/// A transformer: its sizes, the choices that are not modules, and its modules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blueprint {
    /// The `model_type` of the configuration.
    pub family: &'static str,
    /// How many ids the token embedding has.
    pub vocabulary: usize,
    /// Columns of the residual stream.
    pub width: usize,
    /// Columns between the MLP's projections.
    pub inner_width: usize,
    /// Columns of the logits; 0 without a head.
    pub logits: usize,
    /// How many blocks there are, those of a decoder after those of the encoder.
    pub blocks: usize,
    /// Which of them are a decoder that reads an encoder, if any.
    pub decoder: Option<Decoder>,
    /// How many tokens of a text the model was made for.
    pub max_positions: usize,
    /// What the number of the first position is in the table of positions.
    pub first_position: usize,
    /// The id of a token that positions do not count: it has the one before the first.
    pub uncounted_token: Option<u32>,
    /// Functions that PyTorch calls without a module, by the site of their value.
    pub functions: Vec<(Site, Activation)>,
    /// For each block the last one that has the same modules; empty where every block has modules of its own.
    pub shared_blocks: Vec<usize>,
    /// The attention of each block.
    pub attention: Vec<AttentionSettings>,
    /// The rotations that blocks choose from.
    pub rotations: Vec<RotarySettings>,
    /// How the branches of a block are added.
    pub residual: Residual,
    /// Numbers that values are multiplied by outside of modules.
    pub scales: Scales,
    /// How the head treats the rows of a text.
    pub pooling: Pooling,
    /// What head classes call the base model (`bert`): the prefix that checkpoints have or lack.
    pub base_prefix: &'static str,
    /// The path of the list of blocks, relative to the base model; of the encoder's, where there is a decoder.
    pub block_list: &'static str,
    /// The model itself: the module whose path is empty.
    pub root: Part,
}

impl Blueprint {
    /// The blocks that texts go through first: all of them, or those of the encoder.
    pub fn first_stack(&self) -> Range<usize> {
        0..self.decoder.as_ref().map_or(self.blocks, |decoder| decoder.first_block)
    }

    /// Where the layer lies that computes a site: blocks that share their modules have them at the last of these blocks.
    pub fn layer_site(&self, site: Site) -> Site {
        match site {
            Site::Block(block, site) => Site::Block(self.shared_blocks.get(block).copied().unwrap_or(block), site),
            other => other,
        }
    }

    /// The first site that the layer at `site` computes.
    pub fn first_use(&self, site: Site) -> Site {
        match site {
            Site::Block(block, site) => {
                let first = self.shared_blocks.iter().position(|shared| *shared == block);
                Site::Block(first.unwrap_or(block), site)
            }
            other => other,
        }
    }
}
